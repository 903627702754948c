"""Partitions leave when their newest row has lived its life, not a moment before, whatever happens beside."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from shared.operations.retention.lives import FAMILIES
from shared.operations.retention.retaining import Retention
from shared.platform.clock import first_moment, month_of
from shared.platform.database import Database
from tests.clock import SettableClock
from tests.databases import Migrated
from tests.operations.retention.months import (
    LIVES,
    PARENTS,
    Owner,
    begin_at,
    kept,
    midnight,
    months_on,
    owner_of,
    put,
    there,
)

MOMENT = dt.timedelta(microseconds=1)
FIRST = dt.date(2013, 11, 1)
NEW_YEAR = midnight(2015, 1)
OF_A_YEAR = ["dispatches", "events", "messages", "reports"]


@pytest.fixture
def owner(database: Migrated) -> Iterator[Owner]:
    with owner_of(database.url) as connection:
        begin_at(connection, FIRST)
        yield connection


async def _a_year_of_nights(owner: Owner, keeper: Database, until: dt.datetime) -> None:
    """As months go by, they are made ahead and closed; the last night is one of the month before."""
    month = FIRST
    while first_moment(month) < until:
        await Retention(keeper, SettableClock(first_moment(month))).run()
        month = months_on(month, 1)


async def test_a_month_leaves_at_the_midnight_that_ends_its_year_and_not_a_moment_before(
    owner: Owner, keeper: Database
) -> None:
    await _a_year_of_nights(owner, keeper, NEW_YEAR)
    old = {parent: put(owner, parent, midnight(2014, 1) - MOMENT) for parent in PARENTS}
    young = {parent: put(owner, parent, midnight(2014, 1)) for parent in PARENTS}
    await Retention(keeper, SettableClock(NEW_YEAR - MOMENT)).run()
    assert all(old[parent] in there(owner, parent) for parent in PARENTS)
    night = await Retention(keeper, SettableClock(NEW_YEAR)).run()
    assert {f"{parent}_2013_12" for parent in OF_A_YEAR} <= set(night.dropped)
    assert all(old[parent] not in there(owner, parent) for parent in OF_A_YEAR)
    assert all(young[parent] in there(owner, parent) for parent in PARENTS)
    assert old["ledger_entries"] in there(owner, "ledger_entries"), "a month longer than messages"


async def test_entries_are_kept_apart_for_five_years_where_a_backup_reads_and_nobody_writes(
    owner: Owner, keeper: Database, database: Migrated
) -> None:
    await _a_year_of_nights(owner, keeper, NEW_YEAR)
    entry = put(owner, "ledger_entries", midnight(2014, 1) - MOMENT)
    night = await Retention(keeper, SettableClock(midnight(2015, 2))).run()
    assert "ledger_entries_2013_12" in night.kept
    assert there(owner, "ledger_entries") == set()
    for role in ("allim_backup", "allim_operator"):
        with psycopg.connect(database.role_url(role)) as reader:
            assert reader.execute("select id from kept.ledger_entries_2013_12").fetchall() == [(entry,)]
    with (
        psycopg.connect(database.role_url("allim_api")) as stranger,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        stranger.execute("select id from kept.ledger_entries_2013_12")
    with psycopg.connect(database.url) as who_owns_it, pytest.raises(psycopg.errors.RestrictViolation):
        who_owns_it.execute("delete from kept.ledger_entries_2013_12")
    await Retention(keeper, SettableClock(midnight(2019, 1) - MOMENT)).run()
    assert kept(owner) == {entry}
    night = await Retention(keeper, SettableClock(midnight(2019, 1))).run()
    assert "ledger_entries_2013_12" in night.dropped
    assert kept(owner) == set()


async def test_what_is_older_than_all_months_finds_a_place_before_and_after(owner: Owner, keeper: Database) -> None:
    await _a_year_of_nights(owner, keeper, NEW_YEAR)
    for moment in (midnight(2009, 5), midnight(2013, 12)):
        for parent in PARENTS:
            put(owner, parent, moment)
    for month in (1, 2, 3):
        await Retention(keeper, SettableClock(midnight(2015, month))).run()
        late = {parent: put(owner, parent, midnight(2009, 5)) for parent in PARENTS}
        assert all(late[parent] in there(owner, parent) for parent in PARENTS)
    [(since,)] = owner.execute(
        "select max(until) from partitions where parent = 'messages' and since is null"
    ).fetchall()
    assert since == dt.date(2014, 3, 1)


async def test_what_is_not_over_keeps_its_month_and_the_others_that_leave_with_it(
    owner: Owner, keeper: Database
) -> None:
    await _a_year_of_nights(owner, keeper, NEW_YEAR)
    message = put(owner, "messages", midnight(2014, 1) - MOMENT)
    report = put(owner, "reports", midnight(2014, 1) - MOMENT)
    owner.execute("update messages set status = 'queued'")
    night = await Retention(keeper, SettableClock(NEW_YEAR)).run()
    assert night.staying == {
        "messages_2013_12": "not_over",
        **dict.fromkeys(["dispatches_2013_12", "reports_2013_12"], "not_alone"),
        **dict.fromkeys(["dispatches_past", "messages_past", "reports_past"], "not_alone"),
    }
    assert (there(owner, "messages"), there(owner, "reports")) == ({message}, {report})
    assert "events_2013_12" in night.dropped
    owner.execute("update messages set status = 'expired', reason = 'too_late'")
    await Retention(keeper, SettableClock(NEW_YEAR)).run()
    assert (there(owner, "messages"), there(owner, "reports")) == (set(), set())


async def test_nothing_that_money_is_reckoned_from_leaves_before_its_sums_are_proven(
    owner: Owner, keeper: Database, database: Migrated
) -> None:
    await _a_year_of_nights(owner, keeper, NEW_YEAR)
    owner.execute(
        "create or replace function months.is_proven(part text) returns boolean language sql stable"
        " return (select parent not in ('messages', 'ledger_entries') from public.partitions where name = part)"
    )
    night = await Retention(keeper, SettableClock(midnight(2015, 2))).run()
    assert {name for name, why in night.staying.items() if why == "not_proven"} == {
        "messages_past",
        "messages_2013_12",
        "messages_2014_01",
        "ledger_entries_past",
        "ledger_entries_2013_11",
        "ledger_entries_2013_12",
    }
    assert {"events_2013_12", "events_2014_01"} <= set(night.dropped)
    assert all(name.startswith("events_") for name in night.dropped)


async def test_two_at_once_let_each_month_go_once(owner: Owner, database: Migrated) -> None:
    first, second = (Database(database.role_url("allim_keeper"), pool_size=1) for _ in range(2))
    await _a_year_of_nights(owner, first, NEW_YEAR)
    entry = put(owner, "ledger_entries", midnight(2013, 12))
    moment = midnight(2015, 2)
    nights = await asyncio.gather(*(Retention(each, SettableClock(moment)).run() for each in (first, second)))
    third = await Retention(first, SettableClock(moment)).run()
    left = [name for night in (*nights, third) for name in (*night.dropped, *night.kept)]
    assert len(left) == len(set(left))
    assert {f"{parent}_2014_01" for parent in OF_A_YEAR} | {"ledger_entries_2013_12"} <= set(left)
    assert kept(owner) == {entry}
    for pool in (first, second):
        await pool.close()


async def test_who_is_killed_meanwhile_has_done_nothing(owner: Owner, keeper: Database, database: Migrated) -> None:
    await _a_year_of_nights(owner, keeper, NEW_YEAR)
    rows = {parent: put(owner, parent, midnight(2013, 12)) for parent in PARENTS}
    killed = psycopg.connect(database.role_url("allim_keeper"))
    for family in FAMILIES:
        assert killed.execute("select * from let_go(%s, %s, false)", [list(family), midnight(2015, 2)]).fetchall()
    owner.execute("select pg_terminate_backend(%s)", [killed.info.backend_pid])
    with pytest.raises(psycopg.OperationalError):
        killed.execute("select 1")
    assert all(rows[parent] in there(owner, parent) for parent in PARENTS)
    await Retention(keeper, SettableClock(midnight(2015, 2))).run()
    assert [there(owner, parent) for parent in PARENTS] == [set()] * len(PARENTS)
    assert kept(owner) == {rows["ledger_entries"]}


async def test_a_table_that_somebody_reads_for_long_waits_for_a_night_and_the_others_leave(
    owner: Owner, keeper: Database, database: Migrated
) -> None:
    await _a_year_of_nights(owner, keeper, NEW_YEAR)
    rows = {parent: put(owner, parent, midnight(2013, 12)) for parent in PARENTS}
    with psycopg.connect(database.url) as reader:
        reader.execute("select count(*) from messages")
        night = await Retention(keeper, SettableClock(NEW_YEAR)).run()
        assert night.busy == ["months", "dispatches, messages, reports"]
        assert rows["messages"] in there(owner, "messages")
        assert there(owner, "events") == set()
    night = await Retention(keeper, SettableClock(NEW_YEAR)).run()
    assert night.busy == []
    assert there(owner, "messages") == set()


async def test_a_time_that_has_not_come_is_not_believed(database: Migrated, keeper: Database) -> None:
    with owner_of(database.url) as owner:
        before = owner.execute("select count(*) from partitions").fetchone()
        rows = {parent: put(owner, parent, midnight(2001, 1)) for parent in PARENTS}
        night = await Retention(keeper, SettableClock(dt.datetime(9000, 1, 1, tzinfo=dt.UTC))).run()
        assert (night.dropped, night.kept, night.staying) == ([], [], {})
        assert all(rows[parent] in there(owner, parent) for parent in PARENTS)
        after = owner.execute("select count(*) from partitions").fetchone()
    assert before is not None
    assert after == (before[0] + night.made,)
    assert night.made <= 2 * len(PARENTS)


MOMENTS = st.datetimes(dt.datetime(2011, 1, 1), dt.datetime(2014, 6, 30), timezones=st.just(dt.UTC))


@settings(max_examples=6, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(st.sampled_from(PARENTS), MOMENTS), max_size=12),
    nights=st.lists(MOMENTS, min_size=1, max_size=4).map(sorted),
)
async def test_nothing_leaves_that_is_younger_than_its_life_and_all_leaves_in_the_end(
    owner: Owner,
    database: Migrated,
    rows: list[tuple[str, dt.datetime]],
    nights: list[dt.datetime],
) -> None:
    keeper = Database(database.role_url("allim_keeper"), pool_size=1)
    begin_at(owner, dt.date(2012, 1, 1))
    put_there = {(table, put(owner, table, moment)): moment for table, moment in rows}
    for night in nights:
        await Retention(keeper, SettableClock(night)).run()
        month = month_of(night)
        for (table, id_), moment in put_there.items():
            if moment >= first_moment(months_on(month, -LIVES[table])):
                assert id_ in there(owner, table)
            if table == "ledger_entries" and moment >= first_moment(months_on(month, -60)):
                assert id_ in there(owner, table) | kept(owner)
    owner.execute("select months.extend('2014-08-01')")
    for year in (2018, 2019, 2024):
        moment = midnight(year, 1)
        owner.execute("select months.close(%s)", [moment])
        for family in FAMILIES:
            owner.execute("select let_go(%s, %s, false)", [list(family), moment])
    assert [there(owner, parent) for parent in PARENTS] == [set()] * len(PARENTS)
    assert kept(owner) == set()
    await keeper.close()
