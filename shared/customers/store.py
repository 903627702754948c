"""SQL of customers and their groups. Alone writes them: whoever hears of a customer tells it here.

One function a statement. Which word counts is decided by the database, for several may tell of one customer at once: of
each field, and of each attribute, the newest, and of two as old the one that came last.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from shared.customers.words import FIELD_BITS, FIELDS, Telling, moment_of, row_of
from shared.platform.database import Connection, fetch_all

Person = Mapping[str, Any]
"""A customer as paths see one: id, name, phone, plan, …"""

_PLAIN = FIELDS[:-1]
_ATTRIBUTES_AT = len(FIELDS)


def _known_at(at: int) -> str:
    """When the field at a place of `told_at` was told; null for never."""
    return f"case cardinality(customers.told_at) when 0 then customers.as_of else customers.told_at[{at}] end"


def _newer(at: int) -> str:
    return f"coalesce(excluded.told_at[{at}] >= coalesce({_known_at(at)}, '-infinity'), false)"


def _microseconds(moment: str) -> str:
    return f"(extract(epoch from {moment}) * 1000000)::bigint"


def _entries(row: str, cleared_at: str) -> str:
    """The attributes of a row, each with when it was told: alone, or with all of them."""
    return f"""select key, {row}.attributes -> key as value,
          coalesce(({row}.attributes_told_at ->> key)::bigint, {_microseconds(cleared_at)}) as at,
          {row}.attributes_told_at ? key as alone
        from jsonb_object_keys({row}.attributes || {row}.attributes_told_at) as key"""


_CLEARED_AT, _CLEARS_AT = _known_at(_ATTRIBUTES_AT), f"excluded.told_at[{_ATTRIBUTES_AT}]"
_NO_ATTRIBUTES = f"{_CLEARS_AT} is null and excluded.attributes_told_at = '{{}}'"
_NEWEST_ATTRIBUTES = f"""
      select customers.attributes, customers.attributes_told_at where {_NO_ATTRIBUTES}
      union all
      select coalesce(jsonb_object_agg(key, value) filter (where value is not null), '{{}}'),
        coalesce(jsonb_object_agg(key, at) filter (where alone), '{{}}')
      from (
        select distinct on (key) key, value, at, alone
        from (
          select true as later, n.* from ({_entries("excluded", _CLEARS_AT)}) as n
          where {_CLEARED_AT} is null or n.at >= {_microseconds(_CLEARED_AT)}
          union all
          select false, k.* from ({_entries("customers", _CLEARED_AT)}) as k
          where {_CLEARS_AT} is null or k.at > {_microseconds(_CLEARS_AT)}
        ) as told
        order by key, at desc, later desc
      ) as newest
      where not ({_NO_ATTRIBUTES}) having not ({_NO_ATTRIBUTES})"""

_SET = ",\n    ".join(
    f"{name} = case when {_newer(at)} then {value} else customers.{name} end"
    for at, name in enumerate(_PLAIN, 1)
    for value in [f"coalesce(excluded.{name}, 'ko')" if name == "locale" else f"excluded.{name}"]
)
_TOLD_AT = ", ".join(
    [f"case when {_newer(at)} then excluded.told_at[{at}] else {_known_at(at)} end" for at in range(1, _ATTRIBUTES_AT)]
    + [f"greatest({_CLEARED_AT}, {_CLEARS_AT})"]
)


def deciding_newest_words(source: str) -> str:
    """The statement that writes what is told of customers, as a part of another.

    Args:
        source: a relation with a row a customer: the columns of the table. `told_at` has the moment of each field,
            null for one that is not told.
    """
    return f"""
  insert into customers (tenant, id, {", ".join(FIELDS)}, as_of, told_at, attributes_told_at, filed)
  select tenant, id, name, phone, email, company, status, plan, coalesce(locale, 'ko'), coalesce(attributes, '{{}}'),
    as_of, told_at, coalesce(attributes_told_at, '{{}}'), filed
  from {source} order by tenant, id
  on conflict (tenant, id) do update
  set {_SET},
    (attributes, attributes_told_at) = ({_NEWEST_ATTRIBUTES}),
    as_of = greatest(customers.as_of, excluded.as_of),
    told_at = array[{_TOLD_AT}],
    filed = coalesce(excluded.filed, customers.filed)
