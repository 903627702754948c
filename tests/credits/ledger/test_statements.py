"""Statements and usage: by Seoul's calendar, of the moment of the charge, and right to the won."""

import asyncio
import codecs
import csv
import datetime as dt
import io
import re
from decimal import Decimal
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from shared.credits.ledger.ledger import top_up_by_hand
from shared.credits.ledger.statement_store import Usage
from shared.credits.ledger.statements import BYTE_ORDER_MARK, Month, as_csv, monthly_statement
from shared.messages.composing import Origin
from shared.platform.clock import SEOUL
from shared.platform.database import Database as Pool
from tests.credits.ledger_world import LedgerWorld, adds_up, said
from tests.databases import Migrated

_numbers = count(1)


async def _deliver(
    world: LedgerWorld, tenant: str, number: int, channel: str = "sms", *, origin: Origin | None = None
) -> None:
    ticket = await world.queue(tenant, number, channels=[channel.replace("lms", "sms")], origin=origin)
    claimed = await world.claim(ticket)
    await world.report(tenant, *(said(message.id, "delivered", channel=channel) for message in claimed))


async def test_a_month_begins_and_ends_at_midnight_in_seoul(world: LedgerWorld) -> None:
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


async def test_usage_is_of_the_day_of_the_charge_whatever_happens_to_the_message_later(world: LedgerWorld) -> None:
    tenant = await world.add_tenant(f"usage-{next(_numbers)}", credit=1_000)
    claimed = await world.claim(await world.queue(tenant, 1))
    await world.report(tenant, said(claimed[0].id, "delivered"))
    world.clock.moment += dt.timedelta(days=3)
    await world.report(tenant, said(claimed[0].id, "read"))
    assert (await world.statement(tenant, "2026-02")).usage == ()
    [line] = (await world.statement(tenant, "2026-01")).usage
    assert line == Usage(dt.date(2026, 1, 31), "sms", "reminders", 1, Decimal(20), Decimal(18))


async def test_bulk_sends_are_told_apart_by_their_keys(world: LedgerWorld) -> None:
    tenant = await world.add_tenant(f"bulk-{next(_numbers)}", credit=1_000)
    for number, key in enumerate(["spring", "autumn", None, None], start=1):
        await _deliver(world, tenant, number, origin=Origin(run_key=key))
    await _deliver(world, tenant, 1)
    found = await world.statement(tenant, "2026-01")
    lines = [f"{line.workflow}: {line.messages} for {line.won:.0f} won" for line in found.usage]
    assert sorted(lines) == [
        "(bulk): 7 for 140 won",
        "bulk autumn: 2 for 40 won",
        "bulk spring: 1 for 20 won",
        "reminders: 1 for 20 won",
    ]
    assert ",발송,SMS,bulk autumn,2,,-40.00," in as_csv(found)
    assert adds_up(found)


async def test_the_margin_is_what_the_provider_leaves_at_its_prices_of_the_moment_of_each_charge(
    world: LedgerWorld,
) -> None:
    """The provider's price changes twice in a month, and once more after it."""
    provider = f"provider-{next(_numbers)}"
    tenant = await world.add_tenant(f"margin-{next(_numbers)}", credit=10_000)
    world.rows(
        "update provider_accounts set provider = %(provider)s where tenant = %(tenant)s",
        provider=provider,
        tenant=tenant,
    )
    world.rows(
        "insert into provider_prices (provider, channel, valid_from, cost) values"
        " (%(provider)s, 'sms', '2026-01-01', 18), (%(provider)s, 'sms', %(tenth)s, 12.5),"
        " (%(provider)s, 'sms', %(twentieth)s, 30), (%(provider)s, 'sms', %(april)s, 99),"
        " ('other', 'sms', %(tenth)s, 1), (%(provider)s, 'alimtalk', '2026-01-01', 13)",
        provider=provider,
        tenth=dt.datetime(2026, 3, 10, tzinfo=SEOUL),
        twentieth=dt.datetime(2026, 3, 20, tzinfo=SEOUL),
        april=dt.datetime(2026, 4, 1, tzinfo=SEOUL),
    )
    world.clock.moment = dt.datetime(2026, 3, 9, 23, 59, 30, tzinfo=SEOUL)
    await _deliver(world, tenant, 1)
    waiting = await world.claim(await world.queue(tenant, 2))
    world.clock.moment = dt.datetime(2026, 3, 10, tzinfo=SEOUL)
    await world.report(tenant, *(said(message.id, "delivered") for message in waiting))
    await _deliver(world, tenant, 2, "alimtalk")
    world.clock.moment = dt.datetime(2026, 3, 20, 12, tzinfo=SEOUL)
    await _deliver(world, tenant, 1)
    found = await world.statement(tenant, "2026-03")
    alimtalk, sms = found.charges
    assert [alimtalk.messages, alimtalk.won, alimtalk.cost, alimtalk.margin] == [2, 30, 26, 4]
    assert [sms.messages, sms.won, sms.cost, sms.margin] == [4, 80, 18 + 2 * Decimal("12.5") + 30, 7]
    assert [line.cost for line in found.usage if line.channel == "sms"] == [18, 25, 30]
    assert adds_up(found)


