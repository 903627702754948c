"""What could not be understood or done is kept with its reason, so that a person can decide.

Alone writes `dead_letters`; what an operator decides about them is written here, too.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from shared.platform.errors import AllimError
from shared.platform.logs import log

if TYPE_CHECKING:
    from shared.platform.clock import Clock
    from shared.platform.database import Connection, Database


class Poison(AllimError):  # noqa: N818 - it names what the input is
    """Input that no retry can help. `tenant`: whose it is, where that is known."""

    def __init__(self, code: str, detail: str, *, tenant: str | None = None) -> None:
        super().__init__(code, detail)
        self.tenant = tenant


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """`source` is the function that refused it; `body` the bytes as they came; `message` the one that it speaks of."""

    source: str
    reason: str
    detail: str
    body: bytes
    tenant: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    message: UUID | None = None


INSERT_DEAD_LETTERS = """
insert into dead_letters (tenant, source, reason, detail, attributes, body, received_at, first_at)
select l.*, %(now)s, %(now)s
from unnest(%(tenants)s::text[], %(sources)s::text[], %(reasons)s::text[], %(details)s::text[],
            %(attributes)s::jsonb[], %(bodies)s::bytea[]) as l
"""


async def keep_dead_letters(connection: Connection, letters: Sequence[DeadLetter], now: dt.datetime) -> None:
    """Store `letters` in one statement, and say so in the log without their contents.

    One that comes back from a replay is counted where it was, not stored a second time. They go in one order, so that
    two batches with the same letters never wait for each other in a circle.
    """
    if not letters:
        return
    letters = sorted(letters, key=lambda letter: (letter.source, letter.body))
    await connection.execute(
        INSERT_DEAD_LETTERS,
        {
            "tenants": [letter.tenant for letter in letters],
            "sources": [letter.source for letter in letters],
            "reasons": [letter.reason for letter in letters],
            "details": [_storable(letter.detail) for letter in letters],
            "attributes": [
                json.dumps({_storable(name): _storable(value) for name, value in letter.attributes.items()})
                for letter in letters
            ],
            "bodies": [letter.body for letter in letters],
            "now": now,
        },
    )
    for letter in letters:
        fields: dict[str, object] = {"source": letter.source, "tenant": letter.tenant}
        if letter.message is not None:
            fields["message_id"] = letter.message
        log("dead_letters").warning("dead letter: %s", letter.reason, extra={"fields": fields})


class DeadLetters:
    """Where a function keeps what it can't understand. `database`: as a role that may; `clock`: the time."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def keep(self, *letters: DeadLetter) -> None:
        """Store letters, on a connection of their own."""
        async with self._database.connection() as connection:
            await keep_dead_letters(connection, letters, self._clock.now())


MARK_REPLAYED = """
update dead_letters set state = 'replayed', replays = replays + 1, replayed_at = %(now)s where id = any(%(ids)s)
"""


async def mark_replayed(connection: Connection, ids: Sequence[UUID], now: dt.datetime) -> None:
    """They were published again."""
    await connection.execute(MARK_REPLAYED, {"ids": list(ids), "now": now})


def dropping(which: str) -> str:
    """The statement that puts letters aside for good, as a whole; it gives their ids. Their rows stay.

    Args:
        which: a condition on the columns of a letter. The statement has parameters `now`, `by` and `why`.
    """
    return f"""
update dead_letters set state = 'dropped', dropped_at = %(now)s, dropped_by = %(by)s, dropped_why = %(why)s
where {which} and state <> 'dropped'
returning id
"""


def _storable(text: object) -> str:
    """Postgres text holds no NUL and no half of a surrogate pair, and what is refused may quote one."""
    return str(text).replace("\x00", "\\0").encode(errors="backslashreplace").decode()
