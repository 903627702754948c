"""How verbs join the stack that is up: its addresses, its database as one role, its topics."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from cli.errors import CommandError

if TYPE_CHECKING:
    from local.stack import Stack
    from shared.platform.database import Database
    from shared.platform.pubsub import PubSubPublisher

Result = TypeVar("Result")


class _OneLine(logging.Formatter):
    """A log record for a person: what a program would want to know of an error is left out."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{record.levelname.lower()}: {record.getMessage()}"


def running_stack() -> Stack:
    """The stack that is up here. Raises CommandError when there is none."""
    from local.stack import Stack, StackError

    try:
        return Stack.load()
    except StackError as error:
        raise CommandError("no_stack: nothing is up here, run `allim up` first") from error


def running_stack_if_any() -> Stack | None:
    """The stack that is up here, or None: then environment variables say where to go.

    Raises:
        CommandError: `two_databases`: DATABASE_URL names another server than that of the stack, and to take one for the
            other would be grave.
    """
    from local.stack import Stack, StackError

    try:
        stack = Stack.load()
    except StackError:
        return None
    named = os.environ.get("DATABASE_URL")
    if named and _server(named) != _server(stack.database_url):
        raise CommandError(
            "two_databases: a stack is up here, and DATABASE_URL names another server; "
            "`allim down` first, or unset DATABASE_URL"
        )
    return stack


def _server(url: str) -> tuple[object, object]:
    parts = _parts(url)
    return parts.get("host", ""), int(parts.get("port") or 5432)


def _parts(url: str) -> dict[str, Any]:
    """Of a database's address. Raises CommandError `bad_database_url` at once, for trying such a one takes long."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        parts = conninfo_to_dict(url)
        if all(port.isdecimal() for port in str(parts.get("port") or 0).split(",")):
            return parts
    except ProgrammingError:
        pass  # what it says may hold the password
    raise CommandError(
        "bad_database_url: the database's address is not written as one; write for example "
        "postgresql://user:password@host:5432/name (데이터베이스 주소의 형식이 올바르지 않습니다.)"
    )


def owners_database_url() -> str:
    """The database of the stack that is up here, else the one of DATABASE_URL, as its owner.

    Raises:
        CommandError: `no_database`: there is neither; `two_databases`: there are both.
    """
    stack = running_stack_if_any()
    url = stack.database_url if stack is not None else os.environ.get("DATABASE_URL")
    if not url:
        raise CommandError("no_database: start a stack (`allim up`), set DATABASE_URL, or give --database-url")
    return url


def with_database(
    stack: Stack | None, role: str, work: Callable[[Database], Awaitable[Result]], *, tenant: str | None = None
) -> Result:
    """Run `work` with the stack's database as `role`, or without a stack with the one of DATABASE_URL, and close it.

    `tenant`: whom it is about; one that there is not is refused.
    """
    _log_in_lines()
    url = stack.role_database_urls[role] if stack is not None else os.environ.get("DATABASE_URL")
    if not url:
        raise CommandError("no_stack: nothing is up here; run `allim up`, or set DATABASE_URL for a stack in the cloud")
    return run_with_database(url, work, tenant=tenant)


def run_with_database(
    url: str, work: Callable[[Database], Awaitable[Result]], *, tenant: str | None = None, pool_size: int = 1
) -> Result:
    """Run `work` with a database of at most `pool_size` connections, and close it.

    Args:
        url: the database.
        work: what to do.
        tenant: whom it is about, if one.
        pool_size: connections.

    Raises:
        CommandError: `bad_database_url`, `unknown_tenant`.
    """
    from shared.platform.database import Database

    _parts(url)

    async def run() -> Result:
        database = Database(url, pool_size=pool_size)
        try:
            if tenant is not None:
                await require_tenant(database, tenant)
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


async def require_tenant(database: Database, tenant: str) -> None:
    """Raises CommandError `unknown_tenant`, with the nearest id."""
    from shared.contracts.text import nearest
    from shared.tenants.store import tenant_exists, tenant_ids

    async with database.connection() as connection:
        if not await tenant_exists(connection, tenant):
            found = nearest(tenant, await tenant_ids(connection))
            meant = f"did you mean {found}?" if found else "`allim tenants list` shows them"
            raise CommandError(f"unknown_tenant: there is no tenant {tenant}; {meant} (등록되지 않은 고객사입니다.)")


def publisher_of(stack: Stack) -> PubSubPublisher:
    from shared.platform.pubsub import PubSubPublisher

    return PubSubPublisher(stack.project, emulator_host=stack.pubsub_emulator_host)


def _log_in_lines() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine())
    logging.getLogger("allim").handlers[:] = [handler]
