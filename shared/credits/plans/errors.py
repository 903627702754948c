"""What can be wrong with a plan."""

from __future__ import annotations

from decimal import Decimal

from shared.credits.amounts import in_won
from shared.credits.errors import CreditError
from shared.platform.plurals import counted

PAYMENT_FAILED = "plan_payment_failed"
ENDED_UNPAID = "plan_ended"
"""Alerts."""


def unknown_plan(name: str, known: str) -> CreditError:
    return CreditError(
        "unknown_plan",
        f"there is no plan {name!r}: choose one of {known}",
        f"없는 요금제입니다. {known} 중에서 선택해 주세요.",
        field="plan",
    )


def change_under_way() -> CreditError:
    return CreditError(
        "plan_change_under_way",
        "another change of the plan is being paid: try again in a few minutes",
        "요금제 결제가 진행 중입니다. 잠시 후 다시 시도해 주세요.",
    )


def quote_changed(shown: Decimal, now: Decimal) -> CreditError:
    return CreditError(
        "quote_changed",
        f"{in_won(shown)} won were shown, it is {in_won(now)} won now: ask for a new quote",
        f"안내된 금액은 {in_won(shown)}원이지만 지금은 {in_won(now)}원입니다. 금액을 다시 확인해 주세요.",
        field="amount",
    )


def plan_payment_refused(code: str, detail: str) -> CreditError:
    return CreditError("payment_refused", f"{code}: {detail}", detail, field="card")


def plan_is_paid(tenant: str, plan: str, until: object) -> CreditError:
    return CreditError(
        "plan_is_paid",
        f"{tenant} pays for {plan} by its card until {until}: end that first (allim plans cancel --tenant {tenant}; "
        "with --at-end when that is over), or let it change the plan itself",
        f"{tenant}은(는) {until}까지 카드로 {plan} 요금제를 이용 중입니다. 먼저 해지(allim plans cancel)해 주세요.",
        field="plan",
    )


MAX_WHY = 500
"""Characters."""


def bad_why() -> CreditError:
    return CreditError(
        "bad_why",
        f"say why in 1 to {MAX_WHY} characters: it stands in the plan's history",
        f"요금제 이력에 남길 사유를 {MAX_WHY}자 이내로 적어 주세요.",
        field="why",
    )


def bad_until(today: object) -> CreditError:
    return CreditError(
        "bad_until",
        f"a plan is granted until a day after today ({today}), and FREE has no end",
        f"오늘({today})보다 뒤의 날짜를 지정해 주세요. FREE에는 종료일이 없습니다.",
        field="until",
    )


def quota_exceeded(tenant: str, left: int, plan: str, until: object, larger: str | None) -> CreditError:
    """`larger`: a plan that has room for these messages; None where none has."""
    told = f"plan {plan} has {counted(left, 'message')} left until {until}, fewer than these"
    told_ko = f"{plan} 요금제의 발송 한도가 {until} 전까지 {left:,}건 남았습니다."
    if larger is None:
        return CreditError(
            "quota_exceeded",
            f"{told}, and no plan has room for them: send to fewer",
            f"{told_ko} 더 큰 요금제로도 보낼 수 없으니 수신자를 줄여 주세요.",
        )
    change = f"allim plans change --tenant {tenant} --to {larger}"
    grant = f'allim plans grant --tenant {tenant} --plan {larger} --why "…"'
    return CreditError(
        "quota_exceeded",
        f"{told}: send to fewer, or take {larger} ({change}); without a card, the operator gives it ({grant})",
        f"{told_ko} 수신자를 줄이거나 {larger} 요금제로 올려 주세요({change}). "
        f"카드가 없으면 운영자가 부여할 수 있습니다({grant}).",
    )
