"""The audit: everything recomputed from entries and messages, and compared."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

from shared.credits.amounts import total
from shared.credits.ledger.audit_store import Audit, read_audit
from shared.platform.database import Connection

ZERO = ("difference", "overdrafts", "missing", "untraced")
"""The figures that are 0 while every won is accounted for."""


async def audit(connection: Connection) -> Audit:
    """Recompute everything and compare; the figures of all tenants together. (Of each alone: `read_audit`.)"""
    return together((await read_audit(connection)).values())


def together(audits: Collection[Audit]) -> Audit:
    """The sums of several tenants' audits."""
    return Audit(
        difference=total(one.difference for one in audits),
        overdrafts=sum(one.overdrafts for one in audits),
        accounts=sum(one.accounts for one in audits),
        entries=sum(one.entries for one in audits),
        balance=total(one.balance for one in audits),
        held=total(one.held for one in audits),
        messages=sum(one.messages for one in audits),
        captured=sum(one.captured for one in audits),
        charged=total(one.charged for one in audits),
        missing=sum(one.missing for one in audits),
        untraced=sum(one.untraced for one in audits),
    )


def disagreements(found: Audit) -> dict[str, Decimal | int]:
    """What of an audit should be 0 and is not, by the names in `ZERO`; nothing when the books agree."""
    return {figure: value for figure in ZERO if (value := getattr(found, figure))}
