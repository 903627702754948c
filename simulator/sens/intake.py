"""What the provider says to a call that hands over texts: https://api.ncloud-docs.com/docs/sens-sms-send.

An over-long text is cut, and a character that EUC-KR lacks makes a message fail afterwards: neither is refused.
"""

import base64
import binascii
import re
import uuid
from typing import Any

from simulator.fates import FATES, Fate, Stage
from simulator.sens.model import File, Service
from simulator.solapi.files import image_size

MOST_RECIPIENTS = 100
LONGEST = {"SMS": 90, "LMS": 2_000, "MMS": 2_000}
LONGEST_SUBJECT = 40
DELIVERED, TIMED_OUT, BAD_CHARACTERS = "0", "2000", "3009"

LARGEST_FILE, WIDEST, HIGHEST = 300 * 1024, 1_500, 1_440
FILE_DAYS = 6
_FILE_NAME = re.compile(r".{1,36}\.jpe?g", re.IGNORECASE)
_NUMBER = re.compile(r"\d{8,12}")

_AT_CARRIERS = {"3010": "3003", "3031": "3000", "3032": "3001", "3040": "2000", "3042": "2005", "3043": "2003"}
"""What some of the fates' codes are called here; the others are called as at SOLAPI."""


class SensError(Exception):
    """A call is answered with an error: HTTP status, and what the gateway or the service says."""

    def __init__(self, status: int, code: str, message: str, details: str) -> None:
        super().__init__(details)
        self.status = status
        self.code = code
        self.message = message
        self.details = details


def bad(details: str) -> SensError:
    return SensError(400, "400", "Bad Request", details)


def check(service: Service, body: Any) -> list[dict[str, Any]]:
    """The recipients of a call that is taken.

    Raises:
        SensError: 400 for the whole call.
    """
    if not isinstance(body, dict):
        raise bad("the body is no object")
    kind = str(body.get("type") or "").upper()
    if kind not in LONGEST:
        raise bad("type")
    if body.get("contentType", "COMM") not in ("COMM", "AD"):
        raise bad("contentType")
    if not body.get("content") or not isinstance(body["content"], str):
        raise bad("content")
    if str(body.get("countryCode", "82")) != "82":
        raise bad("countryCode")
    sender = str(body.get("from") or "")
    if not sender or (service.spec.senders and sender not in service.spec.senders):
        raise bad("from is not registered")
    recipients = recipients_of(body)
    for entry in recipients:
        fate = FATES.get(entry["to"][-4:])
        if fate is not None and fate.stage is Stage.INTAKE:
            raise bad(f"to: {entry['to'][-4:]}")
    return recipients


def recipients_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of a call, each with its number. Raises SensError."""
    entries = body.get("messages")
    if not isinstance(entries, list) or not 1 <= len(entries) <= MOST_RECIPIENTS:
        raise bad(f"messages: 1 to {MOST_RECIPIENTS}")
    for entry in entries:
        number = entry.get("to") if isinstance(entry, dict) else None
        if not isinstance(number, str) or not _NUMBER.fullmatch(number):
            raise bad("to")
    return entries


def check_files(service: Service, body: dict[str, Any], now: float) -> bool:
    """Whether a call shows pictures. Raises SensError: one that is not kept."""
    files = body.get("files") or []
    kept = {file.file_id for file in service.files.values() if file.expires > now}
    if not isinstance(files, list) or not all(isinstance(each, dict) and each.get("fileId") in kept for each in files):
        raise bad("files")
    return bool(files)


def keep(service: Service, body: Any, now: float) -> File:
    """Take a picture. One of the same name and size is taken to be the same, whatever it shows. Raises SensError."""
    if not isinstance(body, dict) or not _FILE_NAME.fullmatch(str(body.get("fileName") or "")):
        raise bad("fileName: .jpg or .jpeg, 40 characters")
    try:
        content = base64.b64decode(str(body.get("fileBody") or ""), validate=True)
    except (binascii.Error, ValueError) as error:
        raise bad("fileBody: base64") from error
    size = image_size(content)
    if not content.startswith(b"\xff\xd8") or size is None:
        raise bad("fileBody: no JPEG")
    if len(content) > LARGEST_FILE or size[0] > WIDEST or size[1] > HIGHEST:
        raise bad("fileBody: 300 KB and 1500x1440 at most")
    name = body["fileName"], len(content)
    known = service.files.get(name)
    if known is None or known.expires <= now:
        service.files[name] = known = File(str(uuid.uuid4()), len(content), now + FILE_DAYS * 24 * 3600)
    return known


def cut(text: str, most: int) -> str:
    """As much of a text as reaches the phone."""
    return text.encode("cp949", "replace")[:most].decode("cp949", "ignore")


def end_of(number: str, text: str) -> str | None:
    """The result that a message comes to; None while it stays at the carrier."""
    try:
        text.encode("cp949")
    except UnicodeEncodeError:
        return BAD_CHARACTERS
    fate: Fate | None = FATES.get(number[-4:])
    if fate is None or fate.stage in (Stage.DELIVERED, Stage.KAKAO):
        return DELIVERED
    return None if fate.stage is Stage.WAITING else result_named(fate.code)


def result_named(code: str) -> str:
    """What a fate's code is called here."""
    return DELIVERED if code == "4000" else _AT_CARRIERS.get(code, code)
