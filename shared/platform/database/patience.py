"""A connection that waits for no answer longer than it may.

The server ends a statement after its role's `statement_timeout`. Where the network lost the question or the answer,
nobody ends anything: the kernel finds out late or, behind a proxy that goes on acknowledging, never. So the client has
a deadline too, a little after the server's. It is the role's, for a session can't have one of its own: a transaction
pooler keeps nothing that was `set` (https://supabase.com/docs/guides/database/postgres/timeouts).
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow
from psycopg.waiting import wait_async

Answer = TypeVar("Answer")

GRACE_SECONDS = 5.0
"""After the server's own deadline its answer may still be on its way."""

UNTIL_KNOWN_SECONDS = 10.0
"""For a connection that was just made, before it has told its role's deadline."""

CHECK_SECONDS = 3.0
"""For an idle connection, to say that it lives."""

CANCEL_SECONDS = 1.0
"""For asking the server to end what nobody waits for any more."""

_WAKE_SECONDS = 0.1
"""So often psycopg looks around while it waits: its own default."""

ROLES_DEADLINE = "select extract(epoch from current_setting('statement_timeout')::interval)::float8 as seconds"
NO_DEADLINE = """
select set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true)
"""
HURRY = """
select set_config('lock_timeout', '5s', true), set_config('idle_in_transaction_session_timeout', '5s', true)
"""


class NoAnswer(psycopg.OperationalError):
    """The database did not answer in time. Whether it carried the statement out is not known."""


class PatientConnection(AsyncConnection[DictRow]):
    """A connection of the pool.

    Attributes:
        deadline: seconds that an answer may take; None for as long as it takes.
        idle_since: when it was given back, by the monotonic clock.
    """

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.deadline: float | None = UNTIL_KNOWN_SECONDS
        self.idle_since = time.monotonic()
        self._roles_deadline: float | None = self.deadline

    async def wait(
        self,
        gen: PQGen[Answer],
        interval: float = _WAKE_SECONDS,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> Answer:
        """Wait for an answer. A connection that is interrupted is closed, for its answer would be the next one's.

        Raises:
            NoAnswer: it did not come within `deadline`.
        """
        try:
            async with asyncio.timeout(self.deadline):
                return await wait_async(gen, self.pgconn.socket, interval, timeout)
        except TimeoutError as error:
            await self._give_up()
            raise NoAnswer(f"the database did not answer within {self.deadline} seconds") from error
        except asyncio.CancelledError:
            await self._give_up()
            raise

    async def follow_the_role(self) -> None:
        """Take the role's own deadline, and some time for the way. A database's owner may have none."""
        row = await (await self.execute(ROLES_DEADLINE)).fetchone()
        self.deadline = self._roles_deadline = row["seconds"] + GRACE_SECONDS if row and row["seconds"] else None

    async def take_time(self) -> None:
        """Let this transaction and its statements last as long as they do, at the server and here."""
        await self.execute(NO_DEADLINE)
        self.deadline = None

    async def hurry(self) -> None:
        """Let this transaction wait for a lock only shortly, and end soon when we don't go on with it: others wait for
        what it holds, and a process may be stopped at any moment."""
        await self.execute(HURRY)

    async def live(self) -> None:
        """Ask for nothing. Raises NoAnswer, or what psycopg raises, when the connection is of no use any more."""
        self.deadline = CHECK_SECONDS
        await self.execute("")
        self.deadline = self._roles_deadline

    def given_back(self) -> None:
        """Whoever had it is done with it, and with the time that it took."""
        self.deadline = self._roles_deadline
        self.idle_since = time.monotonic()

    async def _give_up(self) -> None:
        if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
            with suppress(Exception):  # the server's own deadline ends what could not be cancelled
                await self.cancel_safe(timeout=CANCEL_SECONDS)
        self.pgconn.finish()
