"""What the provider says to a call that hands over messages: https://api.ncloud-docs.com/docs/sens-sms-send.

An over-long text is cut, and a character that EUC-KR lacks makes a message fail afterwards: neither is refused.
"""

import re
from typing import Any

from simulator.fates import FATES, Fate, Stage
from simulator.sens.model import Service

MOST_RECIPIENTS = 100
LONGEST = {"SMS": 90, "LMS": 2_000}
LONGEST_SUBJECT = 40
DELIVERED, TIMED_OUT, BAD_CHARACTERS = "0", "2000", "3009"
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
    if not sender or (service.senders and sender not in service.senders):
        raise bad("from is not registered")
    return _recipients(body.get("messages"))


def _recipients(entries: Any) -> list[dict[str, Any]]:
    if not isinstance(entries, list) or not 1 <= len(entries) <= MOST_RECIPIENTS:
        raise bad(f"messages: 1 to {MOST_RECIPIENTS}")
    for entry in entries:
        number = entry.get("to") if isinstance(entry, dict) else None
        if not isinstance(number, str) or not _NUMBER.fullmatch(number):
            raise bad("to")
        fate = FATES.get(number[-4:])
        if fate is not None and fate.stage is Stage.INTAKE:
            raise bad(f"to: {number[-4:]}")
    return entries


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
