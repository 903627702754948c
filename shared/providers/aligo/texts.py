"""SMS, LMS and MMS as Aligo has them: https://smartsms.aligo.in/smsapi.html."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shared.contracts.outcomes import Outcome
from shared.contracts.text import unencodable
from shared.providers.base import OutboundMessage, ProviderAccount, Word
from shared.providers.matching import compared
from shared.providers.wire import read_in_korea

TYPES = {"sms": "SMS", "lms": "LMS", "mms": "MMS"}
CHANNELS = {wire: channel for channel, wire in TYPES.items()}

MOST_ALIKE, MOST_EACH = 1_000, 500
"""Recipients of one text, and of a text each."""

DELIVERED = frozenset({"발송완료", "전송완료"})
FAILED = frozenset({"발송실패", "전송실패", "수신실패", "실패", "수신거부", "취소완료"})
"""`sms_state`. Aligo publishes no list of them: what is in neither set is not final, and never a delivery."""


def cant_be_written(message: OutboundMessage) -> str:
    """The characters of a text that would leave as `?`."""
    return unencodable(message.text + (message.subject or ""))


def call_of(account: ProviderAccount, messages: Sequence[OutboundMessage]) -> tuple[str, dict[str, str]]:
    """The path and the fields of a call. Its type is told: left out, Aligo chooses one by the length."""
    first = messages[0]
    fields = {"sender": account.sender, "msg_type": TYPES[first.channel]}
    if first.subject is not None:
        fields["title"] = first.subject
    if all(message.text == first.text for message in messages):
        return "/send/", {**fields, "receiver": ",".join(message.to for message in messages), "msg": first.text}
    fields["cnt"] = str(len(messages))
    for number, message in enumerate(messages, 1):
        fields |= {f"rec_{number}": message.to, f"msg_{number}": message.text}
    return "/send_mass/", fields


def may_be(entry: Mapping[str, Any], account: ProviderAccount, messages: Iterable[OutboundMessage]) -> bool:
    """Whether a call in the list of a day may be the one by which messages were sent; it may show words cut short, and
    of several only the first."""
    said = compared(entry.get("msg") or "")
    return (
        channel_of(entry) is not None
        and digits(entry.get("sender")) == account.sender
        and any(
            message.channel == channel_of(entry) and compared(message.text).startswith(said) for message in messages
        )
    )


def channel_of(entry: Mapping[str, Any]) -> str | None:
    """Ours; None of what is no text: AlimTalks are in these lists, too."""
    return CHANNELS.get(str(entry.get("type") or "").upper())


def digits(number: object) -> str:
    return re.sub(r"\D", "", str(number))


def word(mid: str, entry: Mapping[str, Any]) -> Word | None:
    """What is said of a recipient of a call; None of what is no text."""
    channel, state = channel_of(entry), str(entry.get("sms_state") or "")
    if channel is None:
        return None
    return Word(
        batch=mid,
        to=digits(entry["receiver"]),
        provider_message_id=str(entry["mdid"]),
        channel=channel,
        code=state or "unknown",
        outcome=outcome_of(state),
        at=read_in_korea(entry.get("send_date")),
    )


def outcome_of(state: str) -> Outcome:
    """What Aligo's word for a recipient means."""
    if state in DELIVERED:
        return Outcome.DELIVERED
    return Outcome.FAILED if state in FAILED else Outcome.SENT
