"""The audit: everything recomputed from entries and messages, and compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared.credits.ledger.store import read_audit
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
    "untraced",
)

ZERO = ("difference", "overdrafts", "missing", "untraced")
"""The figures that are 0 while every won is accounted for."""


async def audit(connection: Connection) -> dict[str, Any]:
    """Recompute everything and compare. Each figure of `ZERO` is 0, always.

    difference: won by which accounts, entries and messages disagree.
    overdrafts: accounts that spent more than they had.
    missing: messages that an entry lists, and that don't exist or name another entry.
    untraced: holds and settlements of messages whose entry doesn't exist, is of another kind, or doesn't list them.

    The rest tell how much was looked at: accounts, entries, balance and held in won, messages that were held, captured
    ones, and won charged.
    """
    return together(await audit_by_tenant(connection))


async def audit_by_tenant(connection: Connection) -> list[dict[str, Any]]:
    """The same for each `tenant` alone."""
    return await read_audit(connection)


def together(audits: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The sums of tenants' audits."""
    return {figure: sum(one[figure] for one in audits) for figure in FIGURES}


def disagreements(found: Mapping[str, Any]) -> dict[str, Any]:
    """What of an audit should be 0 and is not; nothing when the books agree."""
    return {figure: found[figure] for figure in ZERO if found[figure]}
