"""What people are told of alerts, and when, against the rules in Python."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.operations.watch.alerts import PLATFORM, Alert
from shared.operations.watch.store import (
    AlertChange,
    Notice,
    decide_changed_alerts,
    decide_due_notices,
    mark_told_and_decide_owed,
)
from shared.operations.watch.watch import REMIND, SPACING
from shared.platform.database import Connection
from tests.clock import NOON
from tests.scratch import INSTANT, Row, Scratch, mostly, rows

NEVER = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
"""Stands for `-infinity`, which no moment of Python is."""

CLAIM, OTHER_CLAIM = UUID(int=1), UUID(int=2)
WHAT = [(tenant, kind) for tenant in (PLATFORM, "cafe") for kind in ("outbox-old", "ticks-stopped")]
What = tuple[str, str]


@dataclass(frozen=True)
class Remembered:
    """What a watch knows of an alert: whether it fires and since when, and what people have heard.

    owed: it opened, and nobody was told yet.
    told: the last that people heard, at `told_at`, is that it is open.
    claimed_until: somebody may be telling them until then.
    retry_at: nothing may be told before.
    """

    firing: bool
    since: dt.datetime
    value: str
    owed: bool
    told: bool = False
    told_at: dt.datetime = NEVER
    claim: UUID | None = None
    claimed_until: dt.datetime = NEVER
    retry_at: dt.datetime = NEVER

    def seen(self, value: str | None, now: dt.datetime) -> Remembered:
        """A watch has looked. `value`: what fires now; None where it does not."""
        if value is None:
            return replace(self, firing=False, since=now) if self.firing else self
        if self.firing:
            return replace(self, value=value)
        # Who heard that it was open, and not yet that it was over, need not hear that it is open again.
        return replace(self, firing=True, since=now, value=value, owed=self.owed or not self.told)

    def is_due(self, now: dt.datetime) -> bool:
        """Whether people must be told now: that it is open, that it still is, or that it is over."""
        opened = self.owed and now - self.told_at >= SPACING
        still_open = self.firing and self.told and now - self.told_at >= REMIND
        over = self.told and not self.firing
        return self.claimed_until <= now and (opened or still_open or over)

    def heard(self, notice: Notice, now: dt.datetime) -> Remembered:
        """People were told what was so when it was taken. What has changed since is owed to them."""
        told_at = self.told_at if notice.told and not notice.firing else now
        owed = self.firing and not notice.firing
        return replace(self, claim=None, claimed_until=NEVER, told=notice.firing, told_at=told_at, owed=owed)


Memory = dict[What, Remembered]


def look(memory: Memory, firing: Mapping[What, str], now: dt.datetime) -> tuple[Memory, list[AlertChange]]:
    """What a watch knows when it has looked, and what has opened or is over by that."""
    after = {what: known.seen(firing.get(what), now) for what, known in memory.items()}
    after |= {what: Remembered(True, now, firing[what], owed=True) for what in firing if what not in memory}
    was_firing = {what for what, known in memory.items() if known.firing}
    changed = sorted(was_firing ^ firing.keys())
    return after, [AlertChange(*what, firing=what in firing) for what in changed]


def taken(memory: Memory, now: dt.datetime, limit: int) -> list[What]:
    """What people are told now: first what is so longest. Nothing, as long as they asked for silence."""
    if any(known.retry_at > now for known in memory.values()):
        return []
    due = [what for what, known in memory.items() if known.is_due(now)]
    return sorted(due, key=lambda what: (memory[what].since, *what))[:limit]


moments_told = mostly(NEVER, NOON - SPACING, NOON - SPACING + INSTANT, NOON - REMIND, NOON - REMIND + INSTANT, times=2)
remembered = st.builds(
    Remembered,
    firing=st.booleans(),
    since=st.sampled_from((NOON - INSTANT, NOON - SPACING, NOON - REMIND)),
    value=st.just("earlier"),
    owed=st.booleans(),
    told=st.booleans(),
    told_at=moments_told,
    claim=st.sampled_from((CLAIM, OTHER_CLAIM, None)),
    claimed_until=mostly(NEVER, NOON, NOON + INSTANT),
    retry_at=mostly(NEVER, NOON, NOON + INSTANT, times=20),
)
memories = st.fixed_dictionaries({}, optional=dict.fromkeys(WHAT, remembered)).map(lambda memory: dict(memory))


def _rows_of(memory: Memory) -> list[Row]:
    return [
        {
            "tenant": tenant,
            "kind": kind,
            "firing": known.firing,
            "since": known.since,
            "value": known.value,
            "threshold": f"limit of {known.value}",
            "detail": f"detail of {known.value}",
            "owed": known.owed,
            "told": known.told,
            "told_at": _moment(known.told_at),
            "claim": known.claim,
            "claimed_until": _moment(known.claimed_until),
            "retry_at": _moment(known.retry_at),
        }
        for (tenant, kind), known in memory.items()
    ]


def _moment(moment: dt.datetime) -> Any:
    return "-infinity" if moment == NEVER else moment


REMEMBERED = """
select tenant, kind, firing, since, value, owed, told, claim, greatest(told_at, 'epoch') as told_at,
  greatest(claimed_until, 'epoch') as claimed_until, greatest(retry_at, 'epoch') as retry_at
