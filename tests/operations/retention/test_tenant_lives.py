"""A tenant's rows forget what they say when their whole month is as old as the tenant wants, and nobody else's do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from shared.operations.retention import retaining
from shared.operations.retention.lives import LIVES
from shared.operations.retention.lives_store import TenantLife, count_contents, forget_contents, read_lives
from shared.operations.retention.retaining import Night, Retention, RetentionError
from shared.operations.retention.tenant_lives import SHORTEST, LifeError, longest, set_life, unset_life
from shared.platform.clock import first_moment, month_of
from shared.platform.database import Database
from tests.clock import SettableClock
from tests.databases import Migrated
from tests.operations.retention.months import Owner, begin_at, midnight, months_on, owner_of, put

MOMENT = dt.timedelta(microseconds=1)
NOW = midnight(2014, 10)
SAID = {
    "messages": "recipient is not null and variables <> '{}' and detail is not null",
    "events": "data <> '{}' and note is not null and outcomes <> '[]'",
}
KEY = {"messages": "id", "events": "id::uuid"}
SAYING = {
    "messages": "recipient = '01012345678', variables = '{\"name\": \"Kim\"}', detail = 'd'",
    "events": 'data = \'{"customer": {"id": "c"}}\', note = \'n\', outcomes = \'[{"did": "told"}]\'',
}


@pytest.fixture
def owner(database: Migrated) -> Iterator[Owner]:
    with owner_of(database.url) as connection:
        _begin(connection)
        yield connection


def _begin(owner: Owner) -> None:
    """Months of 2013 and 2014, closed as they end."""
    begin_at(owner, dt.date(2013, 10, 1))
    owner.execute("select months.extend('2015-03-01')")
    owner.execute("truncate tenant_lives")
    owner.execute("insert into tenants (id, name) values ('cafe', 'c'), ('other', 'o') on conflict do nothing")


def _put(owner: Owner, table: str, moment: dt.datetime, tenant: str = "cafe") -> UUID:
    id_ = put(owner, table, moment)
    owner.execute(f"update {table} set tenant = %s, {SAYING[table]} where {KEY[table]} = %s".encode(), [tenant, id_])  # noqa: S608 - names from above
    return id_


def _saying(owner: Owner, table: str) -> set[UUID]:
    """The rows that still say something."""
    rows = owner.execute(f"select {KEY[table]} from {table} where {SAID[table]}".encode())  # noqa: S608 - names from above
    return {id_ for (id_,) in rows.fetchall()}


def _life(owner: Owner, what: str, months: int, tenant: str = "cafe") -> None:
    owner.execute("insert into tenant_lives (tenant, what, months) values (%s, %s, %s)", [tenant, what, months])


async def _night(keeper: Database, moment: dt.datetime = NOW) -> Night:
    return await Retention(keeper, SettableClock(moment)).run()


@pytest.mark.parametrize("table", sorted(SHORTEST))
async def test_a_row_forgets_when_its_month_is_so_old_and_not_a_moment_before_and_no_other_tenants_does(
    owner: Owner, keeper: Database, table: str
) -> None:
    _life(owner, table, 8)
    old = _put(owner, table, midnight(2014, 2) - MOMENT)
    others = _put(owner, table, midnight(2014, 2) - MOMENT, "other")
    young = _put(owner, table, midnight(2014, 2))
    await _night(keeper, NOW - MOMENT)
    assert _saying(owner, table) == {old, others, young}
    night = await _night(keeper)
    assert night.forgotten == {f"{table} of cafe": 1}
    assert _saying(owner, table) == {others, young}
    assert owner.execute(f"select count(*) from {table}".encode()).fetchone() == (3,), "the rows stay"  # noqa: S608
    assert (await _night(keeper)).forgotten == {}


async def test_what_waits_or_holds_credit_forgets_nothing_before_it_is_over(owner: Owner, keeper: Database) -> None:
    _life(owner, "messages", 7)
    waits, holds = (_put(owner, "messages", midnight(2014, 1)) for _ in range(2))
    owner.execute("update messages set status = 'queued' where id = %s", [waits])
    owner.execute("update messages set hold = id, status = 'sent' where id = %s", [holds])
    await _night(keeper)
    assert _saying(owner, "messages") == {waits, holds}
    owner.execute("update messages set status = 'delivered', hold = null")
    await _night(keeper, midnight(2014, 11))
    assert _saying(owner, "messages") == set()


async def test_what_left_long_after_it_was_due_says_for_half_a_year_what_it_said(
    owner: Owner, keeper: Database
) -> None:
    """An advert's record is kept for 6 months from when it was sent, and a message lies where it was due."""
    _life(owner, "messages", 7)
    late = _put(owner, "messages", midnight(2014, 1))
    owner.execute("update messages set updated_at = %s where id = %s", [midnight(2014, 9), late])
    await _night(keeper)
    assert _saying(owner, "messages") == {late}
    await _night(keeper, midnight(2015, 4))
    assert _saying(owner, "messages") == set()


