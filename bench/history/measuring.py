"""Measures a stack with history, each figure by the product's own code: its verbs, its functions' parts, its loops."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from bench import load
from bench.history.figures import Figures, History
from bench.history.filling import check_room, fill
from bench.history.statements import UNIT
from bench.history.timing import DurationLog, timed_statements
from bench.home import environment, fresh_stack
from bench.saas import TENANT, give_credit
from bench.watch import BenchError, Watch
from local.examples.loading import load as load_examples
from local.functions import SIMULATED_BUCKET
from local.home import CHECKOUT, Home
from local.stack import Stack
from shared.bootstrap import Parts, backups, database, reconciliation
from shared.messages.status import Status
from shared.messages.stories.stories import list_messages, short_ids, story
from shared.platform.clock import WallClock
from shared.platform.crypto import Keys
from shared.platform.database import Connection, Database, fetch_all
from shared.platform.settings import Settings, read_keys
from shared.workflows.events.views import list_events

LITTLE = 10_000
SINGLES = 5_000
ROUNDS = 3
LOOPS = ("allim_ticker", "allim_sweeper", "allim_watch", "allim_health")
REST_SECONDS = 65.0
"""Each loop looks at least once a minute."""

RARE = "subscription.cancelled"
Ask = Callable[[Connection], Awaitable[Any]]
Tell = Callable[[str], None]


def measure(*, messages: int, singles: int, tell: Tell, rest_seconds: float = REST_SECONDS) -> History:
    """Fill a fresh stack with little history and measure it, and another one with much.

    Args:
        messages: of much; rounded up to whole thousands.
        singles: events in each round of single ones.
        tell: is told how far it is.
        rest_seconds: how long the loops are watched while there is nothing to do.

    Raises:
        BenchError: the disk has no room for so many, or what was measured did not happen.
        StackError: a stack does not come up.
    """
    whole = -(-messages // UNIT) * UNIT
    check_room(Home.default().root, whole)
    return History(*(_measured(number, singles, tell, rest_seconds) for number in (LITTLE, whole)))


def _measured(messages: int, singles: int, tell: Tell, rest_seconds: float) -> Figures:
    def say(what: str) -> None:
        tell(f"{messages:,} messages of history: {what}")

    with fresh_stack() as (home, stack):
        begun = time.monotonic()
        keys = Keys(read_keys(stack.encryption_key))
        now = WallClock().now()
        fill(stack.database_url, keys, after=0, messages=messages, now=now, tell=say)
        with psycopg.connect(stack.database_url, autocommit=True) as connection:
            # Each month that is over has been, for as long as it is.
            connection.execute("select months.close(%s)", [now])
        filled = time.monotonic() - begun
        load_examples(stack)
        give_credit(stack)
        say("single events")
        per_second = _singles(stack, singles)
        with timed_statements(stack.database_url, home.log("postgres")) as log:
            say("what people ask")
            queries = asyncio.run(_queries(stack, log))
            say("loops at rest")
            log.mark()
            time.sleep(rest_seconds)
            loops = {role: spent / rest_seconds for role, spent in log.by_role().items() if role in LOOPS}
        say("audits")
        audits = [asyncio.run(_reconcile(stack)), _audit(home)]
        say("backups")
        nights = [asyncio.run(_back_up(stack, night)) for night in range(2)]
        with psycopg.connect(stack.database_url) as connection:
            size = connection.execute("select pg_database_size(current_database())").fetchone()
    return Figures(
        messages=messages,
        bytes=size[0] if size else 0,
        fill_seconds=round(filled, 1),
        singles_per_second=round(per_second),
        queries={name: round(spent, 2) for name, spent in queries.items()},
        loops={role: round(spent, 3) for role, spent in sorted(loops.items())},
        audit_seconds=round(audits[0], 2),
        audit_again_seconds=round(audits[1], 2),
        backup_seconds=round(nights[0], 2),
        backup_again_seconds=round(nights[1], 2),
    )


def _singles(stack: Stack, count: int) -> float:
    """The best round's messages a second."""
    watch, publisher = Watch(stack.database_url), load.Publisher(stack)
    try:
        load.singles(publisher, watch, min(load.WARM_UP, count))
        best = 0.0
        for _ in range(ROUNDS):
            watch.until_quiet()
            best = max(best, load.singles(publisher, watch, count).per_second)
        watch.until_quiet()
        return best
    finally:
        publisher.close()
        watch.close()


