"""SQL of the lives that tenants chose. One function a statement; nothing here decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from shared.platform.database import Connection, fetch_all

SAVE_LIFE = """
insert into tenant_lives (tenant, what, months) values (%(tenant)s, %(what)s, %(months)s)
on conflict (tenant, what) do update set months = excluded.months, walked_until = null, after = null
"""


async def save_life(connection: Connection, tenant: str, what: str, months: int) -> None:
    """Set it, and have all that is older gone through."""
    await connection.execute(SAVE_LIFE, {"tenant": tenant, "what": what, "months": months})


DELETE_LIFE = "delete from tenant_lives where tenant = %(tenant)s and what = %(what)s"


async def delete_life(connection: Connection, tenant: str, what: str) -> bool:
    """Whether there was one."""
    return (await connection.execute(DELETE_LIFE, {"tenant": tenant, "what": what})).rowcount > 0


@dataclass(frozen=True, slots=True)
class TenantLife:
    """What a tenant chose: after `months` whole months what its rows of the table `what` say is forgotten.

    forgotten_before: all that lies before this day has been gone through; None: not yet.
    """

    tenant: str
    what: str
    months: int
    forgotten_before: dt.date | None


TENANT_LIVES = """
select tenant, what, months, walked_until as forgotten_before from tenant_lives
where %(tenant)s::text is null or tenant = %(tenant)s order by tenant, what
"""


async def read_lives(connection: Connection, tenant: str | None = None) -> list[TenantLife]:
    """Those of a tenant; None: of all."""
    return [TenantLife(**row) for row in await fetch_all(connection, TENANT_LIVES, {"tenant": tenant})]


TO_TEND = "select tenant, what from lives_to_tend(%(now)s)"


async def lives_to_tend(connection: Connection, now: dt.datetime) -> Sequence[tuple[str, str]]:
    """The tenants and tables for which there is something to go through."""
    return [(row["tenant"], row["what"]) for row in await fetch_all(connection, TO_TEND, {"now": now})]


FORGET_CONTENTS = "select gone, more from forget_contents(%(tenant)s, %(what)s, %(now)s, %(most)s)"


async def forget_contents(
    connection: Connection, tenant: str, what: str, now: dt.datetime, *, most: int
) -> tuple[int, bool]:
    """Have a tenant's next rows forget what they say, `most` of them looked at.

    Returns:
        How many had something to forget, and whether there may be more.
    """
    parameters = {"tenant": tenant, "what": what, "now": now, "most": most}
    [row] = await fetch_all(connection, FORGET_CONTENTS, parameters)
    return row["gone"], row["more"]


COUNT_CONTENTS = "select number, more from months.count_contents(%(tenant)s, %(what)s, %(now)s, %(most)s)"


async def count_contents(
    connection: Connection, tenant: str, what: str, now: dt.datetime, *, most: int
) -> tuple[int, bool]:
    """As the owner: of a tenant's rows those that would forget something, up to `most`; whether there may be more."""
    parameters = {"tenant": tenant, "what": what, "now": now, "most": most}
    [row] = await fetch_all(connection, COUNT_CONTENTS, parameters)
    return row["number"], row["more"]
