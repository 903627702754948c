"""What can be wrong with a price."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from shared.credits.errors import CreditError


def bad_price(amount: object) -> CreditError:
    return CreditError(
        "bad_price",
        f"{amount} is not a price: won from 0 to 1,000,000, with two decimals at most",
        "단가는 0원 이상 100만 원 이하이며 소수점 둘째 자리까지 입력할 수 있습니다.",
        field="won",
    )


def unknown_channel(channel: str, known: Sequence[str]) -> CreditError:
    named = ", ".join(known)
    return CreditError(
        "unknown_channel",
        f"there is no channel {channel!r}: choose one of {named}",
        f"없는 채널입니다. {named} 중에서 선택해 주세요.",
        field="channel",
    )


def bad_day(text: str) -> CreditError:
    return CreditError(
        "bad_day",
        f"{text!r} is not a day: write it as 2026-12-01",
        "날짜는 2026-12-01 형식으로 입력해 주세요.",
        field="from",
    )


def past_day(day: dt.date) -> CreditError:
    return CreditError(
        "past_day",
        f"{day} is over, and its messages were charged at its price: a new price begins today or later",
        "이미 지난 날짜의 단가는 바꿀 수 없습니다. 오늘 이후의 날짜를 입력해 주세요.",
        field="from",
    )