async def test_it_goes_on_where_it_was_a_few_rows_at_a_time_and_what_comes_late_goes_with_the_next_month(
    owner: Owner, keeper: Database
) -> None:
    for what in SHORTEST:
        _life(owner, what, 7)
        for number in range(5):
            _put(owner, what, midnight(2014, 1) + number * MOMENT)
        _put(owner, what, midnight(2013, 8))
        steps = []
        more = True
        while more:
            async with keeper.connection() as connection:  # each could be the last one before a crash
                gone, more = await forget_contents(connection, "cafe", what, NOW, most=2)
            steps.append(gone)
        assert max(steps) == 2
        assert sum(steps) == 6
        assert _saying(owner, what) == set()
        late = _put(owner, what, midnight(2014, 1))
        async with keeper.connection() as connection:
            assert await forget_contents(connection, "cafe", what, NOW, most=2) == (0, False)
        assert _saying(owner, what) == {late}
    await _night(keeper, midnight(2014, 11))
    assert [_saying(owner, what) for what in SHORTEST] == [set(), set()]


async def test_a_tenant_whose_rows_can_not_be_read_stops_no_other(owner: Owner, keeper: Database) -> None:
    for tenant in ("cafe", "other"):
        _life(owner, "messages", 7, tenant)
    broken = _put(owner, "messages", midnight(2014, 1))
    _put(owner, "messages", midnight(2014, 1), "other")
    owner.execute(
        "create function public.breaks() returns trigger language plpgsql as $$ begin raise exception 'broken'; end $$;"
        "create trigger breaks before update on messages for each row when (old.tenant = 'cafe')"
        " execute function public.breaks()"
    )
    with pytest.raises(RetentionError, match="messages of cafe"):
        await _night(keeper)
    assert _saying(owner, "messages") == {broken}


async def test_a_closed_month_that_forgets_has_changed_so_that_it_is_proven_and_copied_anew(
    owner: Owner, keeper: Database, database: Migrated
) -> None:
    _life(owner, "messages", 7)
    owner.execute("select months.close(%s)", [NOW])
    _put(owner, "messages", midnight(2014, 1))
    await _night(keeper)
    changes = owner.execute("select changes from partitions where name = 'messages_2014_01'").fetchone()
    assert changes == (1,)


MOMENTS = st.datetimes(dt.datetime(2013, 8, 1), dt.datetime(2014, 9, 30), timezones=st.just(dt.UTC))
ROWS = st.lists(st.tuples(st.sampled_from(sorted(SHORTEST)), st.sampled_from(["cafe", "other"]), MOMENTS), max_size=10)
NIGHTS = st.lists(st.integers(3, 10), min_size=1, max_size=3).map(sorted)


