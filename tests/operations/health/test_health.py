"""What is looked at to say whether all is well."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from shared.bootstrap import database
from shared.bootstrap import reports as bootstrap_reports
from shared.contracts.reports import ReportBatch
from shared.messages.outbox import PATIENCE
from shared.messages.reports.reporting import refusal
from shared.operations.health.checks import TICKET_PATIENCE, State, checks, overall
from shared.operations.health.figures import Account, Figures, Gauges, Undecided
from shared.platform.clock import SEOUL
from shared.platform.database import Database
from shared.platform.ids import new_id
from shared.workflows.ticks.ticking import Ticker
from tests.clock import NOON
from tests.endpoints import running
from tests.world import World

WELL = Gauges(
    last_tick_at=NOON,
    last_sweeps_at=NOON,
    last_callback_at=NOON,
    tickets=0,
    outbox_age=None,
    oldest_queued_at=None,
    next_step_at=None,
    oldest_hold_at=None,
    new_dead_letters=0,
    open_dead_letters=0,
    payment_failures=0,
    months_until=dt.date(2027, 2, 1),
    connections=10,
    max_connections=100,
)


def figures(*, accounts: tuple[Account, ...] = (), undecided: tuple[Undecided, ...] = (), **gauges: Any) -> Figures:
    return Figures(NOON, 0.001, replace(WELL, **gauges), accounts, undecided, ())


def ago(**time: float) -> dt.datetime:
    return NOON - dt.timedelta(**time)


def account(*states: str, at: dt.datetime = NOON, left_lately: bool = False) -> Account:
    return Account("academy", "main", "solapi", states, [at] * len(states), left_lately)


def certified(days: int) -> Figures:
    """An account whose certificate has so many days left, in Korea."""
    until = NOON.astimezone(SEOUL).date() + dt.timedelta(days=days)
    return figures(accounts=(account("closed"), replace(account("closed"), certificate_until=until)))


AWAY = account(*["abandoned"] * 3)
"""An account whose provider took none of the last three."""

LIMITS = {
    "a tick just now": (figures(), "ticks", "ok", None),
    "a tick 4:30 ago": (figures(last_tick_at=ago(minutes=4, seconds=30)), "ticks", "warn", None),
    "a tick 6:00 ago": (figures(last_tick_at=ago(minutes=6)), "ticks", "fail", "ticks-stopped"),
    "sweeps 4:30 ago": (figures(last_sweeps_at=ago(minutes=4, seconds=30)), "sweeps", "warn", None),
    "sweeps 6:00 ago": (figures(last_sweeps_at=ago(minutes=6)), "sweeps", "fail", "sweeps-stopped"),
    "a reminder of tomorrow": (figures(next_step_at=NOON + dt.timedelta(days=1)), "reminders", "ok", None),
    "a reminder 31 s late": (figures(next_step_at=ago(seconds=31)), "reminders", "fail", "reminders-late"),
    "a ticket that is not due": (figures(outbox_age=-5.0), "outbox", "ok", None),
    "a ticket of 61 s": (figures(outbox_age=61.0), "outbox", "warn", None),
    "a ticket of 301 s": (figures(outbox_age=301.0), "outbox", "fail", "outbox-old"),
    "queued for 11 min": (figures(oldest_queued_at=ago(minutes=11)), "queued", "fail", "queued-old"),
    "held for 81 h": (figures(oldest_hold_at=ago(hours=81)), "holds", "ok", None),
    "held for 83 h": (figures(oldest_hold_at=ago(hours=83)), "holds", "warn", "holds-old"),
    "a certificate of 61 days": (certified(61), "certificates", "ok", None),
    "a certificate of 60 days": (certified(60), "certificates", "warn", "certificate-ends"),
    "the last day of a certificate": (certified(0), "certificates", "warn", "certificate-ends"),
    "a certificate that is over": (certified(-1), "certificates", "warn", "certificate-ends"),
    "no certificate": (figures(accounts=(account("closed"),)), "certificates", "ok", None),
    "96 of 100 connections": (figures(connections=96), "connections", "fail", "connections-full"),
    "a new dead letter": (figures(new_dead_letters=1), "dead letters", "warn", "dead-letters"),
    "old dead letters": (figures(open_dead_letters=7), "dead letters", "ok", None),
    "10 payments failed": (figures(payment_failures=10), "payments", "ok", None),
    "11 payments failed": (figures(payment_failures=11), "payments", "warn", "payment-failures"),
    "a month made ahead": (figures(months_until=dt.date(2027, 1, 1)), "months", "ok", None),
    "no month made ahead": (figures(months_until=dt.date(2026, 12, 1)), "months", "warn", "months-missing"),
    "no months at all": (figures(months_until=None), "months", "warn", "months-missing"),
    "no callback and nothing sent": (
        figures(last_callback_at=ago(hours=9), accounts=(account("closed"),)),
        "callbacks",
        "ok",
        None,
    ),
    "no callback for what was sent": (
        figures(last_callback_at=ago(hours=2), accounts=(account("sent", left_lately=True),)),
        "callbacks",
        "fail",
        "callbacks-stopped",
    ),
    "undecided for 6 min": (
        figures(undecided=(Undecided("academy", "main", 1, ago(minutes=6)),)),
        "dispatches",
        "warn",
        None,
    ),
    "an account without dispatches": (figures(accounts=(account(),)), "provider solapi", "ok", None),
    "the newest was sent": (
        figures(accounts=(account("abandoned", "abandoned", "sent"),)),
        "provider solapi",
        "ok",
        None,
    ),
    "away for the only account": (figures(accounts=(AWAY,)), "provider solapi", "fail", None),
    "away for one of two accounts": (figures(accounts=(AWAY, account("sent"))), "provider solapi", "warn", None),
    "away for all that sent": (figures(accounts=(AWAY, account())), "provider solapi", "warn", None),
    "away for both accounts": (figures(accounts=(AWAY, AWAY)), "provider solapi", "fail", None),
    "away 4 h ago": (
        figures(accounts=(account(*["abandoned"] * 3, at=ago(hours=4)),)),
        "provider solapi",
        "ok",
        None,
    ),
}


@pytest.mark.parametrize(("found", "name", "state", "alert"), LIMITS.values(), ids=LIMITS)
def test_each_check_has_its_limits(found: Figures, name: str, state: str, alert: str | None) -> None:
    [check] = [check for check in checks(found) if check.name == name]
    assert (check.state, check.alert) == (state, alert)
    others = [check for check in checks(found) if check.name != name]
    assert overall(others) is State.OK


def test_a_tickets_patience_is_that_of_the_tick() -> None:
    assert TICKET_PATIENCE == PATIENCE


async def test_a_platform_in_order_is_healthy_and_says_what_was_looked_at(world: World) -> None:
    await world.tenant()
    async with running("health", world) as function:
        answer = await function.client.get("/")
    told = answer.json()
    assert (answer.status_code, told["state"]) == (200, "ok")
    assert {check["name"] for check in told["checks"]} >= {
        *(
            "database",
            "connections",
            "ticks",
            "sweeps",
            "reminders",
            "outbox",
            "queued",
            "callbacks",
            "dispatches",
            "holds",
        ),
        *("provider solapi", "dead letters", "payments"),
    }
    for check in told["checks"]:
        assert check.keys() == {"name", "state", "value", "limit", "unit", "sentence"}


async def test_stopped_ticks_make_it_unhealthy(world: World) -> None:
    world.clock.moment += dt.timedelta(minutes=6)
    async with running("health", world) as function:
        answer = await function.client.get("/")
    [ticks] = [check for check in answer.json()["checks"] if check["name"] == "ticks"]
    assert (answer.status_code, answer.json()["state"], ticks["state"]) == (503, "fail", "fail")
    assert ticks["sentence"] == "no tick for 6 min"


async def test_a_database_that_is_away_makes_it_unhealthy_and_is_no_error_of_ours(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.platform.database.pool.CONNECT_TIMEOUT_SECONDS", 0.1)
    gone = Database("postgresql://allim_health@127.0.0.1:9/none", pool_size=1)
    monkeypatch.setattr("shared.operations.health.reading.PATIENCE_WITH_DATABASE_SECONDS", 0.2)
    async with running("health", world) as function:
        monkeypatch.setattr(database(function.parts), "_pool", gone._pool)
        answer = await function.client.get("/")
    assert answer.status_code == 503
    [check] = answer.json()["checks"]
    assert (check["name"], check["state"]) == ("database", "fail")


async def test_a_ticket_ages_from_its_first_publishing_however_often_it_is_published(world: World) -> None:
    tenant = await world.tenant()
    found: list[float] = []
    for attempts, next_in in ((0, 5), (0, -3), (1, 4), (6, 100), (8, 500)):
        world.rows("delete from outbox returning 1")
        world.rows(
            "insert into outbox (tenant, id, topic, body, attempts, publish_at, created_at)"
            " values (%s, %s, 'send-requests', jsonb_build_object('tenant', %s::text, 'messages', '[]'::jsonb), %s, %s,"
            " %s) returning 1",
            *(tenant, new_id(NOON), tenant, attempts, NOON + dt.timedelta(seconds=next_in), NOON),
        )
        async with running("health", world) as function:
            [outbox] = [
                check for check in (await function.client.get("/")).json()["checks"] if check["name"] == "outbox"
            ]
        found.append(outbox["value"])
    assert found == [0.0, 3.0, 10.0 - 4, 630.0 - 100, 630.0 + 1200 - 500]


async def test_what_left_lately_is_found_by_the_time_in_its_id(world: World) -> None:
    tenant = await world.tenant()
    world.rows("update heartbeats set at = %s where name = 'callbacks' returning 1", ago(hours=2))
    for minutes, state in ((5, "ok"), (70, "ok"), (30, "fail")):
        world.rows("delete from dispatches returning 1")
        world.rows(
            "insert into dispatches (tenant, id, provider, account, messages, state, lease_until, created_at,"
            " updated_at) values (%s, %s, 'solapi', 'main', %s, 'closed', %s, %s, %s) returning 1",
            *(tenant, new_id(ago(minutes=minutes)), [UUID(int=1)], NOON, ago(minutes=minutes), NOON),
        )
        async with running("health", world) as function:
            looked = (await function.client.get("/")).json()["checks"]
        assert [check["state"] for check in looked if check["name"] == "callbacks"] == [state], minutes


async def test_a_tick_leaves_one_trace_of_itself(world: World) -> None:
    ticker = Ticker(world.as_role("allim_ticker"), world.publisher, world.clock)
    begun = world.clock.now()
    await ticker.hold(dt.timedelta(seconds=30))
    assert world.rows("select at from heartbeats where name = 'tick'") == [{"at": begun}]
    await ticker.hold(dt.timedelta(seconds=5))
    assert world.rows("select at from heartbeats where name = 'tick'") == [{"at": begun + dt.timedelta(seconds=30)}]


async def test_callbacks_leave_a_trace_once_a_minute(world: World) -> None:
    tenant = await world.tenant()
    stray = refusal(UUID(int=1), 0, "sms", "4000", "of a message that is none")
    traces = []
    async with running("on_delivery_callback", world) as function:
        reports = bootstrap_reports(function.parts)
        for _ in range(4):
            world.clock.moment += dt.timedelta(seconds=25)
            await reports.record_batch(ReportBatch(tenant=tenant, provider="solapi", account="main", reports=(stray,)))
            traces += [row["at"] - NOON for row in world.rows("select at from heartbeats where name = 'callbacks'")]
    assert [trace.total_seconds() for trace in traces] == [25, 25, 25, 100]
