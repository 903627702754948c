"""Structured logs: one JSON object a line, as Cloud Logging reads them. Nothing private goes in.

A line carries the trace, the span and the execution id of the request that it was written for. What a request's headers
say is looked at when a line is written, so that a request that writes none pays for none.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

import orjson

from shared.platform.masking import mask_phones

Headers = Mapping[str, str]

_request: ContextVar[tuple[Headers, int] | None] = ContextVar("request", default=None)

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_CLOUD_TRACE = re.compile(r"([0-9a-fA-F]{32})(?:/([0-9]{1,20}))?(?:;.*)?")
_EXECUTION = re.compile(r"[A-Za-z0-9_-]{1,64}")


class JsonFormatter(logging.Formatter):
    """The record as JSON. Fields given in `extra={"fields": {...}}` stand beside the sentence."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "severity": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            **getattr(record, "fields", {}),
            **_of_request(),
        }
        if record.exc_info and record.exc_info[1]:
            entry["exception"] = _without_contents(record.exc_info[1])
        return _written(_masked(entry))


def _written(entry: Any) -> str:
    try:
        return orjson.dumps(entry, default=_as_text).decode()
    except TypeError:  # half a character of UTF-16, a number of more than 64 bits
        return json.dumps(entry, default=_as_text)


def _masked(value: Any) -> Any:
    """An error's sentence, or a field, may quote a phone number that no code of ours put there."""
    if isinstance(value, str):
        return mask_phones(value)
    if isinstance(value, Mapping):
        return {_masked(name): _masked(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(each) for each in value]
    return value


def _as_text(value: Any) -> str:
    return mask_phones(str(value))


def log_for(headers: Headers) -> None:
    """From here on, lines of this task, and of those that it starts, are a request's. `headers` are the request's."""
    _request.set((headers, 1))


def current_request() -> Headers | None:
    """The headers of the request that this task works for."""
    current = _request.get()
    return current[0] if current else None


def log_for_batch(headers: Headers | None, size: int) -> None:
    """From here on, lines of this task are of a batch.

    Args:
        headers: those of the request that brought the batch's first item.
        size: how many items there are; lines of more than one say so as `batched`.
    """
    _request.set((headers, size) if headers is not None else None)


def _of_request() -> dict[str, Any]:
    current = _request.get()
    if current is None:
        return {}
    headers, size = current
    fields: dict[str, Any] = {"batched": size} if size > 1 else {}
    trace, span = _trace_of(headers)
    if trace:
        project = os.environ.get("GOOGLE_CLOUD_PROJECT", "")
        fields["logging.googleapis.com/trace"] = f"projects/{project}/traces/{trace}"
    if span:
        fields["logging.googleapis.com/spanId"] = span
    if execution := _EXECUTION.fullmatch(headers.get("function-execution-id", "")):
        fields["logging.googleapis.com/labels"] = {"execution_id": execution[0]}
    return fields


def _trace_of(headers: Headers) -> tuple[str | None, str | None]:
    """A request's trace and span in hexadecimal, by the W3C's header or Google's older one."""
    if found := _TRACEPARENT.fullmatch(headers.get("traceparent", "")):
        return found[1], found[2]
    if found := _CLOUD_TRACE.fullmatch(headers.get("x-cloud-trace-context", "")):
        span = int(found[2] or 0)
        return found[1].lower(), f"{span:016x}" if 0 < span < 2**64 else None
    return None, None


def _without_contents(error: BaseException) -> str:
    """Where an error came from and the first line of what it says.

    The lines below may quote rows and inputs: Postgres prints the failing row, pydantic the value.
    """
    places = "".join(traceback.format_tb(error.__traceback__))
    inner = "".join(_without_contents(each) for each in getattr(error, "exceptions", ()))
    first_line = str(error).partition("\n")[0][:300]
    return f"{places}{type(error).__name__}: {first_line}\n{inner}"


def configure_logs() -> None:
    """Send the process's logs to standard output as JSON; `LOG_LEVEL` sets how much (default INFO)."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger("allim")
    root.handlers[:] = [handler]
    root.setLevel(os.environ.get("LOG_LEVEL", "INFO"))
    root.propagate = False
    logging.getLogger("httpx").setLevel("WARNING")  # it would write addresses, and Slack's is a secret


def log(name: str) -> logging.Logger:
    return logging.getLogger(f"allim.{name}")
