"""SQL of customers and their groups. Alone writes them: whoever hears of a customer tells it here.

One function a statement. Which word counts is decided by the database, for several may tell of one customer at once: of
each field the newest word, and of two as old the one that came last.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from shared.platform.database import Connection, fetch_all

Person = Mapping[str, Any]
"""A customer as paths see one: id, name, phone, plan, …"""

FIELDS = ("name", "phone", "email", "company", "status", "plan", "locale", "attributes")
"""What may be told of a customer, in the order of the column `told_at`."""


def _columns(template: str, separator: str = ", ") -> str:
    """`template` for each field: its name, its place in `told_at`, when it was told before, and whether it is newer."""
    written = []
    for at, field in enumerate(FIELDS, 1):
        known = f"case cardinality(customers.told_at) when 0 then customers.as_of else customers.told_at[{at}] end"
        newer = f"coalesce(excluded.told_at[{at}] >= coalesce({known}, '-infinity'), false)"
        written.append(template.format(field=field, at=at, known=known, newer=newer))
    return separator.join(written)


_SET = _columns("{field} = case when {newer} then excluded.{field} else customers.{field} end", ",\n    ")
_TOLD_AT = _columns("case when {newer} then excluded.told_at[{at}] else {known} end", ",\n    ")
_NEWS = _columns(
    "{newer} and (excluded.{field}, excluded.told_at[{at}])"
    " is distinct from (customers.{field}, customers.told_at[{at}])",
    "\n    or ",
)


def deciding_newest_words(source: str) -> str:
    """The statement that writes what is told of customers, as a part of another.

    Args:
        source: a relation with a row a customer: tenant, id, the columns of `FIELDS`, `as_of`, and `told_at` with the
            moment of each field's telling, null for one that was not told.
    """
    return f"""
  insert into customers (tenant, id, {", ".join(FIELDS)}, as_of, told_at)
  select tenant, id, name, phone, email, company, status, plan, coalesce(locale, 'ko'), coalesce(attributes, '{{}}'),
    as_of, told_at
  from {source} order by tenant, id
  on conflict (tenant, id) do update
  set {_SET},
    as_of = greatest(customers.as_of, excluded.as_of),
    told_at = array[{_TOLD_AT}]
  where {_NEWS}
"""


def all_told(moment: str) -> str:
    """`told_at` of who tells every field; `moment` is a column of the telling statement."""
    return f"array_fill({moment}, array[{len(FIELDS)}])"


def person_of(row: str) -> str:
    """A row of `customers` as a `Person`, as a part of another statement; `row` is its alias there."""
    return f"to_jsonb({row}) - array['tenant', 'as_of', 'told_at']"


_TOLD = _columns("case when %(blanks_tell)s or {field} is not null then %(as_of)s end")

SAVE_CUSTOMERS = f"""
with given as materialized (
  select %(tenant)s::text as tenant, g.*, %(as_of)s::timestamptz as as_of, array[{_TOLD}]::timestamptz[] as told_at
  from json_to_recordset(%(customers)s::json) as g (
    id text, name text, phone text, email text, company text, status text, plan text, locale text, attributes jsonb
  )
),
news as (
  -- Of whom it tells nothing new is not even locked: events about the customer would wait for the whole transaction.
  select g.* from given g
  left join customers c on c.tenant = g.tenant and c.id = g.id
  where c.id is null or %(blanks_tell)s
    or ({_columns("coalesce(g.{field}, c.{field})")})
      is distinct from ({_columns("c.{field}")})
)
{deciding_newest_words("news")}
"""


async def save_customers(
    connection: Connection,
    tenant: str,
    customers: Sequence[Mapping[str, Any]],
    *,
    as_of: dt.datetime,
    blanks_tell: bool,
) -> int:
    """Add customers, or take over what is told of them; what somebody told later stays.

    Rows travel as one JSON document: arrays of parameters cost five times the client's time.

    Args:
        connection: of a role that may write customers.
        tenant: whose.
        customers: `id` and any of `FIELDS`, a customer once.
        as_of: when they were as given; aware.
        blanks_tell: whether a field that is absent or None clears what is known. If not, it tells nothing.

    Returns:
        How many rows were written.
    """
    cursor = await connection.execute(
        SAVE_CUSTOMERS,
        {
            "tenant": tenant,
            "as_of": as_of,
            "blanks_tell": blanks_tell,
            "customers": orjson.dumps(customers).decode(),
        },
    )
    return cursor.rowcount


FELLOWS = f"""
select distinct asked.tenant, asked.customer as of, {person_of("c")} as person
from (select distinct * from unnest(%(tenants)s::text[], %(customers)s::text[])) as asked (tenant, customer)
join group_members mine on mine.tenant = asked.tenant and mine.customer = asked.customer
join group_members theirs on theirs.tenant = mine.tenant and theirs.group_id = mine.group_id
join customers c on c.tenant = theirs.tenant and c.id = theirs.customer
where theirs.customer <> asked.customer
order by asked.tenant, asked.customer, person
"""


async def read_fellows(
    connection: Connection, customers: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], list[Person]]:
    """By tenant and customer: the other members of the customer's groups."""
    parameters = {"tenants": [tenant for tenant, _ in customers], "customers": [id_ for _, id_ in customers]}
    fellows: dict[tuple[str, str], list[Person]] = defaultdict(list)
    for row in await fetch_all(connection, FELLOWS, parameters):
        fellows[row["tenant"], row["of"]].append(row["person"])
    return fellows


SAVE_GROUPS = """
with named as (
  insert into groups (tenant, id, name)
  select %(tenant)s, * from unnest(%(ids)s::text[], %(names)s::text[])
  on conflict (tenant, id) do update set name = excluded.name where groups.name <> excluded.name
),
given as (
  select * from unnest(%(member_groups)s::text[], %(member_customers)s::text[]) as m (group_id, customer)
),
gone as (
  delete from group_members m
  where m.tenant = %(tenant)s and m.group_id = any(%(ids)s)
    and not exists (select from given g where g.group_id = m.group_id and g.customer = m.customer)
)
insert into group_members (tenant, group_id, customer)
select %(tenant)s, group_id, customer from given
on conflict do nothing
"""


async def save_groups(connection: Connection, tenant: str, groups: Mapping[str, tuple[str, Sequence[str]]]) -> None:
    """Add groups, or replace their names and members.

    Args:
        connection: of a role that may write groups.
        tenant: whose.
        groups: by id, a name and the ids of the customers who belong to it.

    Raises:
        psycopg.errors.ForeignKeyViolation: a member is no customer of the tenant.
    """
    members = [(group, customer) for group, (_, customers) in groups.items() for customer in customers]
    await connection.execute(
        SAVE_GROUPS,
        {
            "tenant": tenant,
            "ids": list(groups),
            "names": [name for name, _ in groups.values()],
            "member_groups": [group for group, _ in members],
            "member_customers": [customer for _, customer in members],
        },
    )