async def _queries(stack: Stack, log: DurationLog) -> Mapping[str, float]:
    """The middle of some rounds, by verb; each as the verb asks it, by the role that it has."""
    operator = Database(stack.role_database_urls["allim_operator"], pool_size=1)
    try:
        async with operator.connection() as connection:
            questions = await _questions(connection)
            taken: dict[str, list[float]] = {name: [] for name in questions}
            for _ in range(ROUNDS):
                for name, ask in questions.items():
                    log.mark()
                    await ask(connection)
                    taken[name].append(log.by_role().get("allim_operator", 0.0))
    finally:
        await operator.close()
    return {name: statistics.median(spent) for name, spent in taken.items()}


async def _questions(connection: Connection) -> Mapping[str, Ask]:
    """What `allim messages`, `allim show` and `allim events` ask, with each of their filters."""
    now = WallClock().now()
    ends = "select id, customer from messages where tenant = %(tenant)s and {} order by id {} limit 1"
    [new] = await fetch_all(connection, ends.format("attempt = 1", "desc"), {"tenant": TENANT})
    [old] = await fetch_all(connection, ends.format("attempt = 0", ""), {"tenant": TENANT})
    day: dict[str, Any] = {"since": now - dt.timedelta(days=1), "limit": 20}
    month: dict[str, Any] = {"since": now - dt.timedelta(days=30), "limit": 20}
    customer = new["customer"]

    async def newest(connection: Connection) -> None:
        await short_ids(connection, await list_messages(connection, limit=50))

    return {
        "messages": newest,
        "messages --json": lambda c: list_messages(c, limit=10_000),
        "messages --tenant": lambda c: list_messages(c, tenant=TENANT, limit=50),
        "messages --customer": lambda c: list_messages(c, customer=customer, limit=50),
        "messages --tenant --customer": lambda c: list_messages(c, tenant=TENANT, customer=customer, limit=50),
        "messages --status queued": lambda c: list_messages(c, status=Status.QUEUED, limit=50),
        "messages --status failed": lambda c: list_messages(c, status=Status.FAILED, limit=50),
        "messages --status suppressed": lambda c: list_messages(c, status=Status.SUPPRESSED, limit=50),
        "show, of the newest": lambda c: story(c, new["id"]),
        "show, of the oldest": lambda c: story(c, old["id"]),
        "events": lambda c: list_events(c, **day),
        "events --hours 720": lambda c: list_events(c, **month),
        "events --tenant --hours 720": lambda c: list_events(c, tenant=TENANT, **month),
        "events --type --hours 720": lambda c: list_events(c, type_=RARE, **month),
        "events --customer --hours 720": lambda c: list_events(c, customer=customer, **month),
        "events --tenant --customer": lambda c: list_events(c, tenant=TENANT, customer=customer, **day),
    }


async def _reconcile(stack: Stack) -> float:
    """Seconds of the nightly audit, which proves each month that is over and has no proof yet."""
    url = stack.role_database_urls["allim_reconcile"]
    parts = Parts(Settings.of({"database_url": url, "google_cloud_project": stack.project}), WallClock())
    begun = time.monotonic()
    try:
        await reconciliation(parts).audit()
    finally:
        await database(parts).close()
    return time.monotonic() - begun


def _audit(home: Home) -> float:
    """Seconds of `allim credits audit`. Raises BenchError where it finds anything."""
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "cli", "credits", "audit", "--json"],
        cwd=CHECKOUT,
        env={**os.environ, "ALLIM_HOME": str(home.root)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchError(f"the audit ended with {done.returncode}: {done.stdout.strip()} {done.stderr.strip()}")
    return time.monotonic() - begun


@dataclass(frozen=True)
class _Night(WallClock):
    """So many nights later."""

    night: int

    def now(self) -> dt.datetime:
        return super().now() + dt.timedelta(days=self.night)


async def _back_up(stack: Stack, night: int) -> float:
    """Seconds of the backup of a night, into the stack's bucket."""
    settings = {
        "database_url": stack.role_database_urls["allim_backup"],
        "google_cloud_project": stack.project,
        "backup_bucket": SIMULATED_BUCKET,
        "allim_backup_key": stack.backup_key,
    }
    with environment({"STORAGE_EMULATOR_HOST": stack.simulator_url}):
        parts = Parts(Settings.of(settings), _Night(night))
        try:
            begun = time.monotonic()
            await backups(parts).back_up()
            return time.monotonic() - begun
        finally:
            await database(parts).close()