async def test_a_margin_is_unknown_where_a_providers_price_is(world: LedgerWorld) -> None:
    tenant = await world.add_tenant(f"unknown-{next(_numbers)}", credit=1_000)
    await _deliver(world, tenant, 1)
    world.rows("update provider_accounts set provider = 'unpriced' where tenant = %(tenant)s", tenant=tenant)
    await _deliver(world, tenant, 1)
    [sms] = (await world.statement(tenant, "2026-01")).charges
    assert [sms.messages, sms.won, sms.cost, sms.margin] == [2, 40, None, None]


async def test_an_operators_role_may_read_the_margin(world: LedgerWorld, module_database: Migrated) -> None:
    tenant = await world.add_tenant(f"read-{next(_numbers)}", credit=1_000)
    await _deliver(world, tenant, 1)
    pool = Pool(module_database.role_url("allim_operator"), pool_size=1)
    async with pool.transaction() as connection:
        [sms] = (await monthly_statement(connection, tenant, Month.parse("2026-01"))).charges
    await pool.close()
    assert [sms.cost, sms.margin] == [18, 2]


async def test_a_csv_that_a_tenant_may_have_does_not_tell_what_providers_take(world: LedgerWorld) -> None:
    tenant = await world.add_tenant(f"told-{next(_numbers)}", credit=1_000)
    await _deliver(world, tenant, 3)
    found = await world.statement(tenant, "2026-01")
    assert found.charges[0].cost == 54
    assert not re.search(r"cost|margin|원가|\b54\b", as_csv(found))


async def test_a_csv_is_korean_and_excel_takes_it_for_utf_8(world: LedgerWorld) -> None:
    tenant = await world.add_tenant(f"korean-{next(_numbers)}", credit=1_000)
    for channel in ("alimtalk", "sms", "lms"):
        await _deliver(world, tenant, 1, channel)
    written = as_csv(await world.statement(tenant, "2026-01"))
    assert written.encode().startswith(codecs.BOM_UTF8)
    header, *lines = csv.reader(io.StringIO(written.removeprefix(BYTE_ORDER_MARK)))
    assert header == ["날짜", "구분", "채널", "워크플로", "건수", "참조", "금액(원)", "잔액(원)"]
    assert {line[1] for line in lines} == {"이월 잔액", "충전", "발송", "마감 잔액"}
    assert {line[2] for line in lines} == {"", "알림톡", "SMS", "LMS"}


async def test_a_statement_of_a_month_under_way_adds_up_while_charges_come_in(world: LedgerWorld) -> None:
    tenant = await world.add_tenant(f"busy-{next(_numbers)}", credit=100_000)
    work = [asyncio.create_task(_deliver(world, tenant, 5)) for _ in range(6)]
    while not all(task.done() for task in work):
        assert adds_up(await world.statement(tenant, "2026-01"))
    await asyncio.gather(*work)
    assert (await world.statement(tenant, "2026-01")).charged == 6 * 5 * 20


async def test_a_cell_that_would_run_as_a_formula_is_made_inert(world: LedgerWorld) -> None:
    tenant = await world.add_tenant(f"formula-{next(_numbers)}")
    async with world.owner.transaction() as connection:
        await top_up_by_hand(connection, tenant, Decimal(5), reference="=HYPERLINK(1)", now=world.clock.now())
    assert ",'=HYPERLINK(1),5.00,5.00" in as_csv(await world.statement(tenant, "2026-01"))


@given(st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2099, 11, 30), timezones=st.just(dt.UTC)))
def test_every_moment_is_in_one_month(moment: dt.datetime) -> None:
    month = Month.of(moment)
    assert month.start <= moment < month.next.start
    assert Month.parse(str(month)) == month
    assert month.start.astimezone(SEOUL).day == 1
