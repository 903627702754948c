"""Each kind of sweep beside each kind of row that can't be worked on: the sound ones are settled in a pass or two."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace

import httpx
import pytest

from shared.messages.dispatch import sweeping
from shared.messages.dispatch.dispatching import FIRST_CHECK, LEASE, Dispatcher
from shared.messages.dispatch.sweeping import Sweeper
from shared.messages.reports.reporting import Reports
from shared.platform.loops.sweeps import Limits
from shared.providers.solapi import Solapi
from shared.tenants.accounts import account_cache, register_account
from tests.endpoints import another_shape, hangs, nonsense
from tests.faults.boundaries import Hook
from tests.faults.fates import DELIVERED, UNTOLD
from tests.faults.world import TEMPLATES, TENANT, Crash, FaultyWorld
from tests.world import KEYS

DEADLINE = 300
ROUTE = [{"alimtalk": DEADLINE}, {"sms": 3_600}]
POISONED, SOUND = 6, 3
FEW = Limits(at_once=4, patience=dt.timedelta(seconds=3), work_for=dt.timedelta(seconds=20))
"""Fewer at once than are poisoned, so that those which hang take every place."""

PASSES = 2


def _after_sending(boundary: str) -> bool:
    return boundary == "after POST /messages/v4/groups/{group}/send"


def ending() -> Hook:
    async def hook(boundary: str) -> None:
        if _after_sending(boundary):
            raise Crash(boundary)

    return hook


@dataclass(frozen=True)
class Kind:
    """A kind of sweep. `after`: when it is due; `settled`: of a dispatch of which the sweep came to its end."""

    recipient: str
    ends: bool
    after: dt.timedelta
    pass_of: Callable[[Sweeper], Callable[[], Awaitable[None]]]
    settled: str
    refused: str


KINDS = {
    "decide": Kind(
        DELIVERED,
        True,
        LEASE + dt.timedelta(seconds=1),
        lambda sweeper: sweeper.decide,
        "select 1 from dispatches where tenant = %s and state = 'sent'",
        "alter table dispatches add constraint poison check (tenant = 'academy' or state <> 'sent') not valid",
    ),
    "check": Kind(
        DELIVERED,
        False,
        FIRST_CHECK,
        lambda sweeper: sweeper.check,
        "select 1 from messages where tenant = %s and status = 'delivered'",
        "alter table reports add constraint poison check (tenant = 'academy') not valid",
    ),
    "deadlines": Kind(
        UNTOLD,
        False,
        dt.timedelta(seconds=DEADLINE),
        lambda sweeper: sweeper.deadlines,
        "select 1 from messages where tenant = %s and position = 1",
        "alter table reports add constraint poison check (tenant = 'academy') not valid",
    ),
}


class Wire(httpx.AsyncBaseTransport):
    """HTTP on which all that is said of some batches goes wrong."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.poisoned: set[str] = set()
        self.answer: Callable[[], Awaitable[httpx.Response]] | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.answer is not None and any(batch in str(request.url) for batch in self.poisoned):
            return await self.answer()
        return await self._inner.handle_async_request(request)


def _credentials(world: FaultyWorld, sealed: str) -> AbstractContextManager[None]:
    @contextmanager
    def poisoned() -> Iterator[None]:
        world.rows(f"update provider_accounts set credentials = {sealed} where tenant <> %s", TENANT)  # noqa: S608
        yield

    return poisoned()


POISONS: dict[str, Callable[[FaultyWorld, Wire, Kind], AbstractContextManager[None]]] = {}


def poison(name: str) -> Callable[[Callable[[FaultyWorld, Wire, Kind], Iterator[None]]], None]:
    def keep(make: Callable[[FaultyWorld, Wire, Kind], Iterator[None]]) -> None:
        POISONS[name] = contextmanager(make)

    return keep


@poison("credentials cut short")
def _cut(world: FaultyWorld, wire: Wire, kind: Kind) -> Iterator[None]:
    with _credentials(world, "substr(credentials, 1, 11)"):
        yield


@poison("credentials of another")
def _of_another(world: FaultyWorld, wire: Wire, kind: Kind) -> Iterator[None]:
    with _credentials(world, "(select credentials from provider_accounts where tenant = 'academy')"):
        yield


