"""What the provider keeps: accounts, groups and messages."""

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import orjson

from simulator.clock import iso
from simulator.solapi.sending.codes import ACCEPTED, is_refusal
from simulator.solapi.sending.templates import Template, VariableMissingError

COUNTRY = "82"
DEFAULT_PRICES = {"sms": 18, "lms": 45, "mms": 110, "ata": 13}
"""Won a message, without VAT; https://solapi.com/pricing, which changes."""

_SENDER = re.compile(r"01[016789]\d{7,8}|0(?:2|[3-6][1-5])\d{7,8}|0(?:70|80)\d{7,8}|1[568]\d{6}")
"""Numbers that may send at all: mobile, land line, 070 and 080, and eight digits of 15YY, 16YY and 18YY; not 050."""


@dataclass(eq=False)
class Account:
    """A customer of the provider. Money is in hundredths of a won.

    Attributes:
        senders: registered sender numbers; none registered means that any well-formed number may send.
        pf_ids: Kakao channels; none means any.
        inspection: the part of a path under which inspections are asked for.
        messages: every message ever handed over, refused ones too, in order.
    """

    api_key: str
    api_secret: str
    account_id: str
    senders: frozenset[str] = frozenset()
    pf_ids: frozenset[str] = frozenset()
    webhook_url: str | None = None
    webhook_secret: str = ""
    inspection: str = "/v2/"
    balance: int = 0
    prices: dict[str, int] = field(default_factory=dict)
    templates: dict[str, Template] = field(default_factory=dict)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: dict[str, "Group"] = field(default_factory=dict)
    messages: list["Message"] = field(default_factory=list)
    by_id: dict[str, "Message"] = field(default_factory=dict)
    _may_send: dict[str, bool] = field(default_factory=dict)

    def may_send_from(self, sender: str) -> bool:
        """Whether a number is registered as a sender."""
        known = self._may_send.get(sender)
        if known is None:
            known = _SENDER.fullmatch(sender) is not None and (not self.senders or sender in self.senders)
            self._may_send[sender] = known
        return known

    def file_kind(self, file_id: object) -> str | None:
        """What a file was stored as; None where there is none of that id."""
        file = self.files.get(str(file_id))
        return file["type"] if file else None

    def register_senders(self, senders: frozenset[str]) -> None:
        """Replace the registered sender numbers."""
        self.senders = senders
        self._may_send.clear()

    def price(self, kind: str) -> int:
        """The price of a message type; one that has none costs as much as an AlimTalk."""
        return self.prices.get(kind.lower(), self.prices["ata"])

    def webhook_headers(self) -> dict[str, str]:
        """The secret header is the same at every call: the SHA-1 of the secret, no signature of the body."""
        return {
            "Content-Type": "application/json",
            "X-Solapi-Event-Name": "SINGLE-REPORT",
            "X-Solapi-Secret": hashlib.sha1(self.webhook_secret.encode(), usedforsecurity=False).hexdigest(),
        }

    def webhook_body(self, reports: list[dict[str, Any]], retry_count: int) -> bytes:
        """An array of events, each marked with how often it was tried before."""
        if retry_count:
            for report in reports:
                report["retryCount"] = retry_count
        return orjson.dumps(reports)


@dataclass(slots=True, eq=False)
class Message:
    """A message to one recipient.

    Attributes:
        raw: as handed over; sender, subject and options are read from it when they are asked for.
        type: the channel it goes by now; a replaced AlimTalk is an SMS or LMS.
        text: as the recipient would read it.
        status_code: the present status.
        outcome: the status that delivery ends with; not used for a refused message.
        seq: its place in the account's messages.
        paid: hundredths of a won charged for it and not given back.
    """

    message_id: str
    group: "Group"
    raw: dict[str, Any]
    to: str
    type: str
    text: str
    status_code: str
    outcome: str
    created: float
    updated: float
    seq: int
    paid: int = 0
    replacement: bool = False

    @property
    def is_sent(self) -> bool:
        """Whether the provider took charge of it."""
        return self.group.sent is not None and not is_refusal(self.status_code)

    def as_accepted(self) -> dict[str, Any]:
        """The message as the control API shows it."""
        return {
            "provider": "solapi",
            "messageId": self.message_id,
            "groupId": self.group.group_id,
            "to": self.to,
            "from": self.raw.get("from"),
            "type": self.type,
            "text": self.text,
            "buttons": self._buttons(),
            "image": self._image(),
            "customFields": self.raw.get("customFields") or {},
            "status": self.status_code,
            "replacement": self.replacement,
            "at": iso(self.group.sent),
        }

    def _image(self) -> str | None:
        """The name of the picture that it shows."""
        bubble = (self.raw.get("kakaoOptions") or {}).get("bms") or {}
        stored = self.group.account.files.get(str(self.raw.get("imageId") or bubble.get("imageId")))
        return stored["name"] if stored else None

    def _buttons(self) -> list[dict[str, Any]]:
        """Those under a KakaoTalk message, as the recipient has them: given with it, or its template's."""
        kakao = self.raw.get("kakaoOptions") or {}
        if bubble := kakao.get("bms"):
            return list(bubble.get("buttons") or [])
        template = self.group.account.templates.get(str(kakao.get("templateId")))
        if self.type != "ATA" or kakao.get("buttons") or template is None:
            return list(kakao.get("buttons") or []) if self.type == "ATA" else []
        try:
            return template.filled_buttons(kakao.get("variables") or {})
        except VariableMissingError:  # it was changed since
            return []


@dataclass(slots=True, eq=False)
class Group:
    """Messages that are sent together, once.

    Attributes:
        status: PENDING, SCHEDULED, SENDING, COMPLETE, FAILED or DELETED.
        recipients: numbers of the accepted messages, to find duplicates.
        types: accepted messages by type.
        log: what happened, for people.
    """

    group_id: str
    account: Account
    allow_duplicates: bool
    created: float
    updated: float
    status: str = "PENDING"
    app_id: str | None = None
    sdk_version: str | None = None
    os_platform: str | None = None
    custom_fields: dict[str, str] = field(default_factory=dict)
    scheduled: float | None = None
    sent: float | None = None
    completed: float | None = None
    messages: list[Message] = field(default_factory=list)
    recipients: set[str] = field(default_factory=set)
    types: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    delivered: int = 0
    failed: int = 0
    replaced: int = 0
    refunded: int = 0
    charged_sum: int = 0
    replaced_sum: int = 0
    refunded_sum: int = 0
    log: list[dict[str, Any]] = field(default_factory=list)

    @property
    def accepted(self) -> int:
        """How many messages will be, or were, sent."""
        return len(self.messages) - self.refused

    def note(self, now: float, message: str, **more: Any) -> None:
        """Write a line into the log."""
        self.updated = now
        self.log.append({"createAt": iso(now), "message": message, **more})

    def sendable(self) -> list[Message]:
        """The messages that were not refused, before any of them is sent."""
        if not self.refused:
            return self.messages
        return [message for message in self.messages if message.status_code == ACCEPTED]


def won(hundredths: int) -> float:
    """Hundredths of a won as the number that the API shows."""
    return hundredths // 100 if hundredths % 100 == 0 else hundredths / 100
