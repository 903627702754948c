"""Bounces: what mail servers return of a message that did not arrive (RFC 3464)."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Sequence
from email.message import EmailMessage, Message
from typing import NamedTuple
from uuid import UUID

_OURS = re.compile(r"<([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(\d{1,5})@[^>\s]+>")
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")


class Bounce(NamedTuple):
    """One that says for good that a message did not arrive.

    message_id: of the message that is returned; `ours`: our message and attempt that it names, nothing where it is none
    of ours.
    status: as RFC 3463 has it, such as 5.1.1.
    """

    message_id: str
    ours: Sequence[tuple[UUID, int]]
    status: str
    diagnostic: str | None


def read_bounce(body: bytes) -> Bounce:
    """A message in the form of RFC 3464. One on a delay, or on a message of somebody else, names none of ours.

    Raises:
        ValueError: it is not one.
    """
    whole = email.message_from_bytes(body, policy=email.policy.default)
    if whole.get_content_type() != "multipart/report":
        raise ValueError("not a delivery status notification: its content type is not multipart/report")
    parts = list(whole.walk())
    told = next((part for part in parts if part.get_content_type() == "message/delivery-status"), None)
    if told is None:
        raise ValueError("a report without its part message/delivery-status")
    fields = _fields_of(told)
    status = _STATUS.search(fields.get("status", ""))
    if status is None:
        raise ValueError("a delivery status without a status")
    message_id = _returned_id(parts)
    named = _OURS.fullmatch(message_id)
    is_final = fields.get("action", "").strip().lower() == "failed"
    ours = [(UUID(named[1]), int(named[2]))] if named and is_final else []
    return Bounce(message_id, ours, status[1], fields.get("diagnostic-code"))


def _fields_of(told: Message) -> dict[str, str]:
    """What is told of the recipient: the fields of each paragraph, the last one's word counting."""
    fields: dict[str, str] = {}
    payload = told.get_payload()
    for paragraph in payload if isinstance(payload, list) else []:
        if isinstance(paragraph, EmailMessage | Message):
            fields |= {name.lower(): " ".join(str(value).split())[:200] for name, value in paragraph.items()}
    return fields


def _returned_id(parts: Sequence[Message]) -> str:
    for part in parts:
        if part.get_content_type() == "text/rfc822-headers":
            headers = email.message_from_string(str(part.get_payload()), policy=email.policy.default)
            return str(headers.get("message-id", "")).strip()
        if part.get_content_type() == "message/rfc822":
            payload = part.get_payload()
            returned = payload[0] if isinstance(payload, list) and payload else None
            return str(returned.get("message-id", "")).strip() if isinstance(returned, Message) else ""
    return ""
