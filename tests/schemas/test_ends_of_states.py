"""Every state is written down, and what waits ends by itself, with a reason, while everybody outside is silent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pkgutil import resolve_name
from typing import Any, cast
from uuid import uuid4

import pytest

from shared.contracts.channels import LAST_WORD
from shared.credits.payments.payments import Payments
from shared.credits.payments.rules import CANCEL_ENDS, CHARGE_ENDS, DEPOSIT_ENDS, NOT_PAID_ENDS
from shared.credits.plans.plans import RETRY_DAYS
from shared.credits.plans.subscribing import Plans
from shared.messages.dispatch.dispatching import Dispatcher
from shared.messages.dispatch.reissuing import reissue
from shared.messages.dispatch.sweeping import Sweeper
from shared.messages.dispatch.unconsumed import Unconsumed
from shared.messages.reports.reporting import Reports
from shared.providers import Provider, ProviderUnavailable, Settlement
from shared.providers.toss import Toss
from shared.tenants.accounts import account_cache
from shared.workflows.events.intake import EventIntake
from shared.workflows.ticks.ticking import Ticker
from tests.credits.paying import PURPOSES
from tests.databases import Migrated
from tests.schemas.states import KINDS, allowed_words, columns_of, written_states
from tests.world import KEYS, World, event

STATES = written_states()
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
WELCOME = {"name": "hello", "on": "subscription.signup", "key": "data.id", "steps": [{"send": "welcome"}]}
LATER = {**WELCOME, "steps": [{"at": "2h", "send": "welcome"}]}


class Silence:
    """A provider, or Toss: whatever it is asked, nobody answers."""

    name, look_up_after = "solapi", dt.timedelta(minutes=2)

    def __init__(self, settlement: Settlement = Settlement.TWO_PHASE) -> None:
        self.settlement = settlement

    def __getattr__(self, name: str) -> Callable[..., Awaitable[object]]:
        async def no_answer(*_: object, **__: object) -> object:
            raise ProviderUnavailable("unreachable", "nobody answers")

        return no_answer


class QuietWorld:
    """A world in which whoever is outside is silent, and tickets are lost; the tick does its work on time.

    Args:
        world: with a clock that is set.
        settlement: of the provider.
    """

    def __init__(self, world: World, settlement: Settlement = Settlement.TWO_PHASE) -> None:
        self.world = world
        pool, clock, publisher = world.as_role("allim_sweeper"), world.clock, world.publisher
        wires = {"solapi": cast(Provider, Silence(settlement))}
        toss, reports = cast(Toss, Silence()), Reports(pool, publisher, clock)
        dispatcher = Dispatcher(pool, clock)
        ticks = world.as_role("allim_ticker")
        self.ticker = Ticker(ticks, publisher, clock)
        self.reissue = partial(reissue, ticks, publisher, clock)
        self.unconsumed = Unconsumed(pool, clock)
        self.sweeper = Sweeper(pool, wires, account_cache(KEYS), dispatcher, reports, clock)
        self.payments = Payments(pool, toss, clock, PURPOSES)
        self.plans = Plans(pool, toss, self.payments, KEYS, clock)
        self.intake = EventIntake(world.as_role("allim_events"), publisher, clock)

    async def pass_time(self, whole: dt.timedelta, step: dt.timedelta = HOUR) -> None:
        """Let so much time pass, and the tick do all that is due after each step."""
        until = self.world.clock.now() + whole
        while self.world.clock.now() < until:
            self.world.clock.moment += step
            await self.ticker.speak_due()
            await self.reissue()
            await self.sweeper.sweep()
            await self.unconsumed.end_some()
            await self.payments.reconcile()
            await self.plans.renew_due()

    async def heard(self, workflow: Mapping[str, Any] = WELCOME) -> str:
        """A tenant that has heard of something that makes a message."""
        tenant = await self.world.tenant(workflow)
        await self.intake.receive(event(tenant, time=self.world.clock.now(), id="a-1"))
        return tenant

    async def dispatched(self, state: str, status: str, reason: str | None = None) -> str:
        """A tenant whose message is under way with a dispatch."""
        tenant = await self.heard()
        assert len(await self.world.claim_waiting(tenant)) == 1
        self.world.rows(
            "update dispatches set state = %s::dispatch_state, check_at = case %s when 'sent' then created_at end,"
            " provider_batch_id = case %s when 'open' then null else 'G1' end where tenant = %s",
            *(state, state, state, tenant),
        )
        self.world.rows(
            "update messages set status = %s::message_status, reason = %s where tenant = %s", status, reason, tenant
        )
        return tenant

    async def order(self, status: str, purpose: str = "topup") -> tuple[str, str]:
        """A tenant and its payment order."""
        tenant, id_ = await self.world.tenant(), f"order_{uuid4().hex}"
        self.world.rows(
            "insert into payment_orders (tenant, id, amount, purpose, status, payment_key, created_at, updated_at)"
            " values (%s, %s, 10000, %s, %s::order_status, 'key', %s, %s)",
            *(tenant, id_, purpose, status, *[self.world.clock.now()] * 2),
        )
        return tenant, id_

    async def owing(self, **more: object) -> str:
        """A tenant whose plan is paid until today, and that has no card."""
        tenant, today = await self.world.tenant(), self.world.clock.now().date()
        self.world.rows(
            "update tenant_plans set plan = 'BASIC', fee = 29000, anchor = %(first)s, period_start = %(first)s,"
            " period_end = %(today)s, next_try_at = %(now)s where tenant = %(tenant)s",
            tenant=tenant,
            first=today - 30 * DAY,
            today=today,
            now=self.world.clock.now(),
        )
        for column, value in more.items():
            self.world.rows(f"update tenant_plans set {column} = %s where tenant = %s", value, tenant)  # noqa: S608
        return tenant

    def history(self, tenant: str) -> set[str]:
        """What happened to its plan. (What happens in one moment has no order.)"""
        return {row["reason"] for row in self.world.rows("select reason from plan_history where tenant = %s", tenant)}

    def held(self, tenant: str) -> int:
        return int(self.world.rows("select held from credit_accounts where tenant = %s", tenant)[0]["held"])

    def orders(self, tenant: str) -> list[tuple[str, str | None]]:
        rows = self.world.rows("select status::text, failure_code from payment_orders where tenant = %s", tenant)
        return [(row["status"], row["failure_code"]) for row in rows]

    def alerts(self, tenant: str) -> list[str]:
        rows = self.world.rows("select kind from alerts where tenant = %s and resolved_at = 'infinity'", tenant)
        return sorted(row["kind"] for row in rows)

    def dispatches(self, tenant: str) -> set[str]:
        return {row["state"] for row in self.world.rows("select state::text from dispatches where tenant = %s", tenant)}


async def queued(quiet: QuietWorld) -> None:
    tenant = await quiet.heard()
    await quiet.pass_time(2 * HOUR, HOUR / 6)
    assert quiet.world.statuses(tenant) == [("expired", "too_late")]
    assert quiet.world.rows("select 1 from outbox where tenant = %s", tenant) == []


async def begun(quiet: QuietWorld) -> None:
    tenant = await quiet.dispatched("open", "sending")
    await quiet.pass_time(3 * HOUR, HOUR / 6)
    assert quiet.world.statuses(tenant) == [("expired", "too_late")]
    assert (quiet.dispatches(tenant), quiet.held(tenant)) == ({"abandoned"}, 0)


async def prepared(quiet: QuietWorld) -> None:
    tenant = await quiet.dispatched("prepared", "sending")
    await _ends_unasked(quiet, tenant)


async def sent(quiet: QuietWorld) -> None:
    tenant = await quiet.dispatched("sent", "sent")
    await _ends_unasked(quiet, tenant)


async def unknown(quiet: QuietWorld) -> None:
    tenant = await quiet.dispatched("sent", "unknown", "3005")
    await _ends_unasked(quiet, tenant)


async def _ends_unasked(quiet: QuietWorld, tenant: str) -> None:
    await quiet.pass_time(3 * HOUR)
    assert quiet.alerts(tenant) == ["account_not_asked"]
    assert quiet.held(tenant) > 0
    await quiet.pass_time(LAST_WORD)
    assert quiet.world.statuses(tenant) == [("expired", "nobody_to_ask")]
    assert (quiet.dispatches(tenant), quiet.held(tenant)) == ({"closed"}, 0)


async def timer(quiet: QuietWorld) -> None:
    tenant = await quiet.heard(LATER)
    assert len(quiet.world.rows("select 1 from timers where tenant = %s", tenant)) == 1
    await quiet.pass_time(4 * HOUR, HOUR / 6)
    assert quiet.world.rows("select 1 from timers where tenant = %s", tenant) == []
    assert quiet.world.statuses(tenant) == [("expired", "too_late")]


async def created(quiet: QuietWorld) -> None:
    tenant, _ = await quiet.order("created")
    await quiet.pass_time(NOT_PAID_ENDS)
    assert (quiet.orders(tenant), quiet.alerts(tenant)) == ([("failed", "not_paid")], [])


async def confirming(quiet: QuietWorld) -> None:
    tenant, _ = await quiet.order("confirming")
    await quiet.pass_time(CHARGE_ENDS - DAY)
    assert quiet.orders(tenant) == [("confirming", None)]
    await quiet.pass_time(DAY + 2 * HOUR)
    assert (quiet.orders(tenant), quiet.alerts(tenant)) == ([("failed", "nobody_to_ask")], ["payment_undecided"])


async def waiting_for_deposit(quiet: QuietWorld) -> None:
    tenant, _ = await quiet.order("waiting_for_deposit")
    await quiet.pass_time(DEPOSIT_ENDS - DAY, 12 * HOUR)
    assert quiet.orders(tenant) == [("waiting_for_deposit", None)]
    await quiet.pass_time(DAY + 2 * HOUR, 12 * HOUR)
    assert (quiet.orders(tenant), quiet.alerts(tenant)) == ([("failed", "nobody_to_ask")], ["payment_undecided"])


async def asked(quiet: QuietWorld) -> None:
    tenant, order = await quiet.order("paid")
    quiet.world.rows(
        "insert into payment_cancels (tenant, id, order_id, amount, reason, created_at, updated_at)"
        " values (%s, %s, %s, 10000, '고객 요청', %s, %s)",
        *(tenant, uuid4(), order, *[quiet.world.clock.now()] * 2),
    )
    balance = quiet.world.rows("select balance from credit_accounts where tenant = %s", tenant)[0]["balance"]
    await quiet.pass_time(CANCEL_ENDS + 2 * HOUR)
    [row] = quiet.world.rows("select status, detail from payment_cancels where tenant = %s", tenant)
    assert row["status"] == "refused"
    assert "nobody answers" in row["detail"]
    assert quiet.alerts(tenant) == ["payment_undecided"]
    assert quiet.world.rows("select balance from credit_accounts where tenant = %s", tenant) == [
        {"balance": balance + 10_000}
    ]


async def past_due(quiet: QuietWorld) -> None:
    now = quiet.world.clock.now()
    tenant = await quiet.owing(next_try_at=now)
    await quiet.pass_time(DAY, 12 * HOUR)
    assert quiet.world.rows("select status::text from tenant_plans where tenant = %s", tenant) == [
        {"status": "past_due"}
    ]
    await quiet.pass_time((RETRY_DAYS[-1] + 1) * DAY, 12 * HOUR)
    assert quiet.world.rows("select plan::text, status::text from tenant_plans where tenant = %s", tenant) == [
        {"plan": "FREE", "status": "active"}
    ]
    assert "ended_unpaid" in quiet.history(tenant)


async def charging(quiet: QuietWorld) -> None:
    tenant, order = await quiet.owing(), f"plan_{uuid4().hex}"
    today, now = quiet.world.clock.now().date(), quiet.world.clock.now()
    quiet.world.rows(
        "insert into payment_orders (tenant, id, amount, purpose, status, created_at, updated_at)"
        " values (%s, %s, 29000, 'plan', 'confirming', %s, %s)",
        *(tenant, order, now, now),
    )
    quiet.world.rows(
        "insert into plan_orders (tenant, order_id, kind, plan, fee, anchor, period_start, period_end)"
        " values (%s, %s, 'renewal', 'BASIC', 29000, %s, %s, %s)",
        *(tenant, order, today, today, today + 30 * DAY),
    )
    quiet.world.rows("update tenant_plans set pending_order = %s where tenant = %s", order, tenant)
    await quiet.pass_time(CHARGE_ENDS + HOUR, 6 * HOUR)
    [row] = quiet.world.rows("select pending_order, status::text from tenant_plans where tenant = %s", tenant)
    assert tuple(row.values()) == (None, "past_due")
    assert quiet.orders(tenant) == [("failed", "unreachable")]
    assert quiet.alerts(tenant) == ["payment_undecided", "plan_payment_failed"]


ANSWER_LOST_ENDS: Mapping[Settlement, tuple[str, str]] = {
    Settlement.TWO_PHASE: ("expired", "nobody_to_ask"),
    Settlement.KEYED: ("expired", "nobody_to_ask"),
    Settlement.ASKED: ("expired", "nobody_to_ask"),
    Settlement.MATCHED: ("expired", "nobody_to_ask"),
    Settlement.COLLAPSE: ("expired", "too_late"),
    Settlement.NONE: ("expired", "answer_lost"),
}
"""What a message comes to whose provider was called and has been silent since: by its class. One that may be sent again
is, and here nobody takes its ticket."""

Scenario = Callable[[QuietWorld], Awaitable[None]]

ENDS: Mapping[tuple[str, str], Scenario] = {
    ("messages.status", "queued"): queued,
    ("messages.status", "sending"): begun,
    ("messages.status", "sent"): sent,
    ("messages.status", "unknown"): unknown,
    ("dispatches.state", "open"): begun,
    ("dispatches.state", "prepared"): prepared,
    ("dispatches.state", "sent"): sent,
    ("outbox.(row)", "waiting"): queued,
    ("timers.(row)", "waiting"): timer,
    ("payment_orders.status", "created"): created,
    ("payment_orders.status", "confirming"): confirming,
    ("payment_orders.status", "waiting_for_deposit"): waiting_for_deposit,
    ("payment_cancels.status", "asked"): asked,
    ("tenant_plans.status", "past_due"): past_due,
    ("tenant_plans.pending_order", "charging"): charging,
}


def test_the_table_has_just_the_states_that_the_database_allows(database: Migrated) -> None:
    allowed = allowed_words(database.url)
    written = {state.column: {other.name for other in STATES if other.column == state.column} for state in STATES}
    assert {column: words for column, words in allowed.items() if column not in KINDS} == {
        column: names for column, names in written.items() if column in allowed
    }
    assert KINDS.keys() <= allowed.keys()
    assert not KINDS.keys() & written.keys()
    assert written.keys() <= columns_of(database.url)
    assert len({(state.column, state.name) for state in STATES}) == len(STATES)


def test_who_moves_a_state_on_is_named_and_is_there() -> None:
    assert {state.kind for state in STATES} == {"waits", "person", "stands", "final", "unused"}
    for state in STATES:
        assert bool(state.movers) == (state.kind in ("waits", "person")), state
        assert bool(state.end) == (state.kind == "waits"), state
        for mover in state.movers:
            assert callable(resolve_name(mover)), mover


def test_each_state_that_waits_has_a_trial_of_its_end() -> None:
    assert {(state.column, state.name) for state in STATES if state.kind == "waits"} == ENDS.keys()


@pytest.mark.parametrize("scenario", dict.fromkeys(ENDS.values()), ids=lambda scenario: scenario.__name__)
async def test_what_waits_ends_by_itself_while_everybody_is_silent(world: World, scenario: Scenario) -> None:
    await scenario(QuietWorld(world))


@pytest.mark.parametrize("settlement", Settlement, ids=str)
async def test_a_call_without_an_answer_ends_by_itself_as_its_class_says(world: World, settlement: Settlement) -> None:
    quiet = QuietWorld(world, settlement)
    tenant = await quiet.dispatched("prepared", "sending")
    if settlement is not Settlement.TWO_PHASE:
        quiet.world.rows(
            "update dispatches set provider_batch_id = null, begun_at = created_at where tenant = %s", tenant
        )
    await quiet.pass_time(2 * HOUR)
    if settlement is not Settlement.COLLAPSE:
        assert quiet.held(tenant) > 0
    await quiet.pass_time(LAST_WORD + HOUR)
    assert quiet.world.statuses(tenant) == [ANSWER_LOST_ENDS[settlement]]
    assert len(quiet.dispatches(tenant) & {"closed", "abandoned"}) == 1
    assert quiet.held(tenant) == 0
