"""Payments through Toss Payments (https://docs.tosspayments.com): for credit, or for whatever else an order is for.

What is believed of a payment is what Toss says when asked: `settle` brings an order, and what it is for, to what a
fetched payment says, once, however often and in whatever order it is told. So a confirmation, a webhook, a deposit, a
cancel in Toss's dashboard and a look-up after a lost answer all end the same way.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence

from shared.credits.amounts import in_won
from shared.credits.errors import CreditError
from shared.credits.ledger.ledger import take_back, top_up, whole_won
from shared.credits.payments.cancels import settle_cancels
from shared.credits.payments.errors import (
    amount_changed,
    cancel_refused,
    key_used,
    no_order,
    not_cancellable,
    payment_refused,
    refund_account_needed,
)
from shared.credits.payments.giving_up import give_up_overdue
from shared.credits.payments.purposes import CreditPurpose, Purpose
from shared.credits.payments.rules import (
    LIMITS,
    LONGEST_WITHOUT_ASKING,
    NOT_PAID_ENDS,
    UNDECIDED_AFTER,
    UNPAID,
    dispute_of,
    is_early,
    is_stale,
    is_turn,
    left_of,
    repeats,
    status_of,
)
from shared.credits.payments.store import (
    Cancel,
    Order,
    UndecidedOrder,
    decide_undecided,
    end_not_paid,
    insert_order,
    lock_order,
    payment_failed,
    read_cancels,
    save_cancel,
    update_order,
)
from shared.platform.clock import Clock
from shared.platform.database import Connection, Database
from shared.platform.ids import derived_id
from shared.platform.logs import log
from shared.platform.loops.sweeps import Sweep
from shared.platform.signals.alerts import raise_alert
from shared.providers import ProviderError, ProviderRefused
from shared.providers.toss import Payment, RefundAccount, Toss

NOT_PAID, NOT_PAID_AT_ONCE = "nobody paid it within three days (3일 안에 결제하지 않았습니다.)", 100

ORDER_NAME = "알림 크레딧 충전"
VIRTUAL_ACCOUNT = "가상계좌"
"""The method of a payment, as Toss calls it, whose refund needs an account."""


class Payments:
    """Orders, confirmations and cancels.

    Args:
        database: a role that may write payments and the ledger.
        toss: the wire.
        clock: the time.
        purposes: what orders may be for, beside credit that a person pays for.
    """

    def __init__(self, database: Database, toss: Toss, clock: Clock, purposes: Sequence[Purpose]) -> None:
        self.database = database
        self._toss = toss
        self._clock = clock
        self._undecided = Sweep("payments", self._take_undecided, self._decide, UndecidedOrder._asdict, clock, LIMITS)
        self._purposes: dict[str, Purpose] = {purpose.name: purpose for purpose in (CreditPurpose(), *purposes)}

    async def create_order(self, tenant: str, amount: object, purpose: str = "topup") -> Order:
        """Write an order for a checkout page to pay. Raises CreditError `bad_amount`."""
        won = whole_won(amount)
        order_id = f"{tenant[:30]}_{secrets.token_hex(12)}"
        async with self.database.transaction() as connection:
            order = await insert_order(connection, tenant, order_id, won, purpose, "created", self._clock.now())
        assert order is not None, "96 random bits do not repeat"  # noqa: S101
        return order

    async def confirm(self, tenant: str, order_id: str, payment_key: str, amount: object) -> Order:
        """Confirm what the customer authorised in the browser, and add the credit.

        Args:
            tenant: who asks; only its own orders exist for it.
            order_id, payment_key, amount: as the widget's success page was given them, which a browser can change.

        Raises:
            CreditError: `unknown_order`, `amount_changed`, `payment_refused` with Toss's code in the detail.
            ProviderError: Toss could not be asked; the order stays `confirming`, and a sweep decides it.
        """
        won = whole_won(amount)
        async with self.database.transaction() as connection:
            order = await lock_order(connection, order_id)
            if order is None or order.tenant != tenant:
                raise no_order(order_id)
            if order.amount != won:
                raise amount_changed(order.amount, won)
            if order.status not in UNPAID:
                return order
            begun = self._clock.now()
            # Two tabs may confirm with a key each: the first is kept, and Toss decides between them.
            kept = order.payment_key if order.status == "confirming" else None
            await update_order(connection, order, begun, status="confirming", payment_key=kept or payment_key)
        try:
            payment = await self._toss.confirm(payment_key, order_id, int(won))
        except ProviderRefused as refused:
            paid = await self._paid_otherwise(order_id)
            if paid is None:
                await self.fail(order_id, refused.code, refused.detail, begun=begun)
                raise payment_refused(refused.code, refused.detail) from refused
            payment = paid
        return await self.settle(payment)

    async def _paid_otherwise(self, order_id: str) -> Payment | None:
        """What an order was paid by whose payment key was refused: this key before, or another one."""
        try:
            payment = await self._toss.payment_of_order(order_id)
        except ProviderRefused:
            return None
        return payment if status_of(payment) not in (None, "failed") else None

    async def settle(self, payment: Payment) -> Order:
        """Bring an order and the ledger to what a payment fetched from Toss says.

        Answers may overtake each other. So where one says that a deposit went back, or came again, Toss is asked once
        more, now that all which counts already is known.

        Raises:
            CreditError: `unknown_order`, `amount_changed`, `other_payment` (the order was paid by another payment).
            ProviderError: Toss could not be asked once more.
        """
        settled = await self._settle(payment, turns=False)
        if settled is None:
            settled = await self._settle(await self._toss.payment_of_order(payment.order_id), turns=True)
        assert settled is not None, "this time it may turn"  # noqa: S101
        return settled

    async def _settle(self, payment: Payment, *, turns: bool) -> Order | None:
        """None: it is a turn, and `turns` are to be asked about. Nothing is written then."""
        now = self._clock.now()
        async with self.database.transaction() as connection:
            order = await lock_order(connection, payment.order_id)
            if order is None:
                raise no_order(payment.order_id)
            dispute = dispute_of(order, payment)
            if dispute is None and is_turn(order, payment) and not turns:
                return None
            if dispute is not None:
                await _note_dispute(connection, order, payment, dispute, now)
            elif not is_early(order, payment, now) and not is_stale(order, payment):
                await self._apply(connection, order, payment, now)
            settled = await lock_order(connection, order.id)
        assert settled is not None, "an order is never deleted"  # noqa: S101
        if dispute is not None:
            raise dispute
        if settled.status == "failed" != order.status:
            payment_failed(order.tenant, payment.status)
        return settled

    async def cancel(
        self,
        tenant: str,
        order_id: str,
        amount: object | None,
        reason: str,
        *,
        key: str,
        refund_account: RefundAccount | None = None,
    ) -> Order:
        """Give a payment back, whole or in part. Its credit is taken back before Toss is asked.

        Args:
            tenant: whose order.
            order_id: which.
            amount: whole won; None for all that is left.
            reason: shown on Toss's receipt, 1 to 200 characters.
            key: names the request; the same one twice cancels once, and ends the same way.
            refund_account: where a deposit into a virtual account goes back to. It is not kept: should Toss never hear
                of the cancel, a sweep finds that out, the credit is given again, and the cancel is asked for anew.

        Raises:
            CreditError: `unknown_order`, `bad_amount`, `not_cancellable` (more than is left, or never paid),
                `refund_account_needed`, `credit_shortage` (the credit was spent), `key_used` (for another amount),
                `cancel_refused` (by Toss, now or when the key was used; the credit is given again).
            ProviderError: Toss could not be asked; the cancel stays `asked`, and a sweep asks again.
        """
        if not 1 <= len(reason) <= 200:
            raise CreditError("bad_reason", "1 to 200 characters", "사유를 1~200자로 입력해 주세요.", field="reason")
        now = self._clock.now()
        async with self.database.transaction() as connection:
            order = await lock_order(connection, order_id)
            if order is None or order.tenant != tenant:
                raise no_order(order_id)
            asked = None if amount is None else whole_won(amount)
            cancels = await read_cancels(connection, order)
            id_ = derived_id(order.created_at, order.id, "cancel", key)
            request = next((cancel for cancel in cancels if cancel.id == id_), None)
            if request is None:
                left = left_of(order, cancels)
                won = asked or left
                if order.status not in ("paid", "partly_cancelled") or not 0 < won <= left:
                    raise not_cancellable(won, left, order.status)
                if order.method == VIRTUAL_ACCOUNT and refund_account is None:
                    raise refund_account_needed()
                request = Cancel(tenant, id_, order.id, won, reason, "asked", None)
                if self._purposes[order.purpose].buys_credit:
                    await take_back(connection, tenant, won, key=f"cancel/{id_}", reference=order.id, now=now)
                await save_cancel(connection, request, "asked", now)
            elif not repeats(order, cancels, request, asked):
                raise key_used(request.amount)
        if request.status == "refused":
            raise cancel_refused(request.detail or "")
        return await self.ask_cancel(order, request, refund_account) if request.status == "asked" else order

    async def ask_cancel(self, order: Order, request: Cancel, refund_account: RefundAccount | None = None) -> Order:
        """Ask Toss for a cancel that is written down. Asked again, Toss gives the first answer again.

        Raises:
            CreditError: `cancel_refused`; what was taken for it is given again.
            ProviderError: Toss could not be asked; a sweep asks again.
        """
        assert order.payment_key is not None, "a paid order names its payment"  # noqa: S101
        try:
            payment = await self._toss.cancel(
                order.payment_key,
                amount=request.amount,
                reason=request.reason,
                idempotency_key=str(request.id),
                refund_account=refund_account,
            )
        except ProviderRefused as refused:
            now = self._clock.now()
            async with self.database.transaction() as connection:
                await lock_order(connection, order.id)
                still = {cancel.id: cancel.status for cancel in await read_cancels(connection, order)}
                if still[request.id] == "asked":
                    await save_cancel(connection, request, "refused", now, detail=str(refused))
                    await self._purposes[order.purpose].keep(connection, order, request, refused, now)
            raise cancel_refused(str(refused)) from refused
        return await self.settle(payment)

    async def reconcile(self) -> None:
        """Decide what was begun and has no end: an answer or a webhook was lost, or the instance ended."""
        await self._undecided.run()
        now = self._clock.now()
        async with self.database.connection() as connection:
            await end_not_paid(
                connection,
                before=now - NOT_PAID_ENDS,
                code="not_paid",
                detail=NOT_PAID,
                limit=NOT_PAID_AT_ONCE,
                now=now,
            )

    async def _take_undecided(self, limit: int) -> list[UndecidedOrder]:
        now = self._clock.now()
        async with self.database.connection() as connection:
            return await decide_undecided(
                connection,
                now=now,
                before=now - UNDECIDED_AFTER,
                first=UNDECIDED_AFTER,
                longest=LONGEST_WITHOUT_ASKING,
                limit=(limit + 1) // 2,
                without=[purpose.name for purpose in self._purposes.values() if purpose.decides_charges],
            )

    async def _decide(self, undecided: UndecidedOrder) -> None:
        why = "it is still under way there"
        try:
            await self._ask(undecided)
        except (ProviderError, CreditError) as error:
            why = str(error)
            raise
        finally:
            async with self.database.transaction() as connection:
                await give_up_overdue(connection, undecided.id, self._purposes, why, self._clock.now())

    async def _ask(self, undecided: UndecidedOrder) -> None:
        try:
            order = await self.settle(await self._toss.payment_of_order(undecided.id))
        except ProviderRefused as refused:
            await self.fail(undecided.id, refused.code, refused.detail)
            return
        async with self.database.connection() as connection:
            asked = [cancel for cancel in await read_cancels(connection, order) if cancel.status == "asked"]
        for request in asked:
            await self.ask_cancel(order, request)

    async def fail(self, order_id: str, code: str, detail: str, *, begun: dt.datetime | None = None) -> None:
        """Let an order fail that was not paid.

        Args:
            order_id: which.
            code: why, in Toss's word or ours.
            detail: why, for people.
            begun: when the confirmation was begun that was refused. Has another begun since, the order stays as it is:
                the other's answer decides it, or a sweep.
        """
        now = self._clock.now()
        async with self.database.transaction() as connection:
            order = await lock_order(connection, order_id)
            if order is None or order.status not in ("created", "confirming"):
                return
            if begun is not None and order.updated_at != begun:
                return
            await update_order(connection, order, now, status="failed", failure_code=code, failure_detail=detail[:500])
            await self._purposes[order.purpose].refuse(connection, order, f"{code}: {detail}", now)
        payment_failed(order.tenant, code)

    async def _apply(self, connection: Connection, order: Order, payment: Payment, now: dt.datetime) -> None:
        """Let an order, and what it bought, be as its payment says."""
        purpose, reversals = self._purposes[order.purpose], order.reversals
        if purpose.buys_credit and payment.approved_at is not None:
            key = f"toss/{payment.payment_key}/{order.reversals}"
            await top_up(connection, order.tenant, order.amount, key=key, reference=order.id, now=now)
        elif purpose.buys_credit and order.status in ("paid", "partly_cancelled"):
            key = f"reversed/{payment.payment_key}/{order.reversals}"
            await purpose.lose(connection, order, order.amount - order.cancelled, key, now)
            reversals += 1
        cancelled = await settle_cancels(connection, order, purpose, payment, now)
        status, failure = status_of(payment), payment.failure
        why = f"{failure.code}: {failure.message}" if failure else None
        await purpose.settle(connection, order, status, why, now)
        await update_order(
            connection,
            order,
            now,
            status=status,
            payment_key=payment.payment_key,
            method=payment.method,
            deposit_secret=payment.secret,
            cancelled=cancelled,
            reversals=reversals,
            failure_code=failure.code if failure else None,
            failure_detail=failure.message[:500] if failure else None,
        )


async def _note_dispute(
    connection: Connection, order: Order, payment: Payment, dispute: CreditError, now: dt.datetime
) -> None:
    """Where money was taken and buys nothing, a person has to decide."""
    detail = (
        f"{order.id}: {in_won(payment.total_amount)} won, {payment.status} by {payment.payment_key}: {dispute.detail}"
    )
    log("payments").error("payment disputed: %s", detail, extra={"fields": {"order": order.id, "code": dispute.code}})
    if payment.approved_at is not None:
        await raise_alert(connection, order.tenant, "payment_disputed", detail, now)
