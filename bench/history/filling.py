"""Fills a database with a year in which messages were sent, each as the product would have left it.

Constraints and triggers are kept, those that sum up the ledger too, so what is there is what could be there: the audit
finds every won. Tenants come by the product's own stores.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import psycopg

from bench.history.statements import CHUNK, ID_OF, TABLES, UNIT
from bench.saas import TENANT
from bench.watch import BenchError
from local.examples.files import read_examples
from local.examples.loading import LONG_AGO, write_example
from shared.credits.ledger.ledger import top_up
from shared.platform.clock import first_moment, month_of
from shared.platform.crypto import Keys
from shared.platform.database import Database

TENANTS = (TENANT, *(f"history-{number:02}" for number in range(2, 21)))
"""Of five units the first has three, the others share the rest."""

SPAN = dt.timedelta(days=365)
UNITS_AT_ONCE = 100
MESSAGES_A_PERSON = 50
BYTES_A_MESSAGE = 3_000
"""On the disk: the rows of all tables with their indexes, what Postgres writes ahead, and two nights' backups."""

DEAREST = 20
"""Won that are held for a message."""


def check_room(folder: Path, messages: int) -> None:
    """Raises BenchError where the disk of a folder, which need not be there yet, does not have what so many messages
    need."""
    there = next(one for one in (folder, *folder.parents) if one.exists())
    needed, free = messages * BYTES_A_MESSAGE, shutil.disk_usage(there).free
    if free < needed:
        raise BenchError(
            f"{messages:,} messages need about {needed / 1e9:.0f} GB in {folder}, and {free / 1e9:.0f} GB are free:"
            " ask for fewer, or set ALLIM_HOME to a folder on a larger disk"
        )


def fill(
    url: str,
    keys: Keys,
    *,
    after: int,
    messages: int,
    now: dt.datetime,
    tenants: Sequence[str] = TENANTS,
    tell: Callable[[str], None] = lambda _: None,
) -> None:
    """Add a year's messages to a migrated database, as its owner, and have Postgres look at them.

    Args:
        url: the owner's.
        keys: seal the tenants' credentials.
        after: so many are there already, by this function; a multiple of 1,000.
        messages: how many to add; a multiple of 1,000.
        now: the last ones are of an hour before.
        tenants: whose; the first one is the bench's, and has most of them.
        tell: is told how far it is.
    """
    begins = now - dt.timedelta(hours=1) - SPAN
    first, last = after // UNIT, (after + messages) // UNIT
    given = {
        "begins": begins,
        "first": first,
        "a_unit": SPAN / (last - first),
        "people": max(UNIT // 10, (after + messages) // MESSAGES_A_PERSON),
        "tenants": list(tenants),
    }
    with psycopg.connect(url, autocommit=True) as connection:
        _part(connection, begins)
        asyncio.run(_give_tenants(url, keys, tenants, after=after, messages=messages, begins=begins))
        connection.execute("set synchronous_commit = off")
        connection.execute(ID_OF)
        for unit in range(first, last, UNITS_AT_ONCE):
            until = min(last, unit + UNITS_AT_ONCE)
            with connection.transaction():
                connection.execute(CHUNK, {**given, "from": unit * UNIT, "until": until * UNIT})
                connection.execute("analyze chunk")
                for statement in TABLES.values():
                    connection.execute(statement)
            tell(f"{(until - first) * UNIT:,} of {messages:,} messages")
        tell("vacuum and analyze")
        # As it would long have been; the next measurement is not to find it at work.
        for table in TABLES:
            connection.execute(f"vacuum (analyze) {table}")
        connection.execute("checkpoint")


def _part(connection: psycopg.Connection, begins: dt.datetime) -> None:
    """Give each month since a moment its partitions, as in a database that has grown for so long. In a new one all
    that is past is one partition, an empty one."""
    first = month_of(begins)
    with connection.transaction():
        past = "select parent, name, until from partitions where since is null and until > %s order by parent"
        for parent, name, until in connection.execute(past, [first]).fetchall():
            connection.execute(f"alter table {parent} detach partition months.{name}")
            since = first
            while since < until:
                after = month_of(first_moment(since) + dt.timedelta(days=32))
                named = f"{parent}_{since:%Y_%m}"
                connection.execute("select months.make(%s, %s, %s, %s)", [parent, named, since, after])
                since = after
            connection.execute("update partitions set until = %s where name = %s", [first, name])
            connection.execute("select months.attach(%s, %s, null, %s)", [parent, name, first])


async def _give_tenants(
    url: str, keys: Keys, tenants: Sequence[str], *, after: int, messages: int, begins: dt.datetime
) -> None:
    """Tenants like the example one, with credit for all that they send."""
    owner = Database(url, pool_size=1)
    [example] = [one for one in read_examples() if one.tenant.id == TENANT]
    account = example.tenant.sent_by[0]
    try:
        for tenant in tenants:
            like = example.tenant
            if tenant != TENANT:
                own = account.model_copy(update={"api_key": f"key of {tenant}"})
                like = like.model_copy(update={"id": tenant, "name": tenant, "account": own, "accounts": None})
            await write_example(
                owner,
                keys,
                replace(example, tenant=like),
                credit=Decimal(0),
                customers_changed_at=LONG_AGO,
                now=begins,
            )
            async with owner.transaction() as connection:
                won = Decimal(messages * DEAREST)
                await top_up(connection, tenant, won, key=f"history/{after}", reference="history", now=begins)
    finally:
        await owner.close()
