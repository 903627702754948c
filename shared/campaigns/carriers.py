"""By which accounts a send would leave, and what stands in the way: the claim's rule (`deciding_accounts`) before it is
asked, and what the provider would refuse."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.law.senders import LEGS_FROM_A_NUMBER, is_sender
from shared.messages.reasons import ACCOUNT_PAUSED, CERTIFICATE_EXPIRED, CHANNEL_NOT_CARRIED, SENDER_UNREGISTERED
from shared.providers import OF_KAKAO

NO_KAKAO_CHANNEL, BAD_SENDER = "no_kakao_channel", "bad_sender"

SAID: Mapping[str, tuple[str, str]] = {
    ACCOUNT_PAUSED: (
        "every account that could send it is paused: messages wait until one is resumed",
        "보낼 수 있는 발송 계정이 모두 일시 중지되어, 다시 시작할 때까지 대기합니다.",
    ),
    NO_KAKAO_CHANNEL: (
        "the provider account has no KakaoTalk channel, so AlimTalk and Brand Message will fail",
        "연결된 카카오톡 채널이 없어 알림톡과 브랜드 메시지를 보낼 수 없습니다.",
    ),
    BAD_SENDER: (
        "the account's number can't be a sender: digits of a land line, 15xx to 18xx, 070 or a mobile number",
        "발신번호는 숫자만으로 된 유선, 대표(15xx 등), 070 또는 휴대전화 번호여야 합니다.",
    ),
    SENDER_UNREGISTERED: (
        "the account's sender number is not registered and verified",
        "등록되고 확인된 발신번호가 아닙니다.",
    ),
    CERTIFICATE_EXPIRED: (
        "the transmission certificate of the account is over",
        "발송 계정의 전송자격인증이 만료되었습니다.",
    ),
    CHANNEL_NOT_CARRIED: ("no account carries the channel", "이 채널을 보낼 수 있는 발송 계정이 없습니다."),
}
"""Why an account can't send a channel's messages, from the best to the worst; in English and Korean."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """An active account.

    carries: the channels of routes that it is for; None for any.
    verified: its sender is a number that is registered and verified.
    certificate_until: the last day of its certificate, in Korea.
    """

    sender: str
    kakao_channel: str | None
    carries: Sequence[str] | None
    verified: bool
    paused: bool
    certificate_until: dt.date | None

    def obstacle(self, leg: str, today: dt.date) -> str | None:
        """Why it can't send a channel's messages today; None where it can."""
        if leg in OF_KAKAO and self.kakao_channel is None:
            return NO_KAKAO_CHANNEL
        if self.carries is not None and leg not in self.carries:
            return CHANNEL_NOT_CARRIED
        if self.certificate_until is not None and self.certificate_until < today:
            return CERTIFICATE_EXPIRED
        if leg in LEGS_FROM_A_NUMBER and not is_sender(self.sender):
            return BAD_SENDER
        if leg in LEGS_FROM_A_NUMBER and not self.verified:
            return SENDER_UNREGISTERED
        return ACCOUNT_PAUSED if self.paused else None


def obstacle_to(leg: str, carriers: Sequence[Carrier], today: dt.date) -> str | None:
    """Why none of some accounts can send a channel's messages today; None where one can."""
    found = {carrier.obstacle(leg, today) for carrier in carriers}
    return None if None in found else min((each for each in found if each), key=list(SAID).index)
