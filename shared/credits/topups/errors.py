"""What can be wrong with an automatic top-up."""

from __future__ import annotations

from decimal import Decimal

from shared.credits.errors import CreditError


def cap_below_amount(cap: Decimal, amount: Decimal) -> CreditError:
    return CreditError(
        "cap_below_amount",
        f"{cap} won a day do not allow one charge of {amount} won: raise the daily cap, or charge less",
        f"하루 한도 {cap}원이 1회 충전 금액 {amount}원보다 작습니다.",
        field="daily_cap",
    )
