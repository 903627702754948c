"""The bench of history, small: a year that could have been, and figures over it."""

from __future__ import annotations

import asyncio
import io
import shutil
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from pydantic_core import to_json
from rich.console import Console

from bench.history import measuring
from bench.history.chart import draw, main, read
from bench.history.figures import Figures, History, rows
from bench.history.filling import TENANTS, check_room, fill
from bench.history.report import show
from bench.history.timing import durations
from bench.watch import BenchError
from shared.credits.ledger.audit import audit, disagreements
from shared.platform.database import Database, fetch_all
from tests.clock import NOON
from tests.databases import Migrated
from tests.world import KEYS

MESSAGES = 5_000

CONTRADICTIONS = """
select
  (select count(*) from messages m where m.dispatch is not null and not exists (
    select from dispatches d where d.tenant = m.tenant and d.id = m.dispatch and m.id = any(d.messages)
  )) as uncarried,
  (select count(*) from messages m where m.event_id is not null and not exists (
    select from events e where e.tenant = m.tenant and e.source = m.event_source and e.id = m.event_id
  )) as of_no_event,
  (select count(*) from messages m where m.run_revision is not null and not exists (
    select from runs r where r.tenant = m.tenant and r.workflow = m.workflow and r.key = m.run_key
  )) as of_no_run,
  (select count(*) from messages m where not exists (
    select from customers c where c.tenant = m.tenant and c.id = m.customer
  )) as to_nobody,
  (select count(*) from messages m where m.price is not null and not exists (
    select from reports r where r.tenant = m.tenant and r.message = m.id and r.attempt = m.attempt
      and r.outcome = 'delivered'
  )) as unreported,
  (select count(*) from messages m where m.id not between months.first_id(m.due_at)
    and months.first_id(m.due_at + interval '1 millisecond')) as of_another_moment,
  (select count(*) from dispatches where state <> 'closed') as open,
  (select count(*) from messages where status not in ('delivered', 'failed', 'expired')) as waiting
"""


async def test_what_is_filled_in_could_have_been(database: Migrated) -> None:
    await asyncio.to_thread(fill, database.url, KEYS, after=0, messages=MESSAGES, now=NOON, tenants=TENANTS[:3])
    owner = Database(database.url, pool_size=1)
    found = await audit(owner)
    async with owner.connection() as connection:
        [contradictions] = await fetch_all(connection, CONTRADICTIONS, {})
        written = "select relname from pg_class where oid = any(select tableoid from messages)"
        months = await fetch_all(connection, written, {})
    await owner.close()
    assert not disagreements(found)
    assert (found.messages, found.captured) == (MESSAGES * 99 // 100, MESSAGES * 97 // 100)
    assert not any(contradictions.values()), contradictions
    assert len(months) > 2


def test_a_disk_without_room_is_told_before_it_is_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_room(tmp_path / "not" / "there", 0)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=10**9))
    with pytest.raises(BenchError, match="10,000,000 messages need about"):
        check_room(tmp_path, 10_000_000)


def test_the_databases_time_is_summed_by_role() -> None:
    log = [
        "time|allim_operator|LOG:  duration: 0.250 ms\n",
        "time|allim_operator|LOG:  duration: 1.5 ms\n",
        "time|allim_ticker|LOG:  duration: 2 ms\n",
        "time|allim_operator|ERROR:  duration: 7 ms\n",
    ]
    assert durations(log) == {"allim_operator": 1.75, "allim_ticker": 2.0}


LITTLE = Figures(
    messages=10_000,
    bytes=1,
    fill_seconds=1,
    singles_per_second=1_000,
    queries={"messages": 2.0},
    loops={"allim_ticker": 3.0},
    audit_seconds=1.0,
    audit_again_seconds=1.0,
    backup_seconds=1.0,
    backup_again_seconds=1.0,
)


def test_a_figure_is_reached_by_its_time_over_much_history() -> None:
    much = replace(LITTLE, singles_per_second=960, queries={"messages": 201.0}, audit_seconds=500.0)
    reached = {row.name: row.reached for row in rows(History(LITTLE, much))}
    assert [name for name, was in reached.items() if not was] == ["messages"]
    slow = replace(LITTLE, singles_per_second=940, audit_again_seconds=31.0, backup_again_seconds=301.0)
    missed = [row.name for row in rows(History(LITTLE, slow)) if not row.reached]
    assert missed == ["1,000 single events", "audit, each night", "backup, each night"]


def test_people_are_told_what_was_reached_and_what_was_missed() -> None:
    told = io.StringIO()
    show(
        History(LITTLE, replace(LITTLE, messages=1_000_000, queries={"messages": 201.0})), Console(file=told, width=120)
    )
    lines = {line.split("  ")[0]: line.split()[-1] for line in told.getvalue().splitlines() if "≤" in line}
    assert lines == {
        "messages": "missed",
        "1,000 single events": "reached",
        "audit, each night": "reached",
        "backup, each night": "reached",
    }


@pytest.mark.parametrize("within", ["history", None], ids=["of_the_whole_bench", "by_itself"])
def test_a_run_is_drawn_with_a_point_for_each_figure(tmp_path: Path, within: str | None) -> None:
    found = History(LITTLE, replace(LITTLE, messages=10_000_000))
    results, picture = tmp_path / "results.json", tmp_path / "history.svg"
    results.write_bytes(to_json({within: found} if within else found))
    assert read(results) == found
    assert main([str(results), "--to", str(picture)]) == 0
    assert picture.read_text(encoding="utf-8") == draw(found)
    drawn = ElementTree.fromstring(draw(found))  # noqa: S314 - our own
    points = drawn.iter("{http://www.w3.org/2000/svg}circle")
    assert len(list(points)) == 2 * len(list(rows(found)))


def test_a_file_without_history_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "results.json").write_text('{"history": null}')
    with pytest.raises(SystemExit):
        main([str(tmp_path / "results.json")])
    assert "has no history" in capsys.readouterr().err


def test_each_figure_is_measured_on_stacks_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLIM_HOME", str(tmp_path))
    monkeypatch.setattr(measuring, "LITTLE", 1_000)
    told: list[str] = []
    found = measuring.measure(messages=1_500, singles=2, tell=told.append, rest_seconds=0.1)
    assert (found.little.messages, found.much.messages) == (1_000, 2_000)
    assert found.much.singles_per_second > 0
    assert found.much.bytes > found.little.bytes > 0
    assert all(spent > 0 for spent in found.much.queries.values())
    assert min(found.much.audit_again_seconds, found.much.backup_again_seconds) > 0
    assert any("backups" in line for line in told)
    assert not (tmp_path / "bench").exists()
