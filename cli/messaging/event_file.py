"""Events in a file: one JSON object, an array of them, or one after another, as JSON lines or not.

Each is kept as it is written, with the line on which it begins, and checked apart from the others.
"""

from __future__ import annotations

import codecs
import datetime as dt
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from shared.contracts.events import FUTURE_TOLERANCE, MAX_EVENT_BYTES, SubscriptionEvent
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


def no_utf_8(file: bytes) -> tuple[str, str] | None:
    """What a file is that is no text in UTF-8, and what to do, in English and Korean; None for one that is."""
    if file.startswith(b"PK\x03\x04"):
        return (
            "it is an Excel workbook (.xlsx) or a zip, not JSON; write the events in a text file, saved as UTF-8",
            "JSON이 아니라 엑셀(.xlsx) 또는 압축(zip) 파일입니다. 이벤트를 UTF-8 텍스트 파일로 저장해 주세요.",
        )
    if file.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\x00" in file[:2]:
        return (
            "it is written in UTF-16 (“Unicode”), not in UTF-8; save it as UTF-8",
            "UTF-16(유니코드)으로 저장된 파일입니다. UTF-8로 다시 저장해 주세요.",
        )
    try:
        file.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        try:
            file.decode("cp949")
        except UnicodeDecodeError:
            byte = error.object[error.start]
            return (
                f"line {line}: the byte 0x{byte:02X} is no letter in UTF-8; type it again, and save the file as UTF-8",
                f"{line}번째 줄: 읽을 수 없는 글자가 있습니다. 다시 입력하고 UTF-8로 저장해 주세요.",
            )
        return (
            f"line {line}: it is written in CP949 (“ANSI”), not in UTF-8; save the file as UTF-8",
            f"{line}번째 줄: CP949(ANSI)로 저장된 파일입니다. UTF-8로 다시 저장해 주세요.",
        )
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
        return f"line {error.lineno}, column {error.colno}: not JSON: {error.msg} (JSON이 아닙니다.)"
    return f"line {line}: not JSON that can be read: {error} (읽을 수 없는 JSON입니다.)"