@poison("an answer that is no JSON")
def _no_json(world: FaultyWorld, wire: Wire, kind: Kind) -> Iterator[None]:
    wire.answer = nonsense
    yield


@poison("an answer of another shape")
def _other_shape(world: FaultyWorld, wire: Wire, kind: Kind) -> Iterator[None]:
    wire.answer = another_shape
    yield


@poison("a provider that hangs")
def _hanging(world: FaultyWorld, wire: Wire, kind: Kind) -> Iterator[None]:
    wire.answer = hangs
    yield


@poison("a row that is refused")
def _refused(world: FaultyWorld, wire: Wire, kind: Kind) -> Iterator[None]:
    world.rows(kind.refused)
    try:
        yield
    finally:
        world.rows(f"alter table {kind.refused.split()[2]} drop constraint poison")


@pytest.fixture
async def broken(world: FaultyWorld) -> AsyncIterator[str]:
    """Another tenant of the same account, so that all that it sends is sent."""
    tenant = await world.tenant(templates=TEMPLATES, account=False)
    account = replace(world.provider_account, tenant=tenant)
    async with world.owner.transaction() as connection:
        await register_account(connection, KEYS, account, now=world.clock.now())
    yield tenant
    await world.start_over()


def _sweeper(world: FaultyWorld, wire: Wire, *told: Callable[[httpx.Request], Awaitable[None]]) -> Sweeper:
    """`told`: of each request."""
    client = httpx.AsyncClient(transport=wire, event_hooks={"request": list(told)})
    wires = {"solapi": Solapi(world.simulator.url, world.clock, client)}
    database = world.as_role("allim_sweeper")
    dispatcher = Dispatcher(database, world.clock)
    reports = Reports(database, world.bus, world.clock)
    return Sweeper(database, wires, account_cache(KEYS), dispatcher, reports, world.clock)


async def _dispatch(world: FaultyWorld, kind: Kind, tenant: str) -> None:
    """One message in a dispatch of its own, left so that the sweep has it to do."""
    await world.queue(kind.recipient, tenant=tenant, route=ROUTE)
    await world.deliver(world.process(ending()) if kind.ends else world.process())
    world.bus.messages.clear()
    world.hooked.calls.clear()
    world.clock.advance(1)


@pytest.mark.parametrize(("kind", "poison"), list(itertools.product(KINDS, POISONS)))
async def test_what_cant_be_worked_on_holds_up_none_of_its_neighbours(
    world: FaultyWorld, broken: str, kind: str, poison: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "LIMITS", FEW)
    world.simulator.set_faults(report_drop_rate=1)
    of = KINDS[kind]
    for tenant in [*[broken] * POISONED, *[TENANT] * SOUND]:
        await _dispatch(world, of, tenant)
    world.clock.advance(of.after.total_seconds())
    wire = Wire(world.wire)
    batches = world.rows("select provider_batch_id as batch from dispatches where tenant = %s", broken)
    wire.poisoned = {row["batch"] for row in batches}
    assert len(wire.poisoned) == POISONED
    sweeper = _sweeper(world, wire)
    with POISONS[poison](world, wire, of):
        for _ in range(PASSES):
            await of.pass_of(sweeper)()
        assert len(world.rows(of.settled, TENANT)) == SOUND
        assert world.rows(of.settled, broken) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_who_has_few_waits_for_no_more_than_a_batch_of_who_has_many(
    world: FaultyWorld, broken: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of the many are due longer. Each may hang for as long as the sweep is patient."""
    monkeypatch.setattr(sweeping, "LIMITS", FEW)
    world.simulator.set_faults(report_drop_rate=1)
    of, many = KINDS[kind], 3 * FEW.at_once
    for tenant in [*[broken] * many, TENANT]:
        await _dispatch(world, of, tenant)
    world.clock.advance(of.after.total_seconds())
    asked = dict[str, str]()
    wire = Wire(world.wire)
    rows = world.rows("select provider_batch_id as batch, tenant from dispatches")
    tenant_of = {row["batch"]: row["tenant"] for row in rows}

    async def note(request: httpx.Request) -> None:
        asked.update((batch, tenant) for batch, tenant in tenant_of.items() if batch in str(request.url))

    await of.pass_of(_sweeper(world, wire, note))()
    order = list(asked.values())
    assert order.index(TENANT) < 2 * FEW.at_once
    assert order.count(broken) == many
