"""The scheduler of one machine, and `allim ticks` with Google's own client: over its API here, and as in the cloud."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from cli.operations import ticks
from simulator.scheduler.jobs import Job, Scheduler, calling, daily, next_minute
from simulator.scheduler.service import start
from tests.simulator.pubsub.conftest import serve_sink

NOON = datetime(2026, 11, 21, 3, 0, 10, tzinfo=UTC)
BOTH = ["reminder-tick", "sweep-tick"]
WHERE = ("--project", "my-project", "--location", "asia-northeast3")


class Jobs:
    """A scheduler whose tick counts, at a time that the test sets."""

    def __init__(self, state: Path) -> None:
        self.now = NOON
        self.ticks = 0
        self.away = False
        self.state = state
        self.scheduler = self.restarted()

    def restarted(self) -> Scheduler:
        jobs = [
            *(
                Job(name, "Begins a minute.", "*/1 * * * *", next_minute, self._tick, at_once=True)
                for name in ticks.JOBS
            ),
            Job("backup", "Backs up.", "0 3 * * *", daily(3), lambda: None),
        ]
        return Scheduler(jobs, self.state, lambda: self.now)

    def _tick(self) -> None:
        if self.away:
            raise ConnectionError("Pub/Sub is away")
        self.ticks += 1


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path / "scheduler.json")


@pytest.fixture
def channel(jobs: Jobs) -> Iterator[Callable[[], Any]]:
    server, port = start(jobs.scheduler, "127.0.0.1:0")
    yield lambda: grpc.insecure_channel(f"127.0.0.1:{port}")
    server.stop(None).wait()


@pytest.fixture
def run(channel: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs a verb against the cloud, whose API is answered here."""
    monkeypatch.setattr(ticks, "_cloud_client", lambda: ticks.client_of(channel()))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    monkeypatch.delenv("GOOGLE_CLOUD_LOCATION", raising=False)
    return lambda *arguments: CliRunner().invoke(app, ["ticks", *arguments])


def _told(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_tick_comes_at_once_and_then_each_minute_and_a_backup_at_three_in_seoul(jobs: Jobs) -> None:
    begun = [jobs.scheduler.begin_due(), jobs.scheduler.begin_due()]
    jobs.now += timedelta(seconds=50)
    begun.append(jobs.scheduler.begin_due())
    jobs.now = datetime(2026, 11, 21, 18, tzinfo=UTC)
    begun.append(jobs.scheduler.begin_due())
    assert begun == [BOTH, [], BOTH, [*BOTH, "backup"]]
    assert daily(3)(jobs.now) == jobs.now + timedelta(days=1)


def test_what_is_paused_stays_so_through_a_restart(jobs: Jobs) -> None:
    jobs.scheduler.set_paused(jobs.scheduler.records["reminder-tick"], True)
    again = jobs.restarted()
    assert again.begin_due() == ["sweep-tick"]
    again.set_paused(again.records["reminder-tick"], False)
    assert jobs.restarted().begin_due() == BOTH


def test_a_daily_job_posts_to_its_function_and_knows_a_refusal() -> None:
    with serve_sink() as sink:
        calling(sink.url)()
        assert len(sink.pushes) == 1
        sink.answer = lambda push: 500
        with pytest.raises(OSError, match="500"):
            calling(sink.url)()


def test_status_shows_the_state_the_last_tick_and_the_next(run: Callable[..., Result], jobs: Jobs) -> None:
    before = _told(run("status", *WHERE, "--json"))
    assert [(each["job"], each["state"], each["last"]) for each in before] == [(job, "enabled", None) for job in BOTH]
    jobs.scheduler.attempt(jobs.scheduler.records["reminder-tick"])
    jobs.scheduler.set_paused(jobs.scheduler.records["backup"], True)
    told = _told(run("status", *WHERE, "--json"))
    assert told[0] == {
        "job": "reminder-tick",
        "state": "enabled",
        "schedule": "*/1 * * * * (Asia/Seoul)",
        "last": "2026-11-21T03:00:10Z",
        "last_error": "",
        "next": "2026-11-21T03:00:10Z",
    }
    assert "11-21 12:00:10.000" in run("status", *WHERE).stdout


def test_pausing_and_resuming_twice_is_the_same_as_once(run: Callable[..., Result], jobs: Jobs) -> None:
    paused = [_told(run("pause", *WHERE, "--json")) for _ in range(2)]
    assert [(one["state"], one["next"]) for both in paused for one in both] == [("paused", None)] * 4
    assert jobs.scheduler.begin_due() == []
    resumed = [_told(run("resume", *WHERE, "--json")) for _ in range(2)]
    assert [(one["state"], one["next"]) for both in resumed for one in both] == [
        ("enabled", "2026-11-21T03:01:00Z")
    ] * 4


def test_a_tick_can_be_forced_even_while_they_are_paused(run: Callable[..., Result], jobs: Jobs) -> None:
    run("pause", *WHERE)
    assert [each["state"] for each in _told(run("run", *WHERE, "--json"))] == ["paused"] * 2
    assert jobs.ticks == 2
    jobs.away = True
    assert "failed: ConnectionError: Pub/Sub is away" in run("run", *WHERE).stdout


def test_a_job_that_is_not_there_is_a_clear_error(run: Callable[..., Result], jobs: Jobs) -> None:
    del jobs.scheduler.records["reminder-tick"]
    result = run("status", *WHERE)
    assert (result.exit_code, "error: no_job: not all are there of projects/my-project/" in result.stderr) == (1, True)


def test_half_an_address_of_the_cloud_never_means_the_stack_here(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert "error: where: give both" in run("pause", "--project", "my-project").stderr
    monkeypatch.setenv("ALLIM_HOME", str(tmp_path))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "my-project")
    assert "error: no_stack" in run("status").stderr
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "asia-northeast3")
    assert [each["state"] for each in _told(run("status", "--json"))] == ["enabled"] * 2


@pytest.mark.parametrize("verb", ["status", "pause", "resume", "run"])
def test_the_help_of_each_verb_has_examples(verb: str) -> None:
    assert f"$ allim ticks {verb}" in CliRunner().invoke(app, ["ticks", verb, "--help"]).stdout
