"""The audit: everything recomputed from entries and messages, and compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared.credits.store import read_audit
from shared.platform.database import Connection

FIGURES = (
    "difference",
    "overdrafts",
    "accounts",
    "entries",
    "balance",
    "held",
    "messages",
    "captured",
    "charged",
    "missing",
)


async def audit(connection: Connection) -> dict[str, Any]:
    """Recompute everything and compare: `difference` in won and `overdrafts` are 0, always.

    The rest are counts: accounts, entries, messages that were held, captured ones, won charged, and entries' messages
    that no longer exist (`missing`).
    """
    return together(await audit_by_tenant(connection))


async def audit_by_tenant(connection: Connection) -> list[dict[str, Any]]:
    """The same for each `tenant` alone."""
    return await read_audit(connection)


def together(audits: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The sums of tenants' audits."""
    return {figure: sum(one[figure] for one in audits) for figure in FIGURES}
