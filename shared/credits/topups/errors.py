"""What can be wrong with an automatic top-up."""

from __future__ import annotations

from decimal import Decimal

from shared.credits.amounts import in_won
from shared.credits.errors import CreditError


def cap_below_amount(cap: Decimal, amount: Decimal) -> CreditError:
    return CreditError(
        "cap_below_amount",
        f"{in_won(cap)} won a day do not allow one charge of {in_won(amount)} won: raise the daily cap, or charge less",
        f"하루 한도 {in_won(cap)}원이 1회 충전 금액 {in_won(amount)}원보다 작습니다.",
        field="daily_cap",
    )
