"""Nothing leaves for good of which no backup has a copy as it is, where there are backups."""

from __future__ import annotations

import datetime as dt

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.operations.retention.retaining import NotCopiedError
from shared.platform.buckets import Bucket
from tests.databases import Migrated
from tests.operations.backups.conftest import NIGHT, backups_of, next_backup, next_night
from tests.operations.retention.months import ROWS, midnight
from tests.world import World

DUE = ["events_2013_11", "events_2013_12", "events_past"]
WEEK = dt.timedelta(days=7)


def _events(names: list[str]) -> list[str]:
    return sorted(name for name in names if name.startswith("events"))


def _late(world: World) -> None:
    """An event of a month that is closed for long."""
    statement = ROWS["events"].replace("'cafe'", "(select id from tenants limit 1)")
    world.rows(statement, id="00000000-0000-0000-0000-000000000001", at=midnight(2013, 12))


async def test_where_no_backup_was_ever_taken_months_leave_and_it_is_said(aged: World) -> None:
    night = await next_night(aged)
    assert _events(night.dropped) == _events(night.uncopied) == DUE
    assert sorted(night.dropped) == sorted(night.uncopied)


async def test_where_backups_are_wanted_and_there_is_none_nothing_leaves_and_the_rest_is_done(aged: World) -> None:
    aged.rows(
        "insert into dead_letters (source, reason, detail, body, received_at, first_at)"
        " values ('s', 'r', 'd', '', '2001-01-01', '2001-01-01')"
    )
    with pytest.raises(NotCopiedError, match="events_2013_12") as refused:
        await next_night(aged, copied=True)
    assert (refused.value.code, refused.value.status) == ("not_copied", 500)
    assert aged.rows("select name from left_months where dropped_at is not null") == []
    assert len(aged.rows("select name from left_months")) == 2, "what is kept apart is not gone"
    assert aged.rows("select id from dead_letters") == []


async def test_what_a_backup_has_as_it_is_leaves(aged: World, bucket: Bucket) -> None:
    await backups_of(aged, bucket).back_up()
    night = await next_night(aged)
    assert (_events(night.dropped), night.uncopied, night.staying) == (DUE, [], {})


async def test_what_changed_since_waits_for_the_next_backup_and_stops_nobody_else(aged: World, bucket: Bucket) -> None:
    await backups_of(aged, bucket).back_up()
    _late(aged)
    night = await next_night(aged)
    assert night.staying == {"events_2013_12": "changed_since_copy"}
    assert "messages_2013_12" in night.dropped
    nights = []
    for _ in range(2):  # with what came in the place of the past, which is closed a night later
        await backups_of(aged, bucket).back_up()
        nights.append(await next_night(aged))
    assert _events(nights[1].dropped) == ["events_2013_12", "events_past"]


async def test_a_backup_that_is_older_than_a_week_or_of_another_lineage_is_no_copy(aged: World, bucket: Bucket) -> None:
    await backups_of(aged, bucket).back_up()
    aged.clock.moment += WEEK - NIGHT
    with pytest.raises(NotCopiedError):
        await next_night(aged)
    await next_backup(aged, bucket)
    aged.rows("update lineage set id = gen_random_uuid()")
    with pytest.raises(NotCopiedError):
        await next_night(aged)
    await backups_of(aged, bucket).back_up()
    assert _events((await next_night(aged)).dropped) == DUE


async def test_a_backup_that_was_taken_and_not_told_of_is_told_of_by_the_next_try(aged: World, bucket: Bucket) -> None:
    aged.rows("alter function tell_copies rename to away")
    with pytest.raises(psycopg.Error):
        await backups_of(aged, bucket).back_up()
    aged.rows("alter function away rename to tell_copies")
    await backups_of(aged, bucket).back_up()
    assert _events((await next_night(aged)).dropped) == DUE


async def test_what_is_kept_apart_goes_at_the_end_of_its_years_when_a_backup_has_it(
    aged: World, bucket: Bucket
) -> None:
    await backups_of(aged, bucket).back_up()
    await next_night(aged)
    aged.clock.moment = midnight(2018, 12)
    with pytest.raises(NotCopiedError, match="ledger_entries_2013_11"):
        await next_night(aged)
    assert aged.rows("select count(*) from kept.ledger_entries_2013_11") == [{"count": 2}]
    await next_backup(aged, bucket)
    night = await next_night(aged)
    assert {"ledger_entries_2013_11", "ledger_entries_until_2013_11"} <= set(night.dropped)
    assert aged.rows("select relname from pg_class where relnamespace = 'kept'::regnamespace and relkind = 'r'") == []


NOW = midnight(2015, 1)
MOMENTS = st.sampled_from([NOW - 8 * NIGHT, NOW - WEEK, NOW - 6 * NIGHT, NOW])
COPIES = st.none() | st.tuples(st.sampled_from(["here", "elsewhere"]), MOMENTS, st.integers(0, 1), MOMENTS)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(copy=COPIES, closed=MOMENTS, changes=st.integers(0, 1))
def test_only_the_very_same_month_of_this_database_within_a_week_is_a_copy(
    module_database: Migrated,
    copy: tuple[str, dt.datetime, int, dt.datetime] | None,
    closed: dt.datetime,
    changes: int,
) -> None:
    with psycopg.connect(module_database.url) as owner:
        if copy is not None:
            where, *then = copy
            owner.execute(
                "insert into month_copies (name, lineage, closed_at, changes, taken_at) values"
                " ('m', case when %s = 'here' then lineage_here() else 'x' end, %s, %s, %s)",
                [where, *then],
            )
        lacks = owner.execute("select months.lacks_copy('m', %s, %s, %s)", [closed, changes, NOW]).fetchone()
        owner.rollback()
    if copy is None or copy[0] == "elsewhere" or copy[3] <= NOW - WEEK:
        assert lacks == ("not_copied",)
    else:
        assert lacks == ("copied" if copy[1:3] == (closed, changes) else "changed_since_copy",)
