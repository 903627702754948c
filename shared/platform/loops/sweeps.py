"""A loop over what is due of many tenants, in which the trouble of one is its own."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from shared.platform.clock import Clock
from shared.platform.logs import log

Due = TypeVar("Due")


class Limits(NamedTuple):
    """Of a sweep.

    at_once: how many are under way at a time, so that some which hang do not hold up the rest.
    patience: how long one may take.
    work_for: after that nothing more is taken, and the rest is left to the next run.
    """

    at_once: int
    patience: dt.timedelta
    work_for: dt.timedelta


def put_off(taken: str) -> str:
    """In SQL, when what is taken now is due again: after twice as long each time. The statement has the parameters
    `now`, `first`, how long it waits after the first time, and `longest`, how long at most.

    Args:
        taken: how often it was taken before, in that statement.
    """
    return f"%(now)s + least(%(first)s * (2 ^ least({taken}, 10)), %(longest)s)"


class Sweep(Generic[Due]):
    """Takes a few of what is due and works on each apart, until nothing is due any more.

    Args:
        name: for the log.
        take: takes up to so many. What it takes it puts off in the same statement, each time for longer: what fails,
            hangs, or is under way when the process ends is due again, but not at once, and not before the others.
        work: does one. Whatever it raises is written to the log and stops none of the others.
        fields: names one in the log.
        clock: the time.
        limits: of all that.
    """

    def __init__(
        self,
        name: str,
        take: Callable[[int], Awaitable[Sequence[Due]]],
        work: Callable[[Due], Awaitable[object]],
        fields: Callable[[Due], Mapping[str, object]],
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._name = name
        self._take = take
        self._work = work
        self._fields = fields
        self._clock = clock
        self._limits = limits

    async def run(self) -> int:
        """Work on all that is due. Gives how many that were.

        Raises:
            Exception: what `take` raised, once what was under way has come to its end.
        """
        leave_at = self._clock.now() + self._limits.work_for
        under_way: set[asyncio.Task[None]] = set()
        taken = 0
        failure: Exception | None = None
        try:
            while True:
                room = self._limits.at_once - len(under_way)
                # Not one by one: what it takes to take is shared by those that are taken together.
                if failure is None and room * 4 >= self._limits.at_once and self._clock.now() < leave_at:
                    try:
                        due = await self._take(room)
                    except Exception as error:  # such as a dropped connection: no reason to drop a charge half-way
                        failure = error
                    else:
                        taken += len(due)
                        under_way |= {asyncio.create_task(self._apart(each)) for each in due}
                if not under_way:
                    if failure is not None:
                        raise failure
                    return taken
                ended, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    task.result()
        finally:
            for task in under_way:
                task.cancel()

    async def _apart(self, due: Due) -> None:
        try:
            async with asyncio.timeout(self._limits.patience.total_seconds()):
                await self._work(due)
        except Exception:  # whatever it was, it is this one's alone, and it is put off already
            log("sweeps").exception("left to a later run: %s", self._name, extra={"fields": dict(self._fields(due))})
