"""SMS, LMS and MMS as SENS has them: https://api.ncloud-docs.com/docs/sens-sms-send and sens-sms-get."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from shared.contracts.outcomes import Outcome
from shared.providers.base import OutboundMessage, Picture, ProviderAccount, Word
from shared.providers.matching import Listed, compared
from shared.providers.wire import read_in_korea

TYPES = {"sms": "SMS", "lms": "LMS", "mms": "MMS"}
CHANNELS = {wire: channel for channel, wire in TYPES.items()}
ADVERTISING = "(광고)"
"""With what the law lets an advertisement begin; its `contentType` is another one."""

LONGEST_FILE_NAME = 40

DELIVERED, FINISHED, FAILED_NAME = "0", "COMPLETED", "fail"
FAILED = frozenset(
    {
        *(
            "2000",
            "2001",
            "2002",
            "2003",
            "2004",
            "2005",
            "2006",
            "2007",
        ),  # 2000 not in time, 2003 off
        *("3000", "3001", "3002", "3003", "3004", "3005", "3006", "3007", "3008", "3009"),  # 3003 no such number
        *("3010", "3011", "3012", "3013", "3014", "3015", "3016"),  # 3012 spam, 3013 refused
        *("3017", "3018", "3019", "3023"),  # the sender's number: protected, blocked by KISA, wrong
    }
)
"""The codes of carriers that mean a failure, of a message that is `COMPLETED`. One that is neither here nor `DELIVERED`
is a failure where `statusName` says so, and never a delivery. None of them may still arrive: carriers have given up."""


def is_advertising(message: OutboundMessage) -> bool:
    return message.text.startswith(ADVERTISING)


def call_of(account: ProviderAccount, messages: Sequence[OutboundMessage], file: str | None) -> dict[str, Any]:
    """A call as the wire has it. `file`: the id of the picture that all of them show."""
    first = messages[0]
    body: dict[str, Any] = {
        "type": TYPES[first.channel],
        "contentType": "AD" if is_advertising(first) else "COMM",
        "countryCode": "82",
        "from": account.sender,
        "content": first.text,
        "messages": [_wire_message(message) for message in messages],
    }
    return body if file is None else {**body, "files": [{"fileId": file}]}


def file_of(picture: Picture) -> dict[str, str]:
    """A picture as it is handed over.

    SENS takes two files of one name and size for one, for six days, so the name is that of the content: as much of its
    hash as a file's name holds.
    """
    stem = picture.name.removesuffix(".jpg")[: LONGEST_FILE_NAME - len(".jpg")]
    return {"fileName": f"{stem}.jpg", "fileBody": base64.b64encode(picture.content).decode()}


def listed(entry: Mapping[str, Any]) -> Listed:
    return Listed(str(entry["requestId"]), str(entry["to"]), compared(entry["content"]), str(entry["messageId"]))


def word(entry: Mapping[str, Any]) -> Word | None:
    """What a list says of a message; None for one of a kind that we do not send."""
    channel = CHANNELS.get(str(entry["type"]).upper())
    if channel is None:
        return None
    status = str(entry.get("status") or "")
    code = str(entry["statusCode"]) if status == FINISHED and entry.get("statusCode") is not None else status
    return Word(
        batch=str(entry["requestId"]),
        to=str(entry["to"]),
        provider_message_id=str(entry["messageId"]),
        channel=channel,
        code=code,
        outcome=outcome_of(code, str(entry.get("statusName"))) if status == FINISHED else Outcome.SENT,
        detail=entry.get("statusMessage"),
        at=read_in_korea(entry.get("completeTime")),
    )


def outcome_of(code: str, name: str) -> Outcome:
    """What the code of a finished message means, with the name beside it."""
    if code == DELIVERED:
        return Outcome.DELIVERED
    return Outcome.FAILED if code in FAILED or name == FAILED_NAME else Outcome.SENT


def _wire_message(message: OutboundMessage) -> dict[str, str]:
    wire = {"to": message.to, "content": message.text}
    return wire if message.subject is None else {**wire, "subject": message.subject}
