"""What is past costs nothing: whoever asks for what is new reads as many rows, whatever was sent the year before."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from bench.history.filling import SPAN, fill
from bench.saas import TENANT
from shared.credits.ledger import statement_store
from shared.credits.ledger import store as ledger_store
from shared.credits.ledger.audit import audit, disagreements
from shared.credits.ledger.statement_store import read_statement
from shared.credits.ledger.store import decide_ended_shortages, decide_low_balances, read_entries
from shared.credits.plans import store as plans_store
from shared.credits.plans.store import count_messages
from shared.credits.prices import estimate_store
from shared.credits.prices.estimate_store import read_rates
from shared.messages.dispatch import sweep_store
from shared.messages.dispatch.sweep_store import TakenDispatch, UnconsumedTicket, still_waiting, unsettled
from shared.messages.status import Status
from shared.messages.stories import store as stories_store
from shared.messages.stories.stories import list_messages, short_ids, story
from shared.operations.health import store as health_store
from shared.operations.health.store import read_accounts, read_gauges, read_undecided
from shared.platform.database import Connection, Database, fetch_all
from shared.workflows.events import store as events_store
from shared.workflows.events.store import read_sayings
from shared.workflows.events.views import list_events
from tests.clock import NOON
from tests.databases import Migrated
from tests.world import KEYS

STORES = (
    stories_store,
    sweep_store,
    events_store,
    ledger_store,
    statement_store,
    estimate_store,
    health_store,
    plans_store,
)
TENANTS = (TENANT, "history-a", "history-b")
NEW, OLD = 5_000, 20_000
"""Messages of the year that ends at noon, and of the year before it."""

MANY = {"messages", "dispatches", "reports", "events", "ledger_entries"}
"""Tables with rows for every message that was ever sent."""

WALKS = ("events", "events of a season", "events of a tenant")
"""These look first which types there are, in each month."""

A_ROW_FOR_EACH_TYPE_AND_MONTH = 3 * len(TENANTS) * 13

DAY, SEASON = dt.timedelta(days=1), dt.timedelta(days=300)


@dataclass
class Counted:
    """How many rows the statements read of the tables that grow, those included that they then left out."""

    monkeypatch: pytest.MonkeyPatch
    rows: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        for store in STORES:
            self.monkeypatch.setattr(store, "fetch_all", self._fetch_all)

    async def _fetch_all(self, connection: Connection, statement: str, parameters: dict[str, Any]) -> list[Any]:
        explained = await fetch_all(connection, f"explain (analyze, timing off, format json) {statement}", parameters)
        self.rows += sum(_rows_read(explained[0]["QUERY PLAN"][0]["Plan"]))
        return await fetch_all(connection, statement, parameters)


def _rows_read(plan: Mapping[str, Any]) -> Iterator[int]:
    if any(plan.get("Relation Name", "").startswith(table) for table in MANY):
        removed = sum(value for name, value in plan.items() if name.startswith("Rows Removed by"))
        yield round((plan["Actual Rows"] + removed) * plan["Actual Loops"])
    for part in plan.get("Plans", ()):
        yield from _rows_read(part)


@dataclass(frozen=True)
class Past:
    """A database with a year's messages, to which those of the year before can be added."""

    database: Migrated
    owner: Database
    operator: Database

    async def add_the_year_before(self) -> None:
        await asyncio.to_thread(
            fill, self.database.url, KEYS, after=NEW, messages=OLD, now=NOON - SPAN, tenants=TENANTS
        )

    @asynccontextmanager
    async def by_index(self, database: Database) -> AsyncIterator[Connection]:
        """A table of a test is so small that to read it whole may be cheaper; with a large one it never is."""
        async with database.transaction() as connection:
            await connection.execute("set local enable_seqscan = off")
            yield connection


@pytest.fixture
async def past(database: Migrated) -> AsyncIterator[Past]:
    await asyncio.to_thread(fill, database.url, KEYS, after=0, messages=NEW, now=NOON, tenants=TENANTS)
    found = Past(
        database, Database(database.url, pool_size=1), Database(database.role_url("allim_operator"), pool_size=1)
    )
    yield found
    await found.owner.close()
    await found.operator.close()


Ask = Callable[[Connection], Awaitable[Any]]


