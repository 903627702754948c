"""SQL of customers and their groups, as a tenant gives them. One function a statement; nothing here decides."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence

import orjson

from shared.contracts import CustomerSnapshot
from shared.platform.database import Connection, fetch_all
from shared.workflows.planning import Person

SAVE_CUSTOMERS = """
insert into customers (tenant, id, name, phone, email, company, status, plan, locale, attributes, as_of)
select %(tenant)s, c.*, %(as_of)s from unnest(
  %(ids)s::text[], %(names)s::text[], %(phones)s::text[], %(emails)s::text[], %(companies)s::text[],
  %(statuses)s::text[], %(plans)s::text[], %(locales)s::text[], %(attributes)s::jsonb[]
) as c (id, name, phone, email, company, status, plan, locale, attributes)
order by c.id
on conflict (tenant, id) do update
set name = excluded.name, phone = excluded.phone, email = excluded.email, company = excluded.company,
    status = excluded.status, plan = excluded.plan, locale = excluded.locale, attributes = excluded.attributes,
    as_of = excluded.as_of
where customers.as_of <= excluded.as_of
  and (customers.name, customers.phone, customers.email, customers.company, customers.status, customers.plan,
       customers.locale, customers.attributes, customers.as_of)
    is distinct from
      (excluded.name, excluded.phone, excluded.email, excluded.company, excluded.status, excluded.plan,
       excluded.locale, excluded.attributes, excluded.as_of)
"""


async def save_customers(
    connection: Connection, tenant: str, customers: Sequence[CustomerSnapshot], *, as_of: dt.datetime
) -> int:
    """Add customers, or replace what is known of them; what a later event told of one stays.

    Args:
        connection: of a role that may write customers.
        tenant: whose.
        customers: no two of one id.
        as_of: when they were as given; aware.

    Returns:
        How many rows were written.
    """
    cursor = await connection.execute(
        SAVE_CUSTOMERS,
        {
            "tenant": tenant,
            "as_of": as_of,
            "ids": [customer.id for customer in customers],
            "names": [customer.name for customer in customers],
            "phones": [customer.phone for customer in customers],
            "emails": [customer.email for customer in customers],
            "companies": [customer.company for customer in customers],
            "statuses": [customer.status for customer in customers],
            "plans": [customer.plan for customer in customers],
            "locales": [customer.locale for customer in customers],
            "attributes": [orjson.dumps(customer.attributes).decode() for customer in customers],
        },
    )
    return cursor.rowcount


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


FELLOWS = """
select distinct asked.tenant, asked.customer as of, to_jsonb(c) - 'tenant' - 'as_of' as person
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
