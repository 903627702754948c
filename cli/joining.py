"""How verbs join the stack that is up: its addresses, its database as one role, its topics."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

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
    """The stack that is up here, or None: then environment variables say where to go."""
    from local.stack import Stack, StackError

    try:
        return Stack.load()
    except StackError:
        return None


def with_database(stack: Stack | None, role: str, work: Callable[[Database], Awaitable[Result]]) -> Result:
    """Run `work` with the stack's database as `role`, or without a stack with the one of DATABASE_URL, and close it."""
    _log_in_lines()
    url = stack.role_database_urls[role] if stack is not None else os.environ.get("DATABASE_URL")
    if not url:
        raise CommandError("no_stack: nothing is up here; run `allim up`, or set DATABASE_URL for a stack in the cloud")
    return run_with_database(url, work)


def run_with_database(url: str, work: Callable[[Database], Awaitable[Result]], *, pool_size: int = 1) -> Result:
    """Run `work` with a database of at most `pool_size` connections, and close it."""
    from shared.platform.database import Database

    async def run() -> Result:
        database = Database(url, pool_size=pool_size)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


def publisher_of(stack: Stack) -> PubSubPublisher:
    from shared.platform.pubsub import PubSubPublisher

    return PubSubPublisher(stack.project, emulator_host=stack.pubsub_emulator_host)


def _log_in_lines() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine())
    logging.getLogger("allim").handlers[:] = [handler]
