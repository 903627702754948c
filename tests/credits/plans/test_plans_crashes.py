"""The process ends at every statement, commit and call: a month is charged once, and a refund is made once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import httpx

from shared.credits.payments.payments import Payments
from shared.credits.plans.subscribing import Plans
from shared.platform.database import Database as Pool
from shared.providers.toss import Toss
from tests.credits.paying import PURPOSES, TENANT
from tests.credits.planning import Office
from tests.faults.boundaries import WatchedDatabase, WatchedTransport
from tests.faults.world import Crash
from tests.tls import NO_TLS
from tests.world import KEYS


class End:
    """Ends a process at the boundary of that number."""

    def __init__(self, at: int) -> None:
        self.left = at

    async def __call__(self, boundary: str) -> None:
        self.left -= 1
        if self.left == -1:
            raise Crash(boundary)


@asynccontextmanager
async def _ending(office: Office, at: int, pool: Pool) -> AsyncIterator[Plans]:
    """A process that ends at its boundary of that number."""
    end = End(at)
    database = WatchedDatabase(pool, end)
    async with httpx.AsyncHTTPTransport(verify=NO_TLS) as wire:
        client = httpx.AsyncClient(transport=WatchedTransport(wire, end))
        toss = Toss(str(office.shop.http.base_url), office.shop.secret_key, client)
        yield Plans(database, toss, Payments(database, toss, office.clock, PURPOSES), KEYS, office.clock)


async def _mended(office: Office) -> None:
    for _ in range(2):
        office.clock.advance(200)
        await office.sweep()
    assert (await office.has()).pending_order is None


async def test_a_plan_is_bought_once_or_not_at_all_wherever_the_process_ends(office: Office) -> None:
    await office.card()
    outcomes = []
    for at in count():
        charged, _ = await office.money()
        crashed = False
        async with _ending(office, at, office.pool) as plans:
            try:
                await plans.change(TENANT, "BASIC")
            except Crash:
                crashed = True
        await _mended(office)
        plan = await office.plan()
        assert (await office.money())[0] - charged == (29_000 if plan == "BASIC" else 0)
        outcomes.append(plan)
        await office.plans().cancel(TENANT)
        if not crashed:
            break
    assert outcomes == sorted(outcomes, reverse=True), "from the order on, it is bought"
    assert set(outcomes) == {"FREE", "BASIC"}
    assert len(outcomes) > 20


async def test_a_month_is_renewed_once_wherever_the_tick_ends(office: Office) -> None:
    await office.subscribed("BASIC")
    for at in count():
        office.clock.advance(31 * 86_400)
        charged, _ = await office.money()
        crashed = False
        async with _ending(office, at, office.sweeper) as plans:
            try:
                await plans.renew_due()
            except Crash:
                crashed = True
        await _mended(office)
        assert ((await office.money())[0] - charged, (await office.has()).tries) == (29_000, 0)
        if not crashed:
            break
    assert at > 20


async def test_a_refund_is_made_once_wherever_the_process_ends(office: Office) -> None:
    await office.card()
    for at in count():
        await office.plans().change(TENANT, "PRO")
        _, given_back = await office.money()
        crashed = False
        async with _ending(office, at, office.pool) as plans:
            try:
                await plans.cancel(TENANT)
            except Crash:
                crashed = True
        await office.plans().cancel(TENANT)
        await _mended(office)
        assert (await office.money())[1] - given_back == 99_000
        assert sum(won for _, won in office.history()) == (await office.money())[0] - (await office.money())[1]
        if not crashed:
            break
    assert at > 20
