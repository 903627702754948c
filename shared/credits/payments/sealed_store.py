"""SQL of sealed cards as such: by which keys, and sealed anew. One function a statement; nothing here decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.credits.payments.sealing import context_of
from shared.platform.crypto import SealedValue, key_in_sql
from shared.platform.database import Connection, fetch_all

COUNT_BY_KEY = f"select {key_in_sql('billing_key')} as key, count(*) as number from billing_keys group by 1"


async def count_cards_by_key(connection: Connection) -> dict[str, int]:
    """How many cards are sealed by each key; under an empty id, those from before keys had ids."""
    return {row["key"]: row["number"] for row in await fetch_all(connection, COUNT_BY_KEY, {})}


SEALED_OTHERWISE = f"""
select tenant, billing_key from billing_keys
where tenant > %(tenant)s and {key_in_sql("billing_key")} <> %(key)s
order by tenant limit %(limit)s
"""


async def cards_sealed_otherwise(
    connection: Connection, key: str, after: SealedValue | None, limit: int
) -> list[SealedValue]:
    """Cards that are not sealed by `key`, in the order of their owners, from the one that follows `after`."""
    parameters = {"tenant": after.tenant if after else "", "key": key, "limit": limit}
    rows = await fetch_all(connection, SEALED_OTHERWISE, parameters)
    return [SealedValue(row["tenant"], "", context_of(row["tenant"]), row["billing_key"]) for row in rows]


LOCK_CARDS = "select from billing_keys where tenant = any(%(tenants)s) order by tenant for no key update"

RESEAL = """
update billing_keys b set billing_key = anew.sealed
from unnest(%(tenants)s::text[], %(before)s::bytea[], %(after)s::bytea[]) as anew (tenant, before, sealed)
where b.tenant = anew.tenant and b.billing_key = anew.before
"""


async def reseal_cards(connection: Connection, anew: Sequence[tuple[SealedValue, bytes]]) -> int:
    """Seal cards anew, where nobody registered another one meanwhile.

    Args:
        connection: in a transaction of the database's owner.
        anew: each value as it was, and as it shall be.

    Returns:
        How many it were.
    """
    await connection.execute(LOCK_CARDS, {"tenants": [value.tenant for value, _ in anew]})
    parameters: Mapping[str, object] = {
        "tenants": [value.tenant for value, _ in anew],
        "before": [value.sealed for value, _ in anew],
        "after": [sealed for _, sealed in anew],
    }
    return (await connection.execute(RESEAL, parameters)).rowcount