"""


def person_of(row: str) -> str:
    """A row of `customers` as a `Person`, as a part of another statement; `row` is its alias there."""
    return f"to_jsonb({row}) - {_NOT_OF_A_PERSON}"


_NOT_OF_A_PERSON = (
    "array['tenant', 'as_of', 'told_at', 'attributes_told_at', 'filed', "
    "'email_bounced_at', 'email_unsubscribed_at', 'devices_told_at']"
)


# Of each row a number and not eight moments, all of them one, which would have to be read one by one.
_TOLD_AS_OF = ", ".join(f"case when told & {bit} <> 0 then as_of end" for bit in FIELD_BITS.values())

WORDS = f"""
  (
    select t.*, array[{_TOLD_AS_OF}] as told_at
    from json_to_recordset(%(words)s::json) as t (
      tenant text, id text, name text, phone text, email text, company text, status text, plan text, locale text,
      attributes jsonb, as_of timestamptz, told int, attributes_told_at jsonb, filed jsonb
    )
  ) as t
"""
"""As a relation in a statement, with the parameters of `word_columns`: a source of `deciding_newest_words`."""


def word_columns(tellings: Sequence[Telling]) -> dict[str, Any]:
    """What is told of customers, of each once, as the parameters of `WORDS`."""
    return {"words": orjson.dumps([row_of(telling) for telling in tellings]).decode()}


DECIDE_NEWEST_WORDS = f"""
with told as (select * from {WORDS})
{deciding_newest_words("told")}
returning tenant, id, {person_of("customers")} as person
"""


async def decide_newest_words(connection: Connection, tellings: Sequence[Telling]) -> dict[tuple[str, str], Person]:
    """Take in what is told of customers; what somebody told later stays.

    Args:
        connection: of a role that may write customers.
        tellings: of a customer one.

    Returns:
        By tenant and id, each customer as known now.
    """
    rows = await fetch_all(connection, DECIDE_NEWEST_WORDS, word_columns(tellings))
    return {(row["tenant"], row["id"]): row["person"] for row in rows}


_TOLD = ", ".join(f"case when {name} is not null then %(as_of)s end" for name in _PLAIN)

DECIDE_WORDS_OF_A_SEND = f"""
with given as materialized (
  select %(tenant)s::text as tenant, g.*, null::jsonb as attributes, %(as_of)s::timestamptz as as_of,
    array[{_TOLD}, null]::timestamptz[] as told_at, null::jsonb as attributes_told_at, null::jsonb as filed
  from json_to_recordset(%(customers)s::json) as g (
    id text, name text, phone text, email text, company text, status text, plan text, locale text
  )
),
news as (
  -- Of whom it tells nothing new is not even locked: events about the customer would wait for the whole transaction.
  select g.* from given g
  left join customers c on c.tenant = g.tenant and c.id = g.id
  where c.id is null
    or ({", ".join(f"coalesce(g.{name}, c.{name})" for name in _PLAIN)})
      is distinct from ({", ".join(f"c.{name}" for name in _PLAIN)})
)
{deciding_newest_words("news")}
"""


async def save_customers(
    connection: Connection, tenant: str, customers: Sequence[Mapping[str, Any]], *, as_of: dt.datetime
) -> int:
    """Add the customers of a send, or take over what its file tells of them; what somebody told later stays.

    Rows travel as one JSON document: arrays of parameters cost five times the client's time.

    Args:
        connection: of a role that may write customers.
        tenant: whose.
        customers: `id` and any of `FIELDS` but attributes, a customer once. None tells nothing.
        as_of: when they were as given; aware.

    Returns:
        How many rows were written.
    """
    parameters = {"tenant": tenant, "as_of": as_of, "customers": orjson.dumps(customers).decode()}
    return (await connection.execute(DECIDE_WORDS_OF_A_SEND, parameters)).rowcount


CUSTOMER_KNOWN = """
select exists (
  select from tenants t join customers c on c.tenant = t.id and c.id = %(id)s
  where %(tenant)s::text is null or t.id = %(tenant)s
) as known
"""


async def customer_known(connection: Connection, tenant: str | None, customer: str) -> bool:
    """Whether anybody has told of a customer, of one tenant or, for None, of any."""
    return bool((await fetch_all(connection, CUSTOMER_KNOWN, {"tenant": tenant, "id": customer}))[0]["known"])


class StoredCustomer(NamedTuple):
    """A customer as kept.

    person: what is known.
    since: by field, and by `attributes.` and the name of one, when it was told; nothing where that was not kept.
    filed: what the business's file said when it was last read.
    groups: id and name of those that the customer belongs to.
    """

    person: Person
    since: Mapping[str, dt.datetime]
    filed: Mapping[str, Any] | None
    groups: Sequence[tuple[str, str]]


CUSTOMER = f"""
select {person_of("c")} as person, filed, nullif(as_of, '-infinity') as as_of, attributes_told_at,
  array(select nullif(at, '-infinity') from unnest(told_at) with ordinality as t (at, place) order by place) as told_at,
  array(
    select array[g.id, g.name] from group_members m join groups g on g.tenant = m.tenant and g.id = m.group_id
    where m.tenant = c.tenant and m.customer = c.id order by g.id
  ) as groups
