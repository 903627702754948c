"""SQL of sealed credentials as such: by which keys, and sealed anew. One function a statement; nothing here decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.platform.crypto import SealedValue, key_in_sql
from shared.platform.database import Connection, fetch_all
from shared.tenants.accounts import context_of

COUNT_BY_KEY = f"""
select {key_in_sql("credentials")} as key, count(*) as number from provider_accounts
where lent_by is null group by 1
"""


async def count_accounts_by_key(connection: Connection) -> dict[str, int]:
    """How many accounts' credentials are sealed by each key; under an empty id, those from before keys had ids."""
    return {row["key"]: row["number"] for row in await fetch_all(connection, COUNT_BY_KEY, {})}


SEALED_OTHERWISE = f"""
select tenant, id, credentials from provider_accounts
where (tenant, id) > (%(tenant)s, %(id)s) and {key_in_sql("credentials")} <> %(key)s
order by tenant, id limit %(limit)s
"""


async def accounts_sealed_otherwise(
    connection: Connection, key: str, after: SealedValue | None, limit: int
) -> list[SealedValue]:
    """Accounts' credentials that are not sealed by `key`, in the order of their owners, from the one that follows
    `after`."""
    begin = {"tenant": after.tenant, "id": after.id} if after else {"tenant": "", "id": ""}
    rows = await fetch_all(connection, SEALED_OTHERWISE, {**begin, "key": key, "limit": limit})
    return [
        SealedValue(row["tenant"], row["id"], context_of(row["tenant"], row["id"]), row["credentials"]) for row in rows
    ]


LOCK_TENANTS = "select from tenants where id = any(%(tenants)s) order by id for no key update"

RESEAL = """
update provider_accounts a set credentials = anew.sealed
from unnest(%(tenants)s::text[], %(ids)s::text[], %(before)s::bytea[], %(after)s::bytea[])
  as anew (tenant, id, before, sealed)
where a.tenant = anew.tenant and a.id = anew.id and a.credentials = anew.before
"""


async def reseal_accounts(connection: Connection, anew: Sequence[tuple[SealedValue, bytes]]) -> int:
    """Give accounts their credentials sealed anew, where nobody gave them others meanwhile.

    Args:
        connection: in a transaction of the database's owner. Tenants are locked first, as by who saves an account.
        anew: each value as it was, and as it shall be.

    Returns:
        How many were given.
    """
    await connection.execute(LOCK_TENANTS, {"tenants": [value.tenant for value, _ in anew]})
    parameters: Mapping[str, object] = {
        "tenants": [value.tenant for value, _ in anew],
        "ids": [value.id for value, _ in anew],
        "before": [value.sealed for value, _ in anew],
        "after": [sealed for _, sealed in anew],
    }
    return (await connection.execute(RESEAL, parameters)).rowcount
