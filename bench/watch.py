"""Waiting until messages are delivered, by looking at Postgres as its owner does."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Sequence
from uuid import UUID

import psycopg

from bench.saas import TENANT
from shared.platform.ids import first_id

STALLED_SECONDS = 60.0
_LONGEST_WAIT = 2.0
_SHORTEST_WAIT = 0.01
_TICKETS_WAIT = 0.05
REST_SECONDS = 0.5

_DELIVERED = """
select count(*) filter (where status in ('delivered', 'read')) from messages where tenant = %s and id >= %s
"""
_BY_STATUS = "select status::text, count(*) from messages where tenant = %s and id >= %s group by 1 order by 1"
_ARRIVED = """
select event_id from messages
where tenant = %s and id >= %s and event_id = any(%s) and status in ('delivered', 'read')
"""
_TICKETS = "select count(*) from outbox"


class BenchError(Exception):
    """What was measured did not happen; the message says what was seen instead."""


class Watch:
    """Looks at the messages of the bench's tenant.

    Args:
        database_url: the owner's.
        rest_seconds: how long nothing is to happen before the next measurement.
    """

    def __init__(self, database_url: str, rest_seconds: float = REST_SECONDS) -> None:
        self._connection = psycopg.connect(database_url, autocommit=True)
        self._rest_seconds = rest_seconds

    def close(self) -> None:
        self._connection.close()

    def until_delivered(self, count: int, since: dt.datetime) -> float:
        """Wait until `count` messages that are for `since` or later are delivered; gives that moment (monotonic).

        Counting messages reads them all, so it is done only while no ticket waits, rarely at first, and at the end so
        often that the moment is exact to a hundredth of the time.

        Raises:
            BenchError: for a minute nothing happened.
        """
        first = first_id(since)
        begun = progressed = time.monotonic()
        waiting = delivered = 0
        while True:
            before = (waiting, delivered)
            waiting = self._number(_TICKETS)
            if not waiting:
                delivered = self._number(_DELIVERED, TENANT, first)
            now = time.monotonic()
            if delivered >= count:
                return now
            if (waiting, delivered) != before:
                progressed = now
            if now - progressed > STALLED_SECONDS:
                told: dict[str, int] = dict(self._connection.execute(_BY_STATUS, [TENANT, first]).fetchall())
                raise BenchError(
                    f"{count:,} were to be delivered, and for a minute nothing happened; by status: {told}"
                )
            time.sleep(_TICKETS_WAIT if waiting else next_look(delivered, count, now - begun))

    def arrived(self, event_ids: Sequence[str], since: dt.datetime) -> list[str]:
        """Which of these events' messages are delivered; all are for `since` or later."""
        rows = self._connection.execute(_ARRIVED, [TENANT, first_id(since), list(event_ids)]).fetchall()
        return [row[0] for row in rows]

    def until_quiet(self) -> None:
        """Wait until no ticket waits, so that the next measurement begins from rest."""
        wait(lambda: self._number(_TICKETS) == 0, "tickets are still in the outbox")
        time.sleep(self._rest_seconds)

    def ids(self) -> list[UUID]:
        """Every message that there is."""
        rows = self._connection.execute("select id from messages").fetchall()
        return [row[0] for row in rows]

    def _number(self, query: str, *parameters: object) -> int:
        row = self._connection.execute(query, parameters).fetchone()
        return int(row[0]) if row else 0


def wait(is_so: Callable[[], bool], otherwise: str) -> None:
    """Wait for a condition. Raises BenchError with `otherwise` when it does not come within a minute."""
    deadline = time.monotonic() + STALLED_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise BenchError(otherwise)
        time.sleep(0.05)


def next_look(delivered: int, count: int, elapsed: float) -> float:
    """Seconds until the next count, when `delivered` of `count` were in `elapsed` seconds.

    A quarter of the time that the rest will take, but no less than a hundredth of the time gone by.
    """
    if not delivered:
        return max(_SHORTEST_WAIT, elapsed / 10)
    return max(_SHORTEST_WAIT, elapsed / 100, min(_LONGEST_WAIT, (count - delivered) * elapsed / delivered / 4))
