"""SQL of what providers' calls are known by. One function a statement; nothing here decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from shared.platform.database import Connection, fetch_all

SAVE_DIGEST = """
insert into webhook_secrets as w (tenant, account, provider, digest)
values (%(tenant)s, %(account)s, %(provider)s, %(digest)s)
on conflict (tenant, account) do update set provider = excluded.provider, digest = excluded.digest
where (w.provider, w.digest) is distinct from (excluded.provider, excluded.digest)
"""


async def save_digest(connection: Connection, tenant: str, account: str, provider: str, digest: bytes) -> None:
    """Let calls for an account be known by a digest, and by no other. `connection`: of the database's owner."""
    parameters = {"tenant": tenant, "account": account, "provider": provider, "digest": digest}
    await connection.execute(SAVE_DIGEST, parameters)


FORGET_DIGEST = "delete from webhook_secrets where tenant = %(tenant)s and account = %(account)s"


async def forget_digest(connection: Connection, tenant: str, account: str) -> None:
    """Let nobody call for an account. `connection`: of the database's owner."""
    await connection.execute(FORGET_DIGEST, {"tenant": tenant, "account": account})


@dataclass(frozen=True, slots=True)
class KnownBy:
    """By what calls for an account are known. `digest` is None where that is still to be filled in."""

    tenant: str
    account: str
    provider: str
    digest: bytes | None = field(repr=False)


KNOWN_BY = """
select tenant, account, provider, digest from webhook_secrets where tenant = %(tenant)s and account = %(account)s
"""


async def known_by(connection: Connection, tenant: str, account: str) -> KnownBy | None:
    """By what calls for an account are known. None: there is no such account, or nobody may call for it."""
    rows = await fetch_all(connection, KNOWN_BY, {"tenant": tenant, "account": account})
    return KnownBy(**rows[0]) if rows else None


class Unfilled(NamedTuple):
    """An account from before its secret's digest was kept, with its sealed credentials."""

    tenant: str
    account: str
    provider: str
    credentials: bytes


UNFILLED = """
select w.tenant, w.account, a.provider, a.credentials
from webhook_secrets w join provider_accounts a on a.tenant = w.tenant and a.id = w.account
where w.digest is null and (w.tenant, w.account) > (%(tenant)s, %(account)s)
order by w.tenant, w.account limit %(limit)s
"""


async def unfilled(connection: Connection, after: Unfilled | None, limit: int) -> list[Unfilled]:
    """Accounts whose digest is to be filled in, in order, from the one that follows `after`."""
    begin = {"tenant": after.tenant, "account": after.account} if after else {"tenant": "", "account": ""}
    return [Unfilled(**row) for row in await fetch_all(connection, UNFILLED, {**begin, "limit": limit})]


FILL = """
with given as (
  select * from unnest(%(tenants)s::text[], %(accounts)s::text[], %(digests)s::bytea[]) as g (tenant, account, digest)
),
without as (
  delete from webhook_secrets w using given g
  where w.tenant = g.tenant and w.account = g.account and w.digest is null and g.digest is null
)
update webhook_secrets w set digest = g.digest from given g
where w.tenant = g.tenant and w.account = g.account and w.digest is null and g.digest is not null
"""


async def fill(connection: Connection, found: Sequence[tuple[Unfilled, bytes | None]]) -> None:
    """Give accounts their digests, where nobody gave them one meanwhile. None: nobody may call for that one.

    `connection`: of the database's owner.
    """
    await connection.execute(
        FILL,
        {
            "tenants": [account.tenant for account, _ in found],
            "accounts": [account.account for account, _ in found],
            "digests": [digest for _, digest in found],
        },
    )


COUNT_UNFILLED = "select count(*) as number from webhook_secrets where digest is null"


async def count_unfilled(connection: Connection) -> int:
    """How many accounts take no calls because their digests are to be filled in."""
    return int((await fetch_all(connection, COUNT_UNFILLED, {}))[0]["number"])
