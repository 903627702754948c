"""Statements and usage: by Seoul's calendar, of the moment of the charge, and right to the won."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.credits import top_up_by_hand
from shared.credits.statements import Month, Usage, as_csv, usage
from shared.platform.clock import SEOUL
from tests.conftest import Database
from tests.credits.world import World, adds_up, said

_numbers = count(1)


@pytest.fixture
async def world(module_database: Database) -> AsyncIterator[World]:
    world = World(module_database.url)
    yield world
    await world.close()


async def _deliver(world: World, tenant: str, number: int, channel: str = "sms") -> None:
    claimed = await world.claim(await world.queue(tenant, number, channels=[channel.replace("lms", "sms")]))
    await world.report(tenant, *(said(message.id, "delivered", channel=channel) for message in claimed))


async def test_a_month_begins_and_ends_at_midnight_in_seoul(world: World) -> None:
    """The clock stands a minute before February."""
    tenant = await world.add_tenant(f"month-{next(_numbers)}", credit=1_000)
    await _deliver(world, tenant, 1)
    world.clock.moment += dt.timedelta(minutes=1)
    await world.top_up(tenant, 500)
    await _deliver(world, tenant, 2, "lms")
    await world.take_back(tenant, 100)
    january, february = await world.statement(tenant, "2026-01"), await world.statement(tenant, "2026-02")
    assert [january.opening, january.topups, january.charged, january.closing] == [0, 1_000, 20, 980]
    assert [february.opening, february.topups, february.refunds, february.charged] == [980, 500, 100, 100]
    assert february.closing == 1_280
    assert [(line.day.isoformat(), line.channel, line.messages) for line in february.usage] == [
        ("2026-02-01", "lms", 2)
    ]
    assert adds_up(january)
    assert adds_up(february)
    march = await world.statement(tenant, "2026-03")
    assert [march.opening, march.closing] == [1_280, 1_280]
    assert not march.payments + march.usage


async def test_usage_is_of_the_day_of_the_charge_whatever_happens_to_the_message_later(world: World) -> None:
    tenant = await world.add_tenant(f"usage-{next(_numbers)}", credit=1_000)
    claimed = await world.claim(await world.queue(tenant, 1))
    await world.report(tenant, said(claimed[0].id, "delivered"))
    world.clock.moment += dt.timedelta(days=3)
    await world.report(tenant, said(claimed[0].id, "read"))
    async with world.database.connection() as connection:
        [line] = await usage(connection, tenant, dt.date(2026, 1, 31), dt.date(2026, 1, 31))
        assert await usage(connection, tenant, dt.date(2026, 2, 1), dt.date(2026, 2, 28)) == []
    assert line == Usage(dt.date(2026, 1, 31), "sms", "reminders", 1, Decimal(20))


async def test_a_statement_of_a_month_under_way_adds_up_while_charges_come_in(world: World) -> None:
    tenant = await world.add_tenant(f"busy-{next(_numbers)}", credit=100_000)
    work = [asyncio.create_task(_deliver(world, tenant, 5)) for _ in range(6)]
    while not all(task.done() for task in work):
        assert adds_up(await world.statement(tenant, "2026-01"))
    await asyncio.gather(*work)
    assert (await world.statement(tenant, "2026-01")).charged == 6 * 5 * 20


async def test_a_cell_that_would_run_as_a_formula_is_made_inert(world: World) -> None:
    tenant = await world.add_tenant(f"formula-{next(_numbers)}")
    async with world.database.transaction() as connection:
        await top_up_by_hand(connection, tenant, Decimal(5), reference="=HYPERLINK(1)", now=world.clock.now())
    assert ",'=HYPERLINK(1),5.00,5.00" in as_csv(await world.statement(tenant, "2026-01"))


@given(st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2099, 11, 30), timezones=st.just(dt.UTC)))
def test_every_moment_is_in_one_month(moment: dt.datetime) -> None:
    month = Month.of(moment)
    assert month.start <= moment < month.next.start
    assert Month.parse(str(month)) == month
    assert month.start.astimezone(SEOUL).day == 1
