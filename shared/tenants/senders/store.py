"""SQL of sender numbers. One function a statement; nothing here decides."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from shared.platform.database import Connection, fetch_all

WITH_ACCOUNT = "account"
"""How a number is verified that an account was registered with: its provider sends from no other."""

REGISTER = """
insert into sender_numbers as s (tenant, number, registered_at, verified_at, verified_how)
values (%(tenant)s, %(number)s, %(now)s, %(verified_at)s, %(how)s)
on conflict (tenant, number) do update
set verified_at = excluded.verified_at, verified_how = excluded.verified_how
where s.verified_at is null and excluded.verified_at is not null
"""


async def register_number(
    connection: Connection, tenant: str, number: str, *, how: str | None, now: dt.datetime
) -> bool:
    """Register a number that a tenant may send from, once it is verified.

    Args:
        connection: of the database's owner.
        tenant: whose.
        number: digits.
        how: it was verified now; None: it was not. One that was verified before stays as it is.
        now: the moment.

    Returns:
        Whether that changed anything.
    """
    parameters = {"tenant": tenant, "number": number, "how": how, "verified_at": now if how else None, "now": now}
    return (await connection.execute(REGISTER, parameters)).rowcount > 0


REGISTERED = "select number from sender_numbers where tenant = %(tenant)s and number = %(number)s"


async def is_registered(connection: Connection, tenant: str, number: str) -> bool:
    """Whether a number is registered, verified or not."""
    return bool(await fetch_all(connection, REGISTERED, {"tenant": tenant, "number": number}))


CAP = "update sender_numbers set daily_cap = %(cap)s where tenant = %(tenant)s and number = %(number)s"


async def cap_number(connection: Connection, tenant: str, number: str, cap: int | None) -> bool:
    """Say how many messages a day may leave from a number; None: as many as there are. False: it is not registered."""
    return (await connection.execute(CAP, {"tenant": tenant, "number": number, "cap": cap})).rowcount > 0


REMOVE = "delete from sender_numbers where tenant = %(tenant)s and number = %(number)s"


async def remove_number(connection: Connection, tenant: str, number: str) -> bool:
    """Take a number away: nothing leaves from it any more. False: it is not registered."""
    return (await connection.execute(REMOVE, {"tenant": tenant, "number": number})).rowcount > 0


@dataclass(frozen=True, slots=True)
class SenderNumber:
    """A number that is registered.

    verified_at, verified_how: None before it is verified, and until then nothing leaves from it.
    daily_cap: messages a day in Korea; None for as many as there are.
    used: of them today.
    accounts: of the tenant's that it sends by, those that send from it.
    """

    tenant: str
    number: str
    registered_at: dt.datetime
    verified_at: dt.datetime | None
    verified_how: str | None
    daily_cap: int | None
    used: int
    accounts: list[str]


NUMBERS = """
select s.tenant, s.number, s.registered_at, s.verified_at, s.verified_how, s.daily_cap,
  coalesce((
    select d.used from sender_days d where d.tenant = s.tenant and d.number = s.number and d.day = %(today)s
  ), 0) as used,
  array(
    select a.id from provider_accounts a where a.tenant = s.tenant and a.sender = s.number and a.active order by a.id
  ) as accounts
from sender_numbers s where %(tenant)s::text is null or s.tenant = %(tenant)s order by s.tenant, s.number
"""


async def read_numbers(connection: Connection, tenant: str | None, today: dt.date) -> list[SenderNumber]:
    """Every tenant's numbers, or those of one.

    Args:
        connection: of the database's owner.
        tenant: its id; None for all.
        today: the day in Korea.
    """
    rows = await fetch_all(connection, NUMBERS, {"tenant": tenant, "today": today})
    return [SenderNumber(**row) for row in rows]
