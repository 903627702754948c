"""SQL of bulk sends, as role `allim_api` inside one tenant. One function a statement; nothing here decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from shared.platform.database import Connection, fetch_all

ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtextextended('bulk/' || %(tenant)s, 0))"


async def wait_for_turn(connection: Connection, tenant: str) -> None:
    """Let no other bulk send of the tenant go on until the transaction ends: two with one key must not cross."""
    await fetch_all(connection, ONE_AT_A_TIME, {"tenant": tenant})


SENT_WITH_KEY = """
select id, template from messages where tenant = %(tenant)s and workflow is null and run_key = %(key)s limit 1
"""


@dataclass(frozen=True, slots=True)
class EarlierSend:
    """Some message of a send, and its template."""

    message: UUID
    template: str


async def sent_with_key(connection: Connection, tenant: str, key: str) -> EarlierSend | None:
    """The send that had the key before. (Found by the index `messages_of_run`.)"""
    rows = await fetch_all(connection, SENT_WITH_KEY, {"tenant": tenant, "key": key})
    return EarlierSend(rows[0]["id"], rows[0]["template"]) if rows else None


KNOWN_MESSAGES = "select id from messages where tenant = %(tenant)s and id = any(%(ids)s)"


async def known_messages(connection: Connection, tenant: str, ids: Sequence[UUID]) -> set[UUID]:
    """Those of some messages that exist."""
    rows = await fetch_all(connection, KNOWN_MESSAGES, {"tenant": tenant, "ids": list(ids)})
    return {row["id"] for row in rows}
