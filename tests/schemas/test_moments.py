"""The database's own clock: where the schema asks it, and that no row of the product takes its moment from there."""

import ast
import re
from collections.abc import Iterator, Mapping
from itertools import chain

import psycopg
import pytest

from tests.clock import NOON
from tests.databases import Migrated
from tests.house.clocks import DATABASES_CLOCK
from tests.house.imports import files_of, name_of, tree_of

BY_HAND = "for a row that a person writes by hand"
_BELIEVED = (
    "forget(text,timestamp with time zone,integer)",
    "forget_contents(text,text,timestamp with time zone,integer)",
    "lives_to_tend(timestamp with time zone)",
    "let_go(text[],timestamp with time zone,boolean)",
    "tell_copies(text,timestamp with time zone,text[],timestamp with time zone[],bigint[])",
    "tend_months(timestamp with time zone)",
)

ASK_THE_DATABASE: Mapping[str, str] = {
    "credit_accounts.created_at": BY_HAND,
    **dict.fromkeys(_BELIEVED, "a time that has not come is not believed, so that nobody makes what is young leave"),
    "dead_letters.first_at": BY_HAND,
    "dead_letters.received_at": BY_HAND,
    "events.received_at": BY_HAND,
    "prices.valid_from": BY_HAND,
    "provider_accounts.created_at": BY_HAND,
    "provider_prices.valid_from": BY_HAND,
    "runs.updated_at": BY_HAND,
    "template_versions.created_at": BY_HAND,
    "tenants.created_at": BY_HAND,
    "workflow_versions.created_at": BY_HAND,
}
"""What of the schema asks the database for the time, and why."""

SAID = """
select attrelid::regclass || '.' || attname, pg_get_expr(adbin, adrelid)
from pg_attrdef join pg_attribute on (attrelid, attnum) = (adrelid, adnum) join pg_class c on c.oid = adrelid
where not c.relispartition
union all
select p.oid::regprocedure::text, coalesce(pg_get_function_sqlbody(p.oid), p.prosrc)
from pg_proc p join pg_language l on l.oid = p.prolang
where p.pronamespace::regnamespace::text !~ '^(pg_|information_schema)' and l.lanname <> 'c'
union all
select conrelid::regclass || '.' || conname, pg_get_constraintdef(oid) from pg_constraint
union all
select polrelid::regclass || '.' || polname,
  concat_ws(' ', pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) from pg_policy
union all
select viewname, definition from pg_views where schemaname !~ '^(pg_|information_schema)'
"""
"""SQL: all that the schema says of its own, by its name: defaults, functions, constraints, policies, views."""

_INSERT = re.compile(
    r"\binsert\s+into\s+(?:only\s+)?(?:public\.)?(\w+)\s*(?:as\s+\w+\s*)?(?:\(([^)]*))?", re.IGNORECASE
)


@pytest.fixture(scope="module")
def said(module_database: Migrated) -> dict[str, str]:
    with psycopg.connect(module_database.url) as connection:
        return {
            name: text for name, text in connection.execute(SAID).fetchall() if not name.startswith(("yoyo", "_yoyo"))
        }


def _forgotten(statement: str) -> Iterator[str]:
    """The columns that an insert leaves to the database's clock."""
    for table, columns in _INSERT.findall(statement):
        given = {f"{table.lower()}.{column.strip().lower()}" for column in columns.split(",")}
        yield from (name for name in ASK_THE_DATABASE if name.startswith(f"{table.lower()}.") and name not in given)


def test_what_asks_the_database_for_the_time_is_known_with_its_reason(said: Mapping[str, str]) -> None:
    assert {name for name, text in said.items() if DATABASES_CLOCK.search(text)} == set(ASK_THE_DATABASE)


def test_each_row_of_the_product_is_given_its_moments(said: Mapping[str, str]) -> None:
    texts = [(name, text) for name, text in said.items() if name.endswith(")")]
    for file in chain.from_iterable(map(files_of, ("shared", "functions", "cli", "local"))):
        constants = [node.value for node in ast.walk(tree_of(file)) if isinstance(node, ast.Constant)]
        texts += [(name_of(file), text) for text in constants if isinstance(text, str)]
    assert [(name, column) for name, text in texts for column in _forgotten(text)] == []


def test_an_account_is_opened_in_the_moment_in_which_its_tenant_came(database: Migrated) -> None:
    with psycopg.connect(database.url) as connection:
        connection.execute("insert into tenants (id, name, created_at) values ('saas', 'S', %s)", [NOON])
        assert connection.execute("select created_at from credit_accounts").fetchall() == [(NOON,)]


@pytest.mark.parametrize(
    "statement",
    [
        "insert into tenants (id, name) values ('a', 'b')",
        "INSERT INTO public.Prices (tenant, channel, price) values (1)",
        "insert into runs select * from other",
    ],
)
def test_an_insert_that_leaves_its_moment_to_the_database_is_found(statement: str) -> None:
    assert len(list(_forgotten(statement))) == 1


def test_an_insert_with_its_moment_is_none() -> None:
    assert list(_forgotten("insert into tenants (id, name, created_at) values ('a', 'b', %(now)s)")) == []
