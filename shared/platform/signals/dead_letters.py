"""What could not be understood or done is kept with its reason, so that a person can decide."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from shared.platform.logs import log

if TYPE_CHECKING:
    from shared.platform.database import Connection


class Poison(Exception):  # noqa: N818 - it names what the input is
    """Input that no retry can help.

    Args:
        reason: a stable code.
        detail: a sentence that a person can act on.
        tenant: whose it is, where that is known.
    """

    def __init__(self, reason: str, detail: str, *, tenant: str | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
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
insert into dead_letters (tenant, source, reason, detail, attributes, body)
select * from unnest(%(tenants)s::text[], %(sources)s::text[], %(reasons)s::text[], %(details)s::text[],
                     %(attributes)s::jsonb[], %(bodies)s::bytea[])
"""


async def keep_dead_letters(connection: Connection, letters: Sequence[DeadLetter]) -> None:
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
        },
    )
    for letter in letters:
        fields: dict[str, object] = {"source": letter.source, "tenant": letter.tenant}
        if letter.message is not None:
            fields["message_id"] = letter.message
        log("dead_letters").warning("dead letter: %s", letter.reason, extra={"fields": fields})


def _storable(text: object) -> str:
    """Postgres text holds no NUL, and what is refused may quote one."""
    return str(text).replace("\x00", "\\0")
