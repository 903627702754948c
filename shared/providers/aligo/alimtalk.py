"""AlimTalk as Aligo has it: https://smartsms.aligo.in/alimapi.html."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from shared.contracts.alimtalk import NOT_REACHED
from shared.contracts.outcomes import Outcome
from shared.providers.aligo.texts import digits
from shared.providers.base import Button, OutboundMessage, ProviderAccount, Word
from shared.providers.matching import Listed, compared
from shared.providers.wire import read_in_korea

BATCH = "alimtalk/"
"""How ids of calls begin that are AlimTalk's: those of texts are numbers of their own."""

MOST_RECIPIENTS = 500

DELIVERED = "0"
MAY_STILL_ARRIVE = frozenset({"3005"})
FAILED = frozenset(
    {
        *("U", "K"),  # Aligo's own: other words than approved; no KakaoTalk, or blocked
        *("1003", "1006", "1007", "1011", "1013", "1015", "1021", "1025", "1028", "1030"),  # channel, template, request
        *("3000", "3001", "3006", "3008", "3010", "3011", "3012", "3013", "3014", "3015", "3016", "3017"),
        *NOT_REACHED,
        *("3022", "3024", "3025", "3026", "3027", "3028", "3029", "3030"),
        *("4000", "4001", "4002", "8101", "8102", "9998", "9999"),
    }
)
"""`rslt`. Aligo publishes no list of them: these are Kakao's, and what others have seen. One of no set is not final."""

LASTING = NOT_REACHED | {"K"}


def call_of(account: ProviderAccount, messages: Sequence[OutboundMessage]) -> dict[str, str]:
    """The fields of a call, of one template."""
    fields = {
        "senderkey": str(account.kakao_channel),
        "tpl_code": str(messages[0].template_code),
        "sender": account.sender,
        # Our router falls back; theirs beside it would tell the customer twice.
        "failover": "N",
        "testMode": "N",
    }
    for number, message in enumerate(messages, 1):
        fields |= {
            f"receiver_{number}": message.to,
            f"subject_{number}": message.subject or str(message.template_code),  # required, and shown to nobody
            f"message_{number}": message.text,
        }
        if message.buttons:
            fields[f"button_{number}"] = orjson.dumps({"button": [_button(each) for each in message.buttons]}).decode()
    return fields


def listed(mid: str, entry: Mapping[str, Any]) -> Listed:
    return Listed(BATCH + mid, digits(entry["phone"]), compared(entry["message"]), str(entry["msgid"]))


def word(mid: str, entry: Mapping[str, Any]) -> Word:
    """What is said of a recipient of a call."""
    result = str(entry.get("rslt") if entry.get("rslt") is not None else "")
    return Word(
        batch=BATCH + mid,
        to=digits(entry["phone"]),
        provider_message_id=str(entry["msgid"]),
        channel="alimtalk",
        code=result or "unknown",
        outcome=outcome_of(result),
        detail=entry.get("rslt_message") or None,
        at=read_in_korea(entry.get("rsltdate")),
        lasting=result in LASTING,
    )


def outcome_of(result: str) -> Outcome:
    """What a result means; none at all, that there is none yet."""
    if result == DELIVERED:
        return Outcome.DELIVERED
    if result in MAY_STILL_ARRIVE:
        return Outcome.UNCONFIRMED
    return Outcome.FAILED if result in FAILED else Outcome.SENT


_KINDS = {
    "WL": "웹링크",
    "AL": "앱링크",
    "DS": "배송조회",
    "BK": "봇키워드",
    "MD": "메시지전달",
    "AC": "채널 추가",
    "BC": "상담톡전환",
    "BT": "봇전환",
}
"""Kinds of buttons, as Aligo calls each beside its code."""


def _button(button: Button) -> dict[str, str]:
    links = {
        "linkMo": button.mobile,
        "linkPc": button.desktop or button.mobile,
        "linkAnd": button.android,
        "linkIos": button.ios,
    }
    named = {"name": button.name, "linkType": button.kind, "linkTypeName": _KINDS.get(button.kind, button.name)}
    return named | {name: link for name, link in links.items() if link}
