"""What the scheduler of one machine begins, and when. A moment is given to it, so a test needs no waiting."""

from __future__ import annotations

import json
import logging
import threading
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

SEOUL = ZoneInfo("Asia/Seoul")
CALL_SECONDS = 1_800.0
"""The longest that Cloud Scheduler waits for an answer."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """Something that is begun again and again.

    `cron`: when, as Cloud Scheduler is told, in Korean time. `next_after`: the first moment after one. `begin` does it,
    or raises. `at_once`: also when the scheduler starts.
    """

    name: str
    description: str
    cron: str
    next_after: Callable[[datetime], datetime]
    begin: Callable[[], None]
    at_once: bool = False


def next_minute(now: datetime) -> datetime:
    """The first full minute after `now`."""
    return now.replace(second=0, microsecond=0) + timedelta(minutes=1)


def daily(hour: int) -> Callable[[datetime], datetime]:
    """The first full `hour` in Seoul after a moment."""

    def next_day(now: datetime) -> datetime:
        there = now.astimezone(SEOUL)
        today = there.replace(hour=hour, minute=0, second=0, microsecond=0)
        return (today if today > there else today + timedelta(days=1)).astimezone(UTC)

    return next_day


def calling(address: str) -> Callable[[], None]:
    """Calls a function over HTTP, as Cloud Scheduler does; an answer of 400 or more raises."""

    def call() -> None:
        request = urllib.request.Request(address, data=b"", method="POST")  # noqa: S310 - an address of this machine
        urllib.request.urlopen(request, timeout=CALL_SECONDS).close()  # noqa: S310

    return call


@dataclass
class Record:
    """How a job stands. `error`: what the last attempt failed with, or empty."""

    job: Job
    next_at: datetime
    paused: bool = False
    last_attempt: datetime | None = None
    error: str = ""


class Scheduler:
    """Begins jobs when they are due. Which are paused is kept in the file `state`, through any restart.

    Args:
        jobs: what there is to begin.
        state: a file of its own.
        now: the time.
    """

    def __init__(self, jobs: Iterable[Job], state: Path, now: Callable[[], datetime]) -> None:
        self._state = state
        self._now = now
        self._changed = threading.Condition()
        self._workers = ThreadPoolExecutor(thread_name_prefix="job")
        paused = json.loads(state.read_text())["paused"] if state.exists() else []
        begun = now()
        self.records = {
            job.name: Record(job, begun if job.at_once else job.next_after(begun), paused=job.name in paused)
            for job in jobs
        }

    def begin_due(self) -> list[str]:
        """Begin what is due, each on a thread of its own; gives their names."""
        now = self._now()
        with self._changed:
            due = [record for record in self.records.values() if not record.paused and record.next_at <= now]
            for record in due:
                record.next_at = record.job.next_after(now)
        for record in due:
            self._workers.submit(self.attempt, record)
        return [record.job.name for record in due]

    def attempt(self, record: Record) -> None:
        """Begin a job now, whether or not it is due or paused, and note how it went."""
        at, error = self._now(), ""
        try:
            record.job.begin()
            _log.info("%s began", record.job.name)
        except Exception as failure:  # whatever it was, the next one may go well
            error = f"{type(failure).__name__}: {failure}"
            _log.warning("%s is missed: %s", record.job.name, error)
        with self._changed:
            record.last_attempt, record.error = at, error

    def set_paused(self, record: Record, paused: bool) -> None:
        """Pause a job, or go on with its next moment."""
        with self._changed:
            record.paused = paused
            record.next_at = record.job.next_after(self._now())
            names = [one.job.name for one in self.records.values() if one.paused]
            self._keep(names)
            self._changed.notify()

    def _keep(self, paused: Sequence[str]) -> None:
        """Replace the state's file at once, so that no reader sees half of it."""
        fresh = self._state.with_suffix(".new")
        fresh.write_text(json.dumps({"paused": paused}))
        fresh.replace(self._state)

    def run(self) -> None:
        """Begin jobs until the process ends."""
        while True:
            self.begin_due()
            with self._changed:
                moments = [record.next_at.timestamp() for record in self.records.values() if not record.paused]
                self._changed.wait(max(0.0, min(moments) - self._now().timestamp()) if moments else None)
