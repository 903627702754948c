"""Entries of the ledger as the product's statements write them, kind by kind, for the rows of the wall's samples."""

from typing import Any
from uuid import UUID

from tests.clock import NOON

ENTRIES = {
    "hold": "0, 0, 'hold/1', array[%(message)s], null",
    "release": "0, 0, 'release/1', array[%(message)s], null",
    "hold_expiry": "0, 0, 'hold_expiry/1', array[%(message)s], null",
    "capture": "0, 0, 'capture/1', array[%(message)s], null",
    "topup": "1, 0, 'toss/the-payment/0', null, %(order)s",
    "refund": "-1, 0, 'cancel/1', null, %(order)s",
    "adjustment": "1, 0, 'cancel-refused/' || %(cancel)s::text, null, %(order)s",
}
"""By kind, an entry as the product's statements write it, for the rows of `SAMPLES` once they are `told_of`."""

TOLD_OF = """
with m as (
  update messages
  set hold = %(entry)s, held = 0, settlement = %(entry)s, price = case %(kind)s when 'capture' then 0 end
  where tenant = %(tenant)s and id = %(message)s
),
a as (update credit_accounts set balance = 10 where tenant = %(tenant)s)
update payment_cancels set status = 'refused' where tenant = %(tenant)s
"""


def entry(tenant: str, kind: str) -> tuple[bytes, bytes, dict[str, Any]]:
    """What the owner does to a tenant's first sample rows so that an entry of a kind is true of them, the statement
    that adds it, and the parameters of both."""
    add = (
        "insert into ledger_entries"  # noqa: S608 - texts from above
        " (tenant, id, kind, balance_change, hold_change, key, messages, reference, created_at)"
        f" values (%(tenant)s, %(entry)s, %(kind)s, {ENTRIES[kind]}, %(now)s)"
    )
    ids = {"message": UUID(int=0), "cancel": UUID(int=0), "entry": UUID(int=1), "order": f"{tenant}-orderx0"}
    return TOLD_OF.encode(), add.encode(), {"tenant": tenant, "kind": kind, "now": NOON, **ids}
