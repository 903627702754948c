"""SQL of what inspectors said. One function a statement."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

from shared.operations.inspections.judging import Found
from shared.platform.database import Connection, fetch_all

ADD_INSPECTIONS = """
insert into template_inspections (
  tenant, code, key, name, version, account, kind, detail, said_by, said_at, created_at
)
select %(tenant)s, code, key, name, version, %(account)s, kind, detail, said_by, said_at, %(now)s
from unnest(
  %(codes)s::text[], %(keys)s::text[], %(names)s::text[], %(versions)s::int[], %(kinds)s::text[], %(details)s::text[],
  %(said_by)s::text[], %(said_at)s::timestamptz[]
) as f (code, key, name, version, kind, detail, said_by, said_at)
on conflict do nothing
returning code, key
"""


async def add_inspections(
    connection: Connection, tenant: str, account: str, found: Sequence[Found], *, now: dt.datetime
) -> set[tuple[str, str]]:
    """Keep what was found of an account's templates. Gives code and key of what was not known."""
    rows = await fetch_all(
        connection,
        ADD_INSPECTIONS,
        {
            "tenant": tenant,
            "account": account,
            "now": now,
            "codes": [each.code for each in found],
            "keys": [each.key for each in found],
            "names": [each.name for each in found],
            "versions": [each.version for each in found],
            "kinds": [each.kind for each in found],
            "details": [each.detail for each in found],
            "said_by": [each.said_by for each in found],
            "said_at": [each.said_at for each in found],
        },
    )
    return {(row["code"], row["key"]) for row in rows}


INSPECTIONS = """
select name, version, code, kind, detail, said_by, said_at, created_at from template_inspections
where tenant = %(tenant)s and name = %(name)s
order by coalesce(said_at, created_at) desc, key limit %(limit)s
"""


class Inspection(NamedTuple):
    """What was found of a version, for people."""

    name: str
    version: int
    code: str
    kind: str
    detail: str
    said_by: str | None
    said_at: dt.datetime | None
    created_at: dt.datetime


async def read_inspections(connection: Connection, tenant: str, name: str, limit: int) -> list[Inspection]:
    """What was found of a template, the newest first."""
    parameters = {"tenant": tenant, "name": name, "limit": limit}
    return [Inspection(**row) for row in await fetch_all(connection, INSPECTIONS, parameters)]
