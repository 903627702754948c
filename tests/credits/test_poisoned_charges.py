"""Each kind of sweep of money beside each kind of row that can't be worked on: the sound ones are settled in a pass."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest

from shared.credits.payments import payments
from shared.credits.payments.payments import Payments
from shared.credits.payments.rules import UNDECIDED_AFTER
from shared.credits.plans import subscribing
from shared.credits.plans.subscribing import Plans
from shared.credits.topups import automatic
from shared.credits.topups.automatic import AutomaticTopUps
from shared.platform.loops.sweeps import Limits
from shared.providers import ProviderError
from shared.providers.toss import Toss
from shared.tenants.store import save_tenant
from tests.credits.paying import PURPOSES
from tests.credits.planning import Office
from tests.endpoints import another_shape, hangs, nonsense
from tests.tls import NO_TLS
from tests.world import KEYS

BROKEN, SOUND = [f"broken-{number}" for number in range(6)], [f"sound-{number}" for number in range(3)]
FEW = Limits(at_once=4, patience=dt.timedelta(seconds=3), work_for=dt.timedelta(seconds=20))
"""Fewer at once than are broken, so that those which hang take every place."""

PASSES = 2


class Wire(httpx.AsyncBaseTransport):
    """HTTP on which all goes wrong that is about the broken: their cards, and their orders."""

    def __init__(self, inner: httpx.AsyncBaseTransport, answer: Callable[[], Awaitable[httpx.Response]] | None) -> None:
        self._inner = inner
        self._answer = answer
        self.marks = {b"tenant_broken"}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        said = str(request.url).encode() + await request.aread()
        if self._answer is not None and any(mark in said for mark in self.marks):
            return await self._answer()
        return await self._inner.handle_async_request(request)


@dataclass(frozen=True)
class Poison:
    """What is wrong: `card`: what each broken tenant's is in SQL; `answer`: of Toss; `refused`: its rows are."""

    card: str | None = None
    answer: Callable[[], Awaitable[httpx.Response]] | None = None
    refused: bool = False


POISONS = {
    "a card cut short": Poison(card="substr(billing_key, 1, 11)"),
    "a card of another": Poison(card="(select billing_key from billing_keys where tenant = 'sound-0')"),
    "an answer that is no JSON": Poison(answer=nonsense),
    "an answer of another shape": Poison(answer=another_shape),
    "a Toss that hangs": Poison(answer=hangs),
    "a row that is refused": Poison(refused=True),
}


async def _card(office: Office, tenant: str) -> None:
    card = await office.shop.control("card", customerKey=f"tenant_{tenant}", outcome="ok")
    await office.automatic.register_card(tenant, card["authKey"])


async def _begun(office: Office, tenant: str) -> None:
    """A payment whose answer was lost."""
    order = await office.payments.create_order(tenant, 10_000)
    key = await office.shop.authenticate(order.id, 10_000)
    await office.shop.faults(accept_then_drop={"count": 1, "on": "POST .*/payments/confirm$"})
    with pytest.raises(ProviderError):
        await office.payments.confirm(tenant, order.id, key, 10_000)
    await office.shop.faults()


async def _low(office: Office, tenant: str) -> None:
    await _card(office, tenant)
    office.rows(
        "insert into automatic_topups (tenant, threshold, amount, daily_cap) values (%s, 5000, 10000, 30000)", tenant
    )


async def _subscribed(office: Office, tenant: str) -> None:
    await _card(office, tenant)
    await office.plans().change(tenant, "BASIC")


@dataclass(frozen=True)
class Kind:
    """A kind of sweep: `made` is what is due `after` some time, and `settled` finds that it was done for a tenant."""

    made: Callable[[Office, str], Awaitable[None]]
    after: dt.timedelta
    one_pass: Callable[[Sweeps], Awaitable[object]]
    settled: str
    table: str


@dataclass(frozen=True)
class Sweeps:
    """The sweeps of money, as their own role does them."""

    payments: Payments
    topups: AutomaticTopUps
    plans: Plans


PAID = "select 1 from payment_orders where tenant = %s and status = 'paid'"
KINDS = {
    "payments": Kind(_begun, UNDECIDED_AFTER * 2, lambda sweeps: sweeps.payments.reconcile(), PAID, "ledger_entries"),
    "topups": Kind(_low, UNDECIDED_AFTER, lambda sweeps: sweeps.topups.charge_due(), PAID, "ledger_entries"),
    "plans": Kind(
        _subscribed,
        dt.timedelta(days=32),
        lambda sweeps: sweeps.plans.renew_due(),
        "select 1 from plan_history where tenant = %s and reason = 'renewed'",
        "plan_history",
    ),
}
COMBINED = [
    (kind, poison)
    for kind in KINDS
    for poison in POISONS
    if kind != "payments" or POISONS[poison].card is None  # which has no card
]


@asynccontextmanager
async def _sweeping(office: Office, answer: Callable[[], Awaitable[httpx.Response]] | None) -> AsyncIterator[Sweeps]:
    async with httpx.AsyncHTTPTransport(verify=NO_TLS) as inner:
        wire = Wire(inner, answer)
        orders = office.rows("select id from payment_orders where tenant like 'broken%%'")
        wire.marks |= {row["id"].encode() for row in orders}
        toss = Toss(str(office.shop.http.base_url), office.shop.secret_key, httpx.AsyncClient(transport=wire))
        pool, clock = office.sweeper, office.clock
        settling = Payments(pool, toss, clock, PURPOSES)
        yield Sweeps(
            settling, AutomaticTopUps(pool, toss, settling, KEYS, clock), Plans(pool, toss, settling, KEYS, clock)
        )


@pytest.mark.parametrize(("kind", "poison"), COMBINED)
async def test_what_cant_be_charged_or_asked_about_holds_up_none_of_its_neighbours(
    office: Office, kind: str, poison: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for room in (payments, automatic, subscribing):
        monkeypatch.setattr(room, "LIMITS", FEW)
    of, wrong = KINDS[kind], POISONS[poison]
    for tenant in [*BROKEN, *SOUND]:
        async with office.owner.transaction() as connection:
            await save_tenant(connection, tenant, tenant, now=office.clock.now())
        await of.made(office, tenant)
        office.clock.advance(1)
    office.clock.advance(of.after.total_seconds())
    if wrong.card is not None:
        office.rows(f"update billing_keys set billing_key = {wrong.card} where tenant like 'broken%%'")  # noqa: S608
    if wrong.refused:
        office.rows(f"alter table {of.table} add constraint poison check (tenant not like 'broken%%') not valid")
    async with _sweeping(office, wrong.answer) as sweeps:
        for _ in range(PASSES):
            await of.one_pass(sweeps)
        assert [tenant for tenant in [*BROKEN, *SOUND] if office.rows(of.settled, tenant)] == SOUND
        if wrong.card is None:
            await _settled_once_it_is_over(office, of, wrong)


async def _settled_once_it_is_over(office: Office, of: Kind, wrong: Poison) -> None:
    """Those that waited are settled, too: they were put off, and not given up."""
    if wrong.refused:
        office.rows(f"alter table {of.table} drop constraint poison")
    async with _sweeping(office, None) as sweeps:
        for _ in range(4):
            office.clock.advance(3_600)
            for one_pass in (sweeps.payments.reconcile, sweeps.topups.charge_due, sweeps.plans.renew_due):
                await one_pass()
    assert [tenant for tenant in BROKEN if not office.rows(of.settled, tenant)] == []
