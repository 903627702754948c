"""On what terms a tenant sends by an account: what for, how much of it, and under which certificate."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from shared.law.senders import LEGS_FROM_A_NUMBER, is_sender
from shared.platform.clock import SEOUL
from shared.platform.errors import AllimError
from shared.providers import legs_carried

HEAVIEST = 100
LONGEST_NUMBER = 100

_ADDRESS = re.compile(
    r"[^\s<>@,;]+@[^\s<>@,;]+\.[^\s<>@,;]+|[^<>@,;\r\n]{1,100} <[^\s<>@,;]+@[^\s<>@,;]+\.[^\s<>@,;]+>"
)


class TermsError(AllimError):
    """An account can't have such terms: `unknown_provider`, `channel_not_carried`, `bad_sender`, `bad_weight`,
    `bad_certificate`, `certificate_expired`."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a tenant's account is used for.

    channels: of those that a route names; None for all that its provider carries.
    weight: how much is sent by it beside the others that carry the channel, 0 to 100; by one of 0, only what no other
        can send.
    certificate_number, certificate_until: of the transmission certificate that whoever sends texts for others holds
        (정보통신망법 제50조의3, 전기통신사업법 제22조의11), and its last day in Korea. An account whose certificate is
        over sends nothing; None: it is used under none of ours.
    """

    channels: tuple[str, ...] | None = None
    weight: int = HEAVIEST
    certificate_number: str | None = None
    certificate_until: dt.date | None = None


def carried(provider: str, terms: Terms) -> list[str]:
    """The channels of routes that an account carries on such terms.

    Args:
        provider: its name.
        terms: of the account.

    Raises:
        TermsError: they can't be an account's of that provider.
    """
    known = legs_carried()
    if provider not in known:
        raise TermsError(
            "unknown_provider",
            f"nothing can be sent by {provider!r}; known: {', '.join(known)}",
            f"{provider}: 지원하지 않는 발송사입니다. 쓸 수 있는 것: {', '.join(known)}",
            field="provider",
        )
    _check(terms)
    return list(known[provider]) if terms.channels is None else _chosen(provider, terms.channels, known[provider])


def sends_from(provider: str) -> Literal["number", "address", "nothing"]:
    """What stands as the sender of what goes by a provider: a telephone number, an e-mail address, or nothing that is
    said with an account."""
    legs = legs_carried()[provider]
    if any(leg in LEGS_FROM_A_NUMBER for leg in legs):
        return "number"
    return "address" if "email" in legs else "nothing"


def check_sender(provider: str, sender: str) -> None:
    """Refuse what can't be the sender of an account at a provider. Raises TermsError: `bad_sender`."""
    kind = sends_from(provider)
    if kind == "number" and not is_sender(sender):
        told = "a sender is a Korean number, digits alone, such as 0212345678"
        raise TermsError("bad_sender", told, "발신번호는 숫자만 쓴 국내 번호입니다. 예: 0212345678", field="sender")
    if kind == "address" and not _ADDRESS.fullmatch(sender):
        told = "a sender of e-mail is an address, such as 가게 <hello@shop.example>"
        raise TermsError(
            "bad_sender", told, "보내는 이메일 주소를 쓰세요. 예: 가게 <hello@shop.example>", field="sender"
        )
    if kind == "nothing" and sender:
        told = f"what goes by {provider} has no sender; leave it out"
        raise TermsError("bad_sender", told, f"{provider} 계정에는 발신번호가 없습니다. 빼 주세요.", field="sender")


def expect_to_hold(terms: Terms, now: dt.datetime) -> None:
    """Refuse a certificate that is over. Raises TermsError: `certificate_expired`."""
    if terms.certificate_until is not None and terms.certificate_until < now.astimezone(SEOUL).date():
        raise TermsError(
            "certificate_expired",
            f"the certificate was over on {terms.certificate_until}: nothing would leave by the account",
            f"전송자격인증이 {terms.certificate_until}에 만료되어 이 계정으로 보낼 수 없습니다.",
            field="certificate_until",
        )


def _chosen(provider: str, channels: Sequence[str], known: Sequence[str]) -> list[str]:
    strange = [channel for channel in channels if channel not in known]
    if strange or not channels:
        raise TermsError(
            "channel_not_carried",
            f"{provider} carries {', '.join(known)}, not {', '.join(strange) or 'nothing'}",
            f"{provider}에서 쓸 수 있는 채널: {', '.join(known)}",
            field="channels",
        )
    return [leg for leg in known if leg in channels]


def _check(terms: Terms) -> None:
    if not 0 <= terms.weight <= HEAVIEST:
        told = f"a weight is 0 to {HEAVIEST}"
        raise TermsError("bad_weight", told, f"가중치는 0에서 {HEAVIEST}까지입니다.", field="weight")
    number = terms.certificate_number
    if (number is None) != (terms.certificate_until is None):
        told = "a certificate has a number and a last day"
        raise TermsError(
            "bad_certificate", told, "인증서에는 번호와 만료일이 모두 필요합니다.", field="certificate_until"
        )
    if number is not None and not (0 < len(number.strip()) <= LONGEST_NUMBER and number.isprintable()):
        told = f"a certificate's number has 1 to {LONGEST_NUMBER} characters"
        told_ko = f"인증서 번호는 1자에서 {LONGEST_NUMBER}자까지입니다."
        raise TermsError("bad_certificate", told, told_ko, field="certificate_number")
