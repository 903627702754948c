"""Entries of the ledger as parts of the statements that move messages: money and status change in one.

Alone with `shared.credits.ledger.store`, this writes `ledger_entries`.
"""

from __future__ import annotations

LATE = "delivered after its release"
"""The reference of a capture that found its hold released already."""


def entering(source: str) -> str:
    """The statement that adds entries, as a part of another.

    Args:
        source: a query with a row for each message that an entry moves: tenant, entry, kind, message, balance_change,
            hold_change and reference. Rows of one entry become one, which lists their messages. The statement has a
            parameter `now`.
    """
    return f"""
  insert into ledger_entries (
    tenant, id, kind, balance_change, hold_change, key, messages, reference, created_at
  )
  select tenant, entry, kind, sum(balance_change), sum(hold_change), kind::text || '/' || entry, array_agg(message),
    reference, %(now)s
  from ({source}) as moves (tenant, entry, kind, message, balance_change, hold_change, reference)
  group by tenant, entry, kind, reference
"""
