"""Events in a file: one JSON object, an array of them, or one after another, as JSON lines or not.

Each is kept as it is written, with the line on which it begins, and checked apart from the others.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from shared.contracts import FUTURE_TOLERANCE, MAX_EVENT_BYTES, SubscriptionEvent
from shared.platform.errors import misfits

_BLANK = re.compile(r"[ \t\r\n]*")
_NEXT_OBJECT = re.compile(r"^\{", re.MULTILINE)
ERRORS_AN_EVENT = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands in the place of an event. `not_json` says why it isn't JSON, at which line; None when it is."""

    line: int
    data: bytes
    not_json: str | None = None

    def fault(self, now: dt.datetime) -> str | None:
        """Why it is no event that can be taken in `now`, with its line, or None."""
        if self.not_json:
            return self.not_json
        if len(self.data) > MAX_EVENT_BYTES:
            return f"line {self.line}: {len(self.data):,} bytes; {MAX_EVENT_BYTES:,} fit in an event (너무 큽니다.)"
        try:
            event = SubscriptionEvent.model_validate_json(self.data)
        except ValidationError as error:
            told = "; ".join(misfit.both for misfit in misfits(error)[:ERRORS_AN_EVENT])
            return f"line {self.line}: {told}"
        if event.time > now + FUTURE_TOLERANCE:
            return f"line {self.line}: time: {event.time.isoformat()} is over an hour ahead (한 시간 이상 미래입니다.)"
        return None


def entries(file: bytes) -> Iterator[Entry]:
    """The entries of a file, in order.

    After something that is not JSON, reading goes on at the next line that begins with a brace; within an array it ends
    there, for what follows can't be told apart.
    """
    text = file.decode("utf-8-sig", errors="surrogateescape")
    decoder = json.JSONDecoder()
    at = _after_blank(text, 0)
    in_array = text.startswith("[", at)
    if in_array:
        at = _after_blank(text, at + 1)
    line, counted = 1, 0
    while at < len(text) and not (in_array and text[at] == "]"):
        line, counted = line + text.count("\n", counted, at), at
        not_json = None
        try:
            _, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            not_json = _told(error, line)
            resumed = None if in_array else _NEXT_OBJECT.search(text, at + 1)
            end = resumed.start() if resumed else len(text)
        yield Entry(line, text[at:end].rstrip().encode(errors="surrogateescape"), not_json)
        at = _after_blank(text, end)
        if in_array and text.startswith(",", at):
            at = _after_blank(text, at + 1)


def _after_blank(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at


def _told(error: ValueError | RecursionError, line: int) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"line {line}: not JSON: {error.msg} (line {error.lineno}, column {error.colno}; JSON이 아닙니다.)"
    return f"line {line}: not JSON that can be read: {error} (읽을 수 없는 JSON입니다.)"
