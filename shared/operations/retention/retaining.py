"""The night's work: months are made ahead and closed, and what has lived its life leaves. Each part is tried apart.

Whatever it is called again for, and by however many at once: what was done is done. A partition whose table is in use
for long stays for a night more; nobody waits longer than two seconds behind it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import psycopg

from shared.operations.retention.lives import FAMILIES, FORGOTTEN
from shared.operations.retention.lives_store import forget_contents, lives_to_tend
from shared.operations.retention.store import Fate, forget, let_go, tend_months
from shared.platform.clock import Clock
from shared.platform.database import Connection, Database
from shared.platform.errors import AllimError
from shared.platform.logs import log

Result = TypeVar("Result")

AT_ONCE = 1_000
"""Rows of a table that one statement deletes, or looks at."""

PATIENCE = dt.timedelta(minutes=3)
"""For rows that leave; those that are left wait for the next night."""

BUSY = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)
"""Somebody uses the table for longer than is waited for."""

DROPPED, UNCOPIED, KEPT = "dropped", "dropped_uncopied", "kept"
NOT_COPIED = "not_copied"


class RetentionError(AllimError):
    """A part of the night's work failed; the others are done. The log has each error."""

    def __init__(self, parts: list[str]) -> None:
        super().__init__("not_all_tended", f"retention failed for {', '.join(parts)}: see the log", status=500)


class NotCopiedError(AllimError):
    """Months have lived their life, and no backup of the last week has them: they stay. All else is done."""

    def __init__(self, parts: list[str]) -> None:
        super().__init__(
            "not_copied",
            f"{', '.join(parts)} may leave only when a backup has a copy, and none of the last 7 days has: look why "
            f"`backup` fails (`allim restore --list`); they leave in the first night after one",
            f"최근 7일의 백업에 없는 월별 데이터는 지우지 않습니다: {', '.join(parts)}",
            status=500,
        )


@dataclass(slots=True)
class Night:
    """What a night came to.

    Attributes:
        made: partitions made ahead.
        closed: partitions closed now.
        dropped, kept: partitions that have left, for good or to be kept apart.
        uncopied: those of `dropped` that no backup has: none was ever taken here.
        staying: partitions that are due and stay, each with the reason.
        gone: rows that have left, by table.
        forgotten: rows that have forgotten what they said, by table and tenant.
        busy: what was in use, and waits for the next night.
        failed: what failed.
    """

    made: int = 0
    closed: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    uncopied: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    staying: dict[str, str] = field(default_factory=dict)
    gone: dict[str, int] = field(default_factory=dict)
    forgotten: dict[str, int] = field(default_factory=dict)
    busy: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def add(self, fates: list[Fate]) -> None:
        for each in fates:
            if each.fate in (DROPPED, UNCOPIED):
                self.dropped.append(each.part)
                if each.fate == UNCOPIED:
                    self.uncopied.append(each.part)
            elif each.fate == KEPT:
                self.kept.append(each.part)
            else:
                self.staying[each.part] = each.fate


class Retention:
    """Lets leave what has lived its life.

    Args:
        database: as the role that may call what does it.
        clock: the time.
        copied: whether only that leaves for good of which a backup has a copy. Wherever one was ever taken it is so
            anyway; where none was, and none is wanted, months leave, and `Night.uncopied` says which.
    """

    def __init__(self, database: Database, clock: Clock, *, copied: bool = False) -> None:
        self._database = database
        self._clock = clock
        self._copied = copied

    async def make_months(self) -> int:
        """Make the partitions of the next three months, and close what is over; how many were made. Where a table is in
        use, none are."""
        made, _ = await self._try("months", Night(), lambda c: tend_months(c, self._clock.now())) or (None, [])
        return made or 0

    async def run(self) -> Night:
        """All of it, once.

        Raises:
            RetentionError, NotCopiedError: after all that could be done is done.
        """
        night = Night()
        now = self._clock.now()
        if (tended := await self._try("months", night, lambda c: tend_months(c, now))) is not None:
            made, night.closed = tended
            night.made = made or 0
            if made is None:
                night.busy.append("months")
        for family in FAMILIES:
            fates = await self._try(
                ", ".join(family), night, partial(let_go, parents=family, now=now, copied=self._copied)
            )
            night.add(fates or [])
        await self._forget(night, now)
        fields = {
            "made": night.made,
            "closed": len(night.closed),
            "dropped": night.dropped,
            "uncopied": night.uncopied,
            "kept": night.kept,
            "staying": night.staying,
            "gone": night.gone,
            "forgotten": night.forgotten,
            "busy": night.busy,
        }
        log("retention").info("what has lived its life has left", extra={"fields": fields})
        if night.failed:
            raise RetentionError(night.failed)
        if lacking := [part for part, why in night.staying.items() if why == NOT_COPIED]:
            raise NotCopiedError(lacking)
        return night

    async def _forget(self, night: Night, now: dt.datetime) -> None:
        """Rows leave in turn by table, and forget what they say in turn by tenant, a few at a time, until all have or
        time is up."""
        lives = await self._try("tenant_lives", night, partial(lives_to_tend, now=now)) or []
        waiting: dict[str, tuple[dict[str, int], Callable[[Connection], Awaitable[tuple[int, bool]]]]] = {
            **{table: (night.gone, partial(forget, what=table, now=now, most=AT_ONCE)) for table in FORGOTTEN},
            **{
                f"{what} of {tenant}": (
                    night.forgotten,
                    partial(forget_contents, tenant=tenant, what=what, now=now, most=AT_ONCE),
                )
                for tenant, what in lives
            },
        }
        while waiting and self._clock.now() < now + PATIENCE:
            for whose, (counts, work) in list(waiting.items()):
                done, more = await self._try(whose, night, work) or (0, False)
                if done:
                    counts[whose] = counts.get(whose, 0) + done
                if not more:
                    del waiting[whose]

    async def _try(self, what: str, night: Night, work: Callable[[Connection], Awaitable[Result]]) -> Result | None:
        """What a statement gives, which is its own transaction; None when it was in the way of others, or failed."""
        try:
            async with self._database.connection() as connection:
                return await work(connection)
        except BUSY:
            night.busy.append(what)
            log("retention").warning("in use, and left for the next night", extra={"fields": {"what": what}})
        except psycopg.Error:
            night.failed.append(what)
            log("retention").exception("not tended", extra={"fields": {"what": what}})
        return None