def _asked_by_people(customer: str, fell_back: UUID) -> dict[str, Ask]:
    """Each verb that reads what was sent or came in, with each of its filters."""
    one: dict[str, Any] = {"tenant": TENANT, "customer": customer}
    since_yesterday: dict[str, Any] = {"since": NOON - DAY, "limit": 20}
    since_a_season: dict[str, Any] = {"since": NOON - SEASON, "limit": 10_000}

    async def messages_by_short_ids(connection: Connection) -> None:
        await short_ids(connection, await list_messages(connection, limit=50))

    return {
        "messages": messages_by_short_ids,
        "messages of a tenant": lambda c: list_messages(c, tenant=TENANT, limit=50),
        "messages of a customer": lambda c: list_messages(c, customer=customer, limit=3),
        "messages of a tenant's customer": lambda c: list_messages(c, **one, limit=3),
        "messages that failed": lambda c: list_messages(c, tenant=TENANT, status=Status.FAILED, limit=5),
        "messages that wait": lambda c: list_messages(c, status=Status.QUEUED, limit=50),
        "messages that left": lambda c: list_messages(c, status=Status.SENT, limit=50),
        "show": lambda c: story(c, fell_back),
        "events": lambda c: list_events(c, **since_yesterday),
        "events of a season": lambda c: list_events(c, **since_a_season),
        "events of a tenant": lambda c: list_events(c, tenant=TENANT, **since_a_season),
        "events of a type": lambda c: list_events(c, type_="subscription.cancelled", **since_a_season),
        "events of no type": lambda c: list_events(c, tenant=TENANT, type_="none.such", **since_a_season),
        "events of a customer": lambda c: list_events(c, customer=customer, **since_a_season),
        "events of a tenant's customer": lambda c: list_events(c, **one, **since_a_season),
        "customers show": lambda c: read_sayings(c, TENANT, customer, [NOON - SEASON]),
    }


def _asked_by_the_owner(message: UUID, call: UUID) -> dict[str, Ask]:
    """Each job's and each loop's look, of which some are at one message and its call."""
    patience = dt.timedelta(minutes=1)
    ticket = UnconsumedTicket(TENANT, call, "send-requests", {"messages": [str(message)]})
    taken = TakenDispatch(TENANT, call, "main", "sent", "G", NOON, None, 1)
    return {
        "credits ledger": lambda c: read_entries(c, TENANT, 50),
        "credits statement": lambda c: read_statement(c, TENANT, NOON - SEASON, NOON),
        "quota": lambda c: count_messages(c, TENANT, NOON - SEASON),
        "estimates": lambda c: read_rates(c, TENANT, since=NOON - SEASON, limit=10_000),
        "health of accounts": lambda c: read_accounts(c, NOON - dt.timedelta(minutes=30), NOON),
        "health": lambda c: read_gauges(c, NOON, patience=patience),
        "sweeps of tickets": lambda c: still_waiting(c, [ticket] * 20, NOON),
        "sweeps of calls": lambda c: unsettled(c, [taken]),
        "ended shortages": lambda c: decide_ended_shortages(c, NOON, quiet_since=NOON, newest=100),
        "low balances": lambda c: decide_low_balances(c, NOON),
        "undecided calls": lambda c: read_undecided(c, NOON),
    }


async def _rows_by_question(past: Past, counted: Counted, fell_back: Mapping[str, Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for database, questions in (
        (past.operator, _asked_by_people(fell_back["customer"], fell_back["id"])),
        (past.owner, _asked_by_the_owner(fell_back["id"], fell_back["dispatch"])),
    ):
        async with past.by_index(database) as connection:
            for name, ask in questions.items():
                counted.rows = 0
                await ask(connection)
                found[name] = counted.rows
    return found


async def test_whoever_asks_for_what_is_new_reads_no_more_rows_when_a_year_before_it_is_added(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with past.owner.connection() as connection:
        [fell_back] = await fetch_all(
            connection,
            "select id, customer, dispatch from messages where tenant = %(t)s and attempt = 1 order by id desc limit 1",
            {"t": TENANT},
        )
    counted = Counted(monkeypatch)
    before = await _rows_by_question(past, counted, fell_back)
    await past.add_the_year_before()
    after = await _rows_by_question(past, counted, fell_back)
    assert {name: rows for name, rows in after.items() if name not in WALKS} == {
        name: rows for name, rows in before.items() if name not in WALKS
    }
    assert all(after[name] <= before[name] + A_ROW_FOR_EACH_TYPE_AND_MONTH for name in WALKS)
    assert not disagreements(await audit(past.owner))


INDEXED_AND_CHANGED = """
select i.relname || ': ' || a.attname || ' by ' || r.rolname as found
from pg_index x
join pg_class i on i.oid = x.indexrelid
join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = i.oid and d.refobjid = x.indrelid
join pg_attribute a on a.attrelid = x.indrelid and a.attnum = d.refobjsubid
join pg_roles r on r.rolname like 'allim%%' and has_column_privilege(r.oid, x.indrelid, a.attnum, 'update')
where x.indrelid = %(table)s::regclass
order by 1
"""


@pytest.mark.parametrize(("table", "changes"), [("messages", False), ("events", False), ("dispatches", True)])
async def test_no_index_of_messages_and_events_names_a_column_that_anybody_changes(
    database: Migrated, table: str, changes: bool
) -> None:
    """So their updates stay on their page. Of calls, those that are open are found by indexes that they leave."""
    owner = Database(database.url, pool_size=1)
    async with owner.connection() as connection:
        found = await fetch_all(connection, INDEXED_AND_CHANGED, {"table": table})
    await owner.close()
    assert bool(found) is changes, found