from customers c where tenant = %(tenant)s and id = %(id)s
"""


async def read_customer(connection: Connection, tenant: str, customer: str) -> StoredCustomer:
    """A customer who is known."""
    [row] = await fetch_all(connection, CUSTOMER, {"tenant": tenant, "id": customer})
    told_at = row["told_at"] or [row["as_of"]] * len(FIELDS)
    since = dict(zip(FIELDS, told_at, strict=True))
    since |= {f"attributes.{name}": moment_of(at) for name, at in row["attributes_told_at"].items()}
    return StoredCustomer(
        person=row["person"],
        since={name: at for name, at in since.items() if at is not None},
        filed=row["filed"],
        groups=[(id_, name) for id_, name in row["groups"]],
    )


FILED = "select id, filed from customers where tenant = %(tenant)s and id = any(%(ids)s)"


async def read_filed(connection: Connection, tenant: str, ids: Sequence[str]) -> dict[str, Mapping[str, Any] | None]:
    """By id, what the business's file said of each of some customers when it was last read."""
    rows = await fetch_all(connection, FILED, {"tenant": tenant, "ids": list(ids)})
    return {row["id"]: row["filed"] for row in rows}


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
  select %(tenant)s, * from unnest(%(ids)s::text[], %(names)s::text[]) as g (id, name) order by id
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
select %(tenant)s, group_id, customer from given order by group_id, customer
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


GROUPS = """
select g.id, g.name, coalesce(array_agg(m.customer) filter (where m.customer is not null), '{}') as members
from groups g left join group_members m on m.tenant = g.tenant and m.group_id = g.id
where g.tenant = %(tenant)s group by g.id, g.name
"""


async def read_groups(connection: Connection, tenant: str) -> dict[str, tuple[str, frozenset[str]]]:
    """The groups of a tenant: by id, the name and the ids of the customers."""
    rows = await fetch_all(connection, GROUPS, {"tenant": tenant})
    return {row["id"]: (row["name"], frozenset(row["members"])) for row in rows}


NUMBER_OF_CUSTOMERS = "select count(*) as number from customers where tenant = %(tenant)s"


async def count_customers(connection: Connection, tenant: str) -> int:
    """How many customers a tenant has."""
    return int((await fetch_all(connection, NUMBER_OF_CUSTOMERS, {"tenant": tenant}))[0]["number"])