from alert_notices
where threshold = 'limit of ' || value and detail = 'detail of ' || value
"""


async def _memory(connection: Connection) -> Memory:
    found = await rows(connection, REMEMBERED)
    return {(row.pop("tenant"), row.pop("kind")): Remembered(**row) for row in found}


def _notice(what: What, known: Remembered) -> Notice:
    told = (f"limit of {known.value}", f"detail of {known.value}")
    return Notice(*what, known.firing, known.told, known.since, known.value, *told)


@given(memories, st.sets(st.sampled_from(WHAT)))
async def test_what_opens_and_what_is_over_is_seen_once(scratch: Scratch, memory: Memory, firing: set[What]) -> None:
    alerts = [Alert(*what, "now", "limit of now", "detail of now") for what in sorted(firing)]
    after, changed = look(memory, dict.fromkeys(firing, "now"), NOON)
    async with scratch.holding(alert_notices=_rows_of(memory)) as connection:
        assert await decide_changed_alerts(connection, alerts, NOON) == changed
        assert await _memory(connection) == after


@given(memories, mostly(20, 1, times=2))
async def test_people_are_told_what_they_have_not_heard_and_nothing_twice_too_soon(
    scratch: Scratch, memory: Memory, limit: int
) -> None:
    due = taken(memory, NOON, limit)
    claimed = {what: replace(memory[what], claim=CLAIM, claimed_until=NOON + SPACING) for what in due}
    async with scratch.holding(alert_notices=_rows_of(memory)) as connection:
        notices = await decide_due_notices(connection, CLAIM, NOON, spacing=SPACING, remind=REMIND, limit=limit)
        assert {(notice.tenant, notice.kind): notice for notice in notices} == {
            what: _notice(what, memory[what]) for what in due
        }
        assert await _memory(connection) == memory | claimed


@given(memories, st.sampled_from(WHAT), st.booleans(), st.booleans())
async def test_what_has_changed_while_people_were_told_is_owed_to_them(
    scratch: Scratch, memory: Memory, what: What, firing: bool, told: bool
) -> None:
    notice = Notice(*what, firing, told, NOON - SPACING, "then", "", "")
    ours = what in memory and memory[what].claim == CLAIM
    after = memory | ({what: memory[what].heard(notice, NOON)} if ours else {})
    async with scratch.holding(alert_notices=_rows_of(memory)) as connection:
        await mark_told_and_decide_owed(connection, notice, CLAIM, NOON)
        assert await _memory(connection) == after
