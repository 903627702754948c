"""Invoices reconciled: what we sent and charged on a day beside what each account's provider says of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from shared.operations.reconcile.differences import Difference, Ours, Reason, differences
from shared.operations.reconcile.invoice_store import (
    Sharer,
    Sums,
    count_ours,
    forget_old,
    keep_day,
    read_costs,
    sent_by,
)
from shared.platform.clock import SEOUL, Clock
from shared.platform.crypto import Keys
from shared.platform.database import Database
from shared.platform.logs import log
from shared.platform.plurals import counted
from shared.platform.signals.alerts import raise_alerts, resolve_all_but
from shared.providers import ALL_CHANNELS, Billed, BillingProvider, Provider, ProviderError
from shared.tenants.accounts import load_accounts

KIND = "invoice_differences"
"""The alert of who has an account whose provider counts otherwise."""

DAYS = 4
"""Before today that are compared each night: a report may come so late (80 h), and changes what differs."""

KEPT = dt.timedelta(days=400)

WORK_FOR = dt.timedelta(minutes=2)
"""After that no account is begun any more; what is left is compared the next night, for it is looked at four times."""

MOST_MESSAGES, MOST_SHARE, MOST_WON = 10, Decimal("0.01"), Decimal(1_000)
"""What differs by more than so many messages, and more than that share of those sent, or by more than so many won, is
told to a person. What is only late is not."""


class Night(NamedTuple):
    """What a run came to.

    compared: accounts' days; differing: those of them where anything differs.
    not_asked: accounts' days whose provider could not be asked.
    left: those for which there was no time.
    """

    compared: int
    differing: int
    not_asked: int
    left: int


class Invoices:
    """Reconciles accounts, each apart: one that can't be asked stops no other.

    Args:
        database: as a role that reads what was sent, and keeps what differs.
        providers: by name, made when they are asked first; those that bill are asked.
        keys: open the accounts, made when they are needed.
        clock: the time.
    """

    def __init__(
        self,
        database: Database,
        providers: Callable[[], Mapping[str, Provider]],
        keys: Callable[[], Keys],
        clock: Clock,
    ) -> None:
        self._database = database
        self._providers = providers
        self._keys = keys
        self._clock = clock

    async def reconcile(self, days: Sequence[dt.date] | None = None) -> Night:
        """Compare days of Korea, the last few unless told. Doing it again changes nothing but what has changed."""
        now = self._clock.now()
        today = now.astimezone(SEOUL).date()
        nightly = days is None
        days = days or [today - dt.timedelta(days=before) for before in range(1, DAYS + 1)]
        wrong: dict[str, str] = {}
        compared = differing = not_asked = left = 0
        for day in days:
            for sharer in await self._sharers(day):
                if self._clock.now() - now > WORK_FOR:
                    left += 1
                    continue
                found = await self._compared(sharer, day)
                if found is None:
                    not_asked += 1
                    continue
                compared += 1
                differing += bool(found.differences)
                if is_grave(found):
                    wrong.setdefault(sharer.tenant, _told(sharer, day, found.differences))
        async with self._database.transaction() as connection:
            await raise_alerts(connection, KIND, wrong, now)
            if nightly:
                await forget_old(connection, today - KEPT)
                if not not_asked + left:
                    await resolve_all_but(connection, KIND, list(wrong), now)
        night = Night(compared, differing, not_asked, left)
        log("invoices").info("invoices reconciled", extra={"fields": night._asdict()})
        return night

    async def _sharers(self, day: dt.date) -> list[Sharer]:
        billing = [name for name, each in self._providers().items() if isinstance(each, BillingProvider)]
        async with self._database.connection() as connection:
            return await sent_by(connection, billing, day)

    async def _compared(self, sharer: Sharer, day: dt.date) -> Compared | None:
        """What differs of an account's day, kept; None where it could not be asked."""
        fields = {"tenant": sharer.tenant, "account": sharer.account, "provider": sharer.provider, "day": day}
        provider = self._providers()[sharer.provider]
        assert isinstance(provider, BillingProvider), "only such are asked"  # noqa: S101
        try:
            async with self._database.connection() as connection:
                account = (await load_accounts(connection, [sharer.tenant], self._keys()))[sharer.tenant].get(
                    sharer.account
                )
                ours = await count_ours(connection, sharer, day)
                costs = await read_costs(connection, sharer.provider, day)
            if account is None:
                return None  # it is told of where it is opened
            theirs = await provider.daily(account, day)
            compared = Compared(sums_of(ours, theirs), differences(ours, theirs, costs))
            async with self._database.transaction() as connection:
                await keep_day(connection, sharer, day, compared.sums, compared.differences, now=self._clock.now())
        except ProviderError as error:
            log("invoices").warning("an account can't be asked for its bill: %s", error, extra={"fields": fields})
            return None
        except Exception:
            log("invoices").exception("an account's day can't be compared", extra={"fields": fields})
            return None
        return compared


class Compared(NamedTuple):
    """An account's day: both counts, and where they differ."""

    sums: Sums
    differences: Sequence[Difference]


def sums_of(ours: Mapping[str, Ours], theirs: Sequence[Billed]) -> Sums:
    """A day's figures, of both."""
    parts = [row for row in theirs if row.channel != ALL_CHANNELS]
    amounts = [row.amount for row in theirs if row.amount is not None]
    return Sums(
        sent=sum(mine.handed_over for mine in ours.values()),
        charged=sum((mine.charged for mine in ours.values()), Decimal(0)),
        billed=sum(row.sent for row in parts),
        taken=sum(amounts, Decimal(0)) if amounts else None,
    )


def is_grave(compared: Compared) -> bool:
    """Whether somebody should look at it."""
    real = [each for each in compared.differences if each.reason is not Reason.LATE_REPORT]
    messages = sum(each.messages for each in real if each.reason is not Reason.PRICE_DIFFERS)
    won = sum((abs(each.won) for each in real if each.won is not None), Decimal(0))
    return (messages > MOST_MESSAGES and messages > MOST_SHARE * compared.sums.sent) or won > MOST_WON


def _told(sharer: Sharer, day: dt.date, found: Sequence[Difference]) -> str:
    each = ", ".join(f"{one.reason} {one.channel or 'all'} {counted(one.messages, 'message')}" for one in found)
    return (
        f"{sharer.provider} counts otherwise than we for {sharer.tenant}/{sharer.account} on {day}: {each}: "
        f"`allim invoices list --day {day}`"
    )
