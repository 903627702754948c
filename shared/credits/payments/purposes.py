"""What an order is for. A payment knows only this of what it pays: what follows is told by the room that sells it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import ClassVar, Protocol

from shared.credits.errors import CreditError
from shared.credits.ledger.ledger import return_credit, take_back
from shared.credits.payments.store import Cancel, Order
from shared.platform.database import Connection
from shared.platform.signals.alerts import raise_alert
from shared.providers import ProviderRefused


class Purpose(Protocol):
    """A kind of order. Everything happens in the transaction that has locked the order.

    Attributes:
        name: as orders are marked with it.
        buys_credit: whether what is paid becomes credit.
        decides_charges: whether whoever charges for it also finds out what became of a charge whose answer was lost.
    """

    name: ClassVar[str]
    buys_credit: ClassVar[bool]
    decides_charges: ClassVar[bool]

    async def settle(
        self, connection: Connection, order: Order, status: str | None, failure: str | None, now: dt.datetime
    ) -> None:
        """Toss was asked what became of an order.

        Args:
            connection: in the transaction.
            order: as it was before.
            status: what it has become; None where it stays as it is.
            failure: why it was not paid, if Toss says so.
            now: the moment.
        """

    async def refuse(self, connection: Connection, order: Order, reason: str, now: dt.datetime) -> None:
        """An order has failed, and Toss has no payment for it. `reason` is for people."""

    async def lose(
        self, connection: Connection, order: Order, amount: Decimal, key: str, now: dt.datetime
    ) -> str | None:
        """Money went back at Toss that nobody here gave back; `key` names that. Gives what is to be said of it."""

    async def keep(
        self, connection: Connection, order: Order, request: Cancel, refused: ProviderRefused, now: dt.datetime
    ) -> None:
        """Money that was to go back stays: Toss refused."""


class CreditPurpose:
    """An order that a person pays at a checkout page, for credit."""

    name: ClassVar[str] = "topup"
    buys_credit: ClassVar[bool] = True
    decides_charges: ClassVar[bool] = False

    async def settle(
        self, connection: Connection, order: Order, status: str | None, failure: str | None, now: dt.datetime
    ) -> None:
        """Nothing but the credit depends on it."""

    async def refuse(self, connection: Connection, order: Order, reason: str, now: dt.datetime) -> None:
        """Who pays at a page sees it there."""

    async def lose(
        self, connection: Connection, order: Order, amount: Decimal, key: str, now: dt.datetime
    ) -> str | None:
        """Take the credit out again. Where it was spent meanwhile, the ledger stays true and a person is told."""
        try:
            await take_back(connection, order.tenant, amount, key=key, reference=order.id, now=now)
        except CreditError as error:
            await raise_alert(connection, order.tenant, "cancel_without_credit", f"{order.id}: {error}", now)
            return str(error)
        return None

    async def keep(
        self, connection: Connection, order: Order, request: Cancel, refused: ProviderRefused, now: dt.datetime
    ) -> None:
        """Give the credit again that was taken for the cancel."""
        key = f"cancel-refused/{request.id}"
        await return_credit(connection, order.tenant, request.amount, key=key, reference=order.id, now=now)
