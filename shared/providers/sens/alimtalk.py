"""AlimTalk as SENS has it: https://api.ncloud-docs.com/docs/sens-alimtalk-send and sens-alimtalk-get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared.contracts.alimtalk import NOT_REACHED
from shared.contracts.outcomes import Outcome
from shared.contracts.reports import ProviderReport
from shared.providers.base import Accepted, Button, OutboundMessage, ProviderAccount, Submitted, Word
from shared.providers.wire import read_in_korea

BATCH = "alimtalk/"
"""How ids of calls begin that are AlimTalk's; those of texts are SENS's own as they are."""

TAKEN = "A000"
"""`requestStatusCode` of what was taken, which is no delivery."""

DELIVERED, FAILED_NAME = "0000", "fail"
MAY_STILL_ARRIVE = frozenset({"3005"})
"""Kakao does not know yet, for up to three days."""

FAILED = frozenset(
    {
        *("1001", "1002", "1003", "1004", "1005", "1006", "1007", "1011", "1012", "1013", "1014", "1015"),
        *("1020", "1021", "1022", "1023", "1024", "1025", "1026", "1027", "1028", "1029", "1030", "1031", "1033"),
        # 10xx: the channel's profile, the template's code, the request itself
        *("2001", "2002", "2003", "2004", "2005", "2006"),  # Kakao's servers
        *("3000", "3001", "3002", "3006", "3008", "3010", "3011", "3012", "3013"),
        *("3014", "3015", "3016", "3017"),  # 3014 length, 3015 no such template, 3016 other words than approved
        *NOT_REACHED,
        "3022",  # not at these hours
        *("3024", "3025", "3026", "3027", "3028", "3029", "3030"),  # 3025 a variable's length, 3027 the buttons
        *("3040", "3041", "3042", "3043", "3044", "3045", "3046", "3047", "3048", "3049", "3050", "3051"),
        *("4000", "4001", "4002", "8101", "8102", "9998", "9999"),
    }
)
"""Kakao's codes that mean a failure. One that is in none of these sets is a failure where `messageStatusName` says so,
and never a delivery."""


def call_of(account: ProviderAccount, messages: Sequence[OutboundMessage]) -> dict[str, Any]:
    """A call as the wire has it: of one template."""
    return {
        "plusFriendId": account.kakao_channel,
        "templateCode": messages[0].template_code,
        "messages": [_wire_message(message) for message in messages],
    }


def submitted(messages: Sequence[OutboundMessage], answer: Mapping[str, Any]) -> Submitted:
    """What came of a call, recipient by recipient. Raises KeyError where one is missing in the answer."""
    said = {str(entry["to"]): entry for entry in answer["messages"]}
    accepted, refused = [], []
    for message in messages:
        entry = said[message.to]
        name, code = str(entry.get("messageId") or ""), str(entry["requestStatusCode"])
        if code == TAKEN:
            accepted.append(Accepted(message.message, name))
        else:
            refused.append(
                ProviderReport(
                    message=message.message,
                    attempt=message.attempt,
                    channel=message.channel,
                    provider_message_id=name,
                    code=code,
                    outcome=Outcome.FAILED,
                    detail=entry.get("requestStatusDesc"),
                )
            )
    return Submitted(BATCH + str(answer["requestId"]), accepted, refused)


def word(entry: Mapping[str, Any]) -> Word:
    """What a list says of a message."""
    status = str(entry.get("messageStatusCode") or "")
    name = str(entry.get("messageStatusName") or "")
    asked = str(entry.get("requestStatusCode") or TAKEN)
    if asked != TAKEN:
        code, outcome = asked, Outcome.FAILED
    else:
        code, outcome = status or name or asked, outcome_of(status, name)
    return Word(
        batch=BATCH + str(entry["requestId"]),
        to=str(entry["to"]),
        provider_message_id=str(entry["messageId"]),
        channel="alimtalk",
        code=code,
        outcome=outcome,
        detail=entry.get("messageStatusDesc") or entry.get("requestStatusDesc"),
        at=read_in_korea(entry.get("completeTime")),
        lasting=code in NOT_REACHED,
    )


def outcome_of(code: str, name: str = "") -> Outcome:
    """What Kakao's code means, with the name beside it."""
    if code == DELIVERED:
        return Outcome.DELIVERED
    if code in MAY_STILL_ARRIVE:
        return Outcome.UNCONFIRMED
    return Outcome.FAILED if code in FAILED or name == FAILED_NAME else Outcome.SENT


def _wire_message(message: OutboundMessage) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "countryCode": "82",
        "to": message.to,
        "content": message.text,
        # Our router falls back. Left out, the console's setting of the channel holds, and the customer is told twice.
        "useSmsFailover": False,
    }
    if message.buttons:
        wire["buttons"] = [
            {"type": "WL", "name": each.name, "linkMobile": each.mobile, "linkPc": each.desktop or each.mobile}
            if each.kind == "WL"
            else _other_button(each)
            for each in message.buttons
        ]
    return wire


def _other_button(button: Button) -> dict[str, str]:
    """One that opens an app or no page at all."""
    links = {"schemeAndroid": button.android, "schemeIos": button.ios, "linkMobile": button.mobile}
    return {"type": button.kind, "name": button.name, **{name: link for name, link in links.items() if link}}
