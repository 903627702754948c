"""Structured logs: one JSON object a line, as Cloud Logging reads them. Nothing private goes in."""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from typing import Any


class JsonFormatter(logging.Formatter):
    """The record as JSON. Fields given in `extra={"fields": {...}}` stand beside the sentence."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "severity": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1]:
            entry["exception"] = _without_contents(record.exc_info[1])
        return json.dumps(entry, ensure_ascii=False, default=str)


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


def log(name: str) -> logging.Logger:
    return logging.getLogger(f"allim.{name}")


def mask_phone(phone: str) -> str:
    """`01090004000` → `010****4000`: enough to recognise, not enough to call."""
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) >= 9 else "****"
