"""Toss itself: payments are authenticated, confirmed, paid into, cancelled; cards are registered and charged.

The rules are those of https://docs.tosspayments.com/reference and of its pages on webhook events and error codes. What
they leave open is marked (?).
"""

import asyncio
import re
import secrets
import string
from datetime import datetime

from simulator.clock import KST, Clock
from simulator.faults import Faults
from simulator.toss.errors import TossError
from simulator.toss.model import DEPOSIT_WITHIN, SESSION, BillingKey, Cancel, Merchant, Method, Payment, Status
from simulator.toss.views import cancel_view, payment_view
from simulator.toss.webhooks import TossWebhooks

ORDER_ID = re.compile(r"[A-Za-z0-9_=.-]{6,64}")
_ALPHABET = string.ascii_letters + string.digits


class Toss:
    """All merchants and their payments. Must be used on the event loop of the server."""

    def __init__(self, clock: Clock, faults: Faults, webhooks: TossWebhooks) -> None:
        self.clock = clock
        self.merchants: dict[str, Merchant] = {}
        self._faults = faults
        self._webhooks = webhooks

    def authenticate(self, merchant: Merchant, order_id: str, total: int, method: Method, order_name: str) -> Payment:
        """What the checkout widget does in the customer's browser: the payment waits to be confirmed."""
        payment = self._new_payment(merchant, order_id, order_name, method, total)
        asyncio.get_running_loop().call_later(SESSION + 1, self._expire, merchant, payment)
        return payment

    def payment(self, merchant: Merchant, payment_key: str) -> Payment:
        """A payment by its key. Raises TossError NOT_FOUND_PAYMENT."""
        return self._present(merchant, merchant.payments.get(payment_key))

    def payment_of_order(self, merchant: Merchant, order_id: str) -> Payment:
        """A payment by its order. Raises TossError NOT_FOUND_PAYMENT."""
        return self._present(merchant, merchant.of_order(order_id))

    async def confirm(self, merchant: Merchant, payment_key: str, order_id: str, amount: int) -> Payment:
        """Take the money of a card, or open a virtual account.

        Raises:
            TossError: NOT_FOUND_PAYMENT, FORBIDDEN_REQUEST (the order is another one), INVALID_REQUEST (the amount is
                another one (?)), FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING "[S008]" (being confirmed at this moment),
                NOT_FOUND_PAYMENT_SESSION, ALREADY_PROCESSED_PAYMENT, DUPLICATED_ORDER_ID, BELOW_MINIMUM_AMOUNT,
                REJECT_CARD_PAYMENT.
        """
        payment = self.payment(merchant, payment_key)
        if payment.order_id != order_id:
            raise TossError("FORBIDDEN_REQUEST")
        if payment.total != amount:
            raise TossError("INVALID_REQUEST")
        if payment.at_bank:
            raise TossError("FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING", "[S008] 기존 요청을 처리중입니다.")
        if payment.status is Status.EXPIRED:
            raise TossError("NOT_FOUND_PAYMENT_SESSION")
        if payment.status is not Status.IN_PROGRESS:
            raise TossError("ALREADY_PROCESSED_PAYMENT")
        if merchant.is_taken(order_id, by_other_than=payment):
            raise TossError("DUPLICATED_ORDER_ID")
        if amount < payment.method.minimum:
            raise TossError("BELOW_MINIMUM_AMOUNT")
        await self._ask_bank(merchant, payment)
        if payment.rejected:
            self._abort(payment, "REJECT_CARD_PAYMENT")
            self._tell_status(merchant, payment)
            raise TossError("REJECT_CARD_PAYMENT")
        if payment.method is Method.VIRTUAL_ACCOUNT:
            self._open_account(payment)
            self._tell_deposit(merchant, payment)
        else:
            self._approve(payment)
        self._tell_status(merchant, payment)
        return payment

    async def cancel(
        self, merchant: Merchant, payment_key: str, amount: int | None, reason: str, *, has_account: bool
    ) -> Payment:
        """Give money back, all that is left if no amount is given.

        Args:
            merchant: whose payment.
            payment_key: which.
            amount: won.
            reason: shown on the receipt.
            has_account: whether an account for the refund was named, as the refund of a deposit needs it.

        Raises:
            TossError: NOT_FOUND_PAYMENT, ALREADY_CANCELED_PAYMENT, NOT_CANCELABLE_PAYMENT, NOT_CANCELABLE_AMOUNT,
                NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT, INVALID_REFUND_ACCOUNT_INFO (none was named (?)).
        """
        await asyncio.sleep(merchant.approval_ms / 1000)
        payment = self.payment(merchant, payment_key)
        left = payment.balance - payment.pending_cancels
        if payment.status in (Status.CANCELED, Status.PARTIAL_CANCELED) and not left:
            raise TossError("ALREADY_CANCELED_PAYMENT")
        if payment.status not in (Status.DONE, Status.PARTIAL_CANCELED, Status.WAITING_FOR_DEPOSIT):
            raise TossError("NOT_CANCELABLE_PAYMENT")
        given_back = left if amount is None else amount
        if not 0 < given_back <= left:
            raise TossError("NOT_CANCELABLE_AMOUNT")
        if payment.status is Status.WAITING_FOR_DEPOSIT and given_back < left:
            raise TossError("NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT")
        if payment.method is Method.VIRTUAL_ACCOUNT and payment.approved is not None and not has_account:
            raise TossError("INVALID_REFUND_ACCOUNT_INFO")
        cancel = Cancel(_transaction_key(), given_back, reason, self.clock())
        payment.cancels.append(cancel)
        if payment.method is Method.FOREIGN_EASY_PAY:
            cancel.status = "IN_PROGRESS"
            delay = self._faults.plan.report_delay_ms / 1000
            asyncio.get_running_loop().call_later(delay, self._conclude_foreign_cancel, merchant, payment, cancel)
        else:
            self._conclude_cancel(merchant, payment, cancel)
        return payment

    def deposit(self, merchant: Merchant, order_id: str) -> Payment | None:
        """Let a customer pay into the virtual account of an order; None when there is none that waits."""
        payment = merchant.of_order(order_id)
        if payment is None or payment.status is not Status.WAITING_FOR_DEPOSIT or self.clock() > (payment.due or 0):
            return None
        payment.depositor = "김고객"
        self._approve(payment)
        self._tell_deposit(merchant, payment)
        self._tell_status(merchant, payment)
        return payment

    def reverse_deposit(self, merchant: Merchant, order_id: str) -> Payment | None:
        """Let the bank take a deposit back, as happens in rare cases: the payment waits again. None without one."""
        payment = merchant.of_order(order_id)
        if payment is None or payment.secret is None or payment.status is not Status.DONE:
            return None
        payment.status, payment.approved, payment.charged = Status.WAITING_FOR_DEPOSIT, None, 0
        payment.transaction_key = _transaction_key()
        self._tell_deposit(merchant, payment)
        self._tell_status(merchant, payment)
        return payment

    def register_card(self, merchant: Merchant, customer_key: str, *, rejected: bool) -> str:
        """What the card page does in the customer's browser. The card company's mind holds for earlier keys too.

        Returns:
            The authKey that the page is left with.
        """
        merchant.cards[customer_key] = rejected
        auth_key = f"bln_{_random(14)}"
        merchant.auth_keys[auth_key] = customer_key
        return auth_key

    def issue(self, merchant: Merchant, auth_key: str, customer_key: str) -> BillingKey:
        """Exchange an authKey, once. Raises TossError INVALID_BILLING_AUTH (?) or NOT_MATCHES_CUSTOMER_KEY."""
        owner = merchant.auth_keys.get(auth_key)
        if owner is None:
            raise TossError("INVALID_BILLING_AUTH")
        if owner != customer_key:
            raise TossError("NOT_MATCHES_CUSTOMER_KEY")
        del merchant.auth_keys[auth_key]
        billing = BillingKey(_random(43), customer_key, self.clock())
        merchant.billing_keys[billing.billing_key] = billing
        return billing

    async def charge(
        self, merchant: Merchant, billing_key: str, customer_key: str, order_id: str, order_name: str, amount: int
    ) -> Payment:
        """Charge a registered card. No webhook tells of it, as nobody waits in a browser.

        Raises:
            TossError: INVALID_BILL_KEY_REQUEST, ALREADY_REMOVED_BILLING_KEY, NOT_MATCHES_CUSTOMER_KEY,
                DUPLICATED_ORDER_ID, BELOW_MINIMUM_AMOUNT, REJECT_CARD_PAYMENT.
        """
        billing = self._billing(merchant, billing_key, "INVALID_BILL_KEY_REQUEST")
        if billing.customer_key != customer_key:
            raise TossError("NOT_MATCHES_CUSTOMER_KEY")
        if merchant.is_taken(order_id):
            raise TossError("DUPLICATED_ORDER_ID")
        if amount < Method.CARD.minimum:
            raise TossError("BELOW_MINIMUM_AMOUNT")
        payment = self._new_payment(merchant, order_id, order_name, Method.CARD, amount)
        payment.kind = "BILLING"
        await self._ask_bank(merchant, payment)
        if merchant.cards[customer_key]:
            self._abort(payment, "REJECT_CARD_PAYMENT")
            raise TossError("REJECT_CARD_PAYMENT")
        self._approve(payment)
        return payment

    def remove_billing_key(self, merchant: Merchant, billing_key: str) -> None:
        """Delete a billing key. Raises TossError INVALID_BILL_KEY_REQUEST (?) or ALREADY_REMOVED_BILLING_KEY."""
        billing = self._billing(merchant, billing_key, "INVALID_BILL_KEY_REQUEST")
        billing.deleted = True
        self._webhooks.tell(merchant, "BILLING_DELETED", {"billingKey": billing_key, "reason": "삭제 API 요청"})

    def _new_payment(self, merchant: Merchant, order_id: str, order_name: str, method: Method, total: int) -> Payment:
        now = self.clock()
        stamp = datetime.fromtimestamp(now, KST).strftime("%Y%m%d%H%M%S")
        payment = Payment(
            payment_key=f"{merchant.m_id}{stamp}{_random(8)}",
            order_id=order_id,
            order_name=order_name,
            method=method,
            total=total,
            balance=total,
            requested=now,
            transaction_key=_transaction_key(),
        )
        merchant.keep(payment)
        return payment

    def _present(self, merchant: Merchant, payment: Payment | None) -> Payment:
        if payment is None:
            raise TossError("NOT_FOUND_PAYMENT")
        self._expire(merchant, payment)
        return payment

    def _expire(self, merchant: Merchant, payment: Payment) -> None:
        """End a payment that was not confirmed in time. The clock may be a test's, so it is looked at, not awaited."""
        is_waiting = payment.status is Status.IN_PROGRESS and not payment.at_bank
        if is_waiting and self.clock() - payment.requested > SESSION:
            payment.status = Status.EXPIRED
            payment.failure = ("EXPIRED_PAYMENT", "결제가 만료되었습니다. 다시 시도해주세요.")
            self._tell_status(merchant, payment)

    @staticmethod
    async def _ask_bank(merchant: Merchant, payment: Payment) -> None:
        payment.at_bank = True
        try:
            await asyncio.sleep(merchant.approval_ms / 1000)
        finally:
            payment.at_bank = False

    def _approve(self, payment: Payment) -> None:
        payment.status, payment.approved, payment.charged = Status.DONE, self.clock(), payment.total
        payment.transaction_key = _transaction_key()

    @staticmethod
    def _abort(payment: Payment, code: str) -> None:
        error = TossError(code)
        payment.status, payment.failure = Status.ABORTED, (error.code, error.message)

    def _open_account(self, payment: Payment) -> None:
        payment.status = Status.WAITING_FOR_DEPOSIT
        payment.secret = f"ps_{_random(27)}"
        payment.account_number = f"X650{secrets.randbelow(10**10):010d}"
        payment.due = self.clock() + DEPOSIT_WITHIN

    def _conclude_cancel(self, merchant: Merchant, payment: Payment, cancel: Cancel) -> None:
        was_whole = payment.balance == payment.total
        payment.balance -= cancel.amount
        cancel.refundable = payment.balance
        cancel.status = "DONE"
        # A payment that was cancelled bit by bit stays PARTIAL_CANCELED to the last bit, as seen on Toss's test server.
        payment.status = Status.CANCELED if was_whole and not payment.balance else Status.PARTIAL_CANCELED
        payment.transaction_key = cancel.transaction_key
        if payment.secret is not None:
            self._tell_deposit(merchant, payment)
        self._tell_status(merchant, payment)

    def _conclude_foreign_cancel(self, merchant: Merchant, payment: Payment, cancel: Cancel) -> None:
        self._conclude_cancel(merchant, payment, cancel)
        self._webhooks.tell(merchant, "CANCEL_STATUS_CHANGED", cancel_view(cancel))

    def _tell_status(self, merchant: Merchant, payment: Payment) -> None:
        self._webhooks.tell(merchant, "PAYMENT_STATUS_CHANGED", payment_view(merchant, payment, self.clock()))

    def _tell_deposit(self, merchant: Merchant, payment: Payment) -> None:
        call = {
            "secret": payment.secret,
            "status": payment.status,
            "transactionKey": payment.transaction_key,
            "orderId": payment.order_id,
        }
        self._webhooks.tell_deposit(merchant, call)

    @staticmethod
    def _billing(merchant: Merchant, billing_key: str, absent: str) -> BillingKey:
        billing = merchant.billing_keys.get(billing_key)
        if billing is None:
            raise TossError(absent)
        if billing.deleted:
            raise TossError("ALREADY_REMOVED_BILLING_KEY")
        return billing


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _transaction_key() -> str:
    return secrets.token_hex(16).upper()
