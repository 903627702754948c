"""What can be wrong with a payment."""

from __future__ import annotations

from decimal import Decimal

from shared.credits.amounts import in_won
from shared.credits.errors import CreditError
from shared.credits.payments.cards import customer_key_of


def no_order(order: str) -> CreditError:
    return CreditError(
        "unknown_order", f"there is no order {order!r}", "주문을 찾을 수 없습니다.", field="order_id", status=404
    )


def malformed(detail: str, *, field: str | None = None) -> CreditError:
    return CreditError("malformed", detail, "올바르지 않은 요청입니다.", field=field, status=400)


def wrong_secret() -> CreditError:
    return CreditError(
        "wrong_secret", "the deposit's secret is another one", "올바르지 않은 요청입니다.", field="secret", status=401
    )


def payment_refused(code: str, detail: str) -> CreditError:
    return CreditError("payment_refused", f"{code}: {detail}", detail, field="payment_key")


def other_payment() -> CreditError:
    return CreditError("other_payment", "the order was paid by another payment", "이미 다른 결제로 처리된 주문입니다.")


def amount_changed(ordered: Decimal, given: Decimal) -> CreditError:
    return CreditError(
        "amount_changed",
        f"the order is for {in_won(ordered)} won, not {in_won(given)}",
        "결제 금액이 주문 금액과 다릅니다. 처음부터 다시 시도해 주세요.",
        field="amount",
    )


def not_cancellable(asked: Decimal, left: Decimal, status: str) -> CreditError:
    return CreditError(
        "not_cancellable",
        f"{in_won(asked)} won can't be cancelled: the order is {status} and {in_won(left)} won are left",
        f"취소할 수 없습니다. 취소 가능 금액은 {in_won(left)}원입니다.",
        field="amount",
    )


def key_used(amount: Decimal) -> CreditError:
    return CreditError(
        "key_used",
        f"the key was used before, to cancel {in_won(amount)} won: another cancel needs another key",
        f"이미 {in_won(amount)}원 취소에 사용한 키입니다. 새로운 키로 다시 요청해 주세요.",
        field="key",
    )


def cancel_refused(detail: str) -> CreditError:
    """`detail`: Toss's code and its sentence for people, as `CODE: sentence`."""
    return CreditError("cancel_refused", detail, detail.partition(": ")[2] or detail)


def refund_account_needed() -> CreditError:
    return CreditError(
        "refund_account_needed",
        "it was paid into a virtual account: name the account that the money goes back to",
        "가상계좌로 결제한 주문입니다. 환불받을 계좌를 입력해 주세요.",
        field="refund_account",
    )


def card_unreadable() -> CreditError:
    return CreditError(
        "card_unreadable",
        "ALLIM_ENCRYPTION_KEY does not open the card: it has to be registered again",
        "등록된 카드 정보를 읽을 수 없습니다. 카드를 다시 등록해 주세요.",
        field="card",
    )


def no_card(tenant: str) -> CreditError:
    return CreditError(
        "no_card",
        f"no card is registered: open Toss's card page with the customer key {customer_key_of(tenant)}, give the"
        " authKey that comes back to AutomaticTopUps.register_card, and try again",
        "등록된 카드가 없습니다. 토스페이먼츠 카드 등록 창에서 카드를 등록한 뒤 다시 시도해 주세요.",
    )
