"""What can be wrong with a plan."""

from __future__ import annotations

from decimal import Decimal

from shared.credits.amounts import in_won
from shared.credits.errors import CreditError
from shared.platform.plurals import counted


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


def quota_exceeded(left: int, plan: str, until: object) -> CreditError:
    return CreditError(
        "quota_exceeded",
        f"plan {plan} has {counted(left, 'message')} left until {until}, fewer than these: send to fewer, or take more",
        f"{plan} 요금제의 발송 한도가 {until} 전까지 {left:,}건 남았습니다. 수신자를 줄이거나 요금제를 올려 주세요.",
    )
