"""What can be wrong with money. Each error has a stable code, a sentence in English, and one in Korean for people."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar

from shared.credits.amounts import in_won
from shared.platform.errors import AllimError


class CreditError(AllimError):
    """Something is wrong with money. Each has a sentence for people at a business, too."""

    default_status: ClassVar[int] = 409


def bad_amount(amount: object, field: str, *, least: int = 1) -> CreditError:
    return CreditError(
        "bad_amount",
        f"{amount!s} is not a whole number of won from {least} to 1,000,000,000; write for example 100,000",
        f"금액은 {least}원 이상 10억 원 이하의 정수여야 합니다. 예: 100,000",
        field=field,
    )


def unknown_tenant(tenant: str) -> CreditError:
    return CreditError(
        "unknown_tenant", f"there is no tenant {tenant!r}", "등록되지 않은 고객사입니다.", field="tenant"
    )


def price_missing(channels: Sequence[str]) -> CreditError:
    named = ", ".join(channels)
    return CreditError("price_missing", f"there is no price for {named}", f"단가가 없는 채널입니다: {named}")


def bad_reference(reference: str) -> CreditError:
    return CreditError(
        "bad_reference",
        f"{reference!r} can't name a payment: 1 to 100 printable characters are needed",
        "참조 번호는 1자 이상 100자 이하여야 합니다.",
        field="reference",
    )


def reference_used(reference: str, amount: Decimal) -> CreditError:
    return CreditError(
        "reference_used",
        f"{reference!r} was used before, for {in_won(amount)} won",
        f"이미 {in_won(amount)}원 충전에 사용한 참조 번호입니다.",
        field="reference",
    )


def bad_month(month: str) -> CreditError:
    return CreditError(
        "bad_month",
        f"{month!r} is not a month: write it as 2026-01",
        "월은 2026-01 형식으로 입력해 주세요.",
        field="month",
    )


def credit_shortage(needed: Decimal, available: Decimal) -> CreditError:
    return CreditError(
        "credit_shortage",
        f"{in_won(needed)} won are needed, {in_won(available)} are available",
        f"크레딧이 부족합니다. 필요 금액 {in_won(needed)}원, 사용 가능 금액 {in_won(available)}원입니다.",
        field="amount",
    )