@settings(max_examples=8, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, messages=st.integers(7, 11), events=st.integers(1, 11), nights=NIGHTS, at_once=st.integers(1, 3))
async def test_just_those_rows_forget_whose_whole_month_has_the_age_that_their_tenant_wants(
    owner: Owner,
    database: Migrated,
    monkeypatch: pytest.MonkeyPatch,
    rows: list[tuple[str, str, dt.datetime]],
    messages: int,
    events: int,
    nights: list[int],
    at_once: int,
) -> None:
    keeper = Database(database.role_url("allim_keeper"), pool_size=1)
    monkeypatch.setattr(retaining, "AT_ONCE", at_once)
    _begin(owner)
    lives = {"messages": messages, "events": events}
    for what, months in lives.items():
        _life(owner, what, months)
    moments = {(what, _put(owner, what, moment, tenant)): (tenant, moment) for what, tenant, moment in rows}
    for month in nights:
        night = midnight(2014, month)
        await _night(keeper, night)
        for (what, id_), (tenant, moment) in moments.items():
            moment = max(moment, midnight(2013, 9))  # what is older lies in one partition with this month
            old = moment < first_moment(months_on(month_of(night), -lives[what]))
            gone = moment < first_moment(months_on(month_of(night), -12))
            assert (id_ in _saying(owner, what)) == (not gone and not (old and tenant == "cafe"))
    await keeper.close()


async def test_the_count_before_is_what_the_night_does(owner: Owner, keeper: Database, database: Migrated) -> None:
    pool = Database(database.url, pool_size=1)
    for what in SHORTEST:
        _life(owner, what, 7)
        for number in range(3):
            _put(owner, what, midnight(2014, number + 1))
        _put(owner, what, midnight(2014, 9))
        async with pool.connection() as connection:
            counted = await count_contents(connection, "cafe", what, NOW, most=10)
            assert await count_contents(connection, "cafe", what, NOW, most=1) == (1, True)
        assert counted == (2, False), "two months are so old, and the third is not"
    assert (await _night(keeper)).forgotten == {f"{what} of cafe": 2 for what in SHORTEST}
    await pool.close()


@pytest.mark.parametrize("what", sorted(SHORTEST))
async def test_a_life_lies_between_what_the_law_asks_and_the_life_of_all(database: Migrated, what: str) -> None:
    pool = Database(database.url, pool_size=1)
    with psycopg.connect(database.url) as owner:
        owner.execute("insert into tenants (id, name) values ('cafe', 'c')")
    assert longest(what) + 1 == LIVES[what].months
    for months in (SHORTEST[what] - 1, longest(what) + 1, -1):
        async with pool.transaction() as connection:
            with pytest.raises(LifeError) as refused:
                await set_life(connection, "cafe", what, months, by="kim", now=NOW)
        assert (refused.value.code, refused.value.field) == ("bad_life", "months")
        with psycopg.connect(database.url) as owner, pytest.raises(psycopg.errors.CheckViolation):
            _life(owner, what, months)
    for months in (SHORTEST[what], longest(what)):
        async with pool.transaction() as connection:
            await set_life(connection, "cafe", what, months, by="kim", now=NOW)
            assert await read_lives(connection, "cafe") == [TenantLife("cafe", what, months, None)]
    async with pool.transaction() as connection:
        await unset_life(connection, "cafe", what, by="lee", now=NOW + MOMENT)
        assert await read_lives(connection) == []
        with pytest.raises(LifeError, match="no_life_set"):
            await unset_life(connection, "cafe", what, by="lee", now=NOW)
        with pytest.raises(LifeError, match="no_life_of_its_own"):
            await set_life(connection, "cafe", "ledger_entries", 12, by="lee", now=NOW)
    with psycopg.connect(database.url) as owner:
        history = owner.execute("select what, done_by, why from tenant_history order by id").fetchall()
    assert set(history) == {
        ("life_set", "kim", f"{what}: {SHORTEST[what]} months"),
        ("life_set", "kim", f"{what}: {longest(what)} months"),
        ("life_unset", "lee", what),
    }
    await pool.close()
