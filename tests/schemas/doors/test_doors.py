"""The database's own doors: no role becomes the owner by what it puts where the owner's functions look.

A function that runs with its owner's rights finds its tables by a search path. Who may make a temporary table could
name it like one of ours. Two locks hold: nobody may make one; and were one made all the same, nobody would look there.
"""

from dataclasses import dataclass

import psycopg
import pytest
from psycopg import Connection, sql
from psycopg.errors import InsufficientPrivilege

from local.postgres import ROLES, ensure_database
from shared.platform.database.migrations import migrate
from tests.databases import Migrated
from tests.schemas.doors.definers import CALLED, FUNCTIONS, SAFE_PATH
from tests.schemas.walls import ENTERS, OURS, SAMPLES, as_role, entry, fill, sample

OTHERS_MAKE_THEM_RUN = f"""
select name, proconfig, has_function_privilege('public', oid, 'execute') from {FUNCTIONS}
where prosecdef or oid in (select tgfoid from pg_trigger where not tgisinternal)
order by 1
"""  # noqa: S608 - texts from above

OWNERS_TRIGGERS = """
select distinct c.relname::text, event, t.tgattr::int2[]
from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_proc p on p.oid = t.tgfoid
join (values (4, 'insert'), (8, 'delete'), (16, 'update'), (32, 'truncate')) e (bit, event) on t.tgtype & bit > 0
where not t.tgisinternal and p.prosecdef and not c.relispartition
order by 1, 2
"""
"""The tables on which a function with its owner's rights hangs, with each event that fires it (pg_trigger.h has the
bits of tgtype), and the columns of which an update does, or none for all."""

UPDATABLE = """
select attname::text from pg_attribute
where attrelid = %s::regclass and attnum > 0 and not attisdropped and attgenerated = ''
  and (%s::int2[] = '{}' or attnum = any(%s::int2[])) and has_column_privilege(attrelid, attnum, 'update')
order by attnum limit 1
"""

COLUMNS = """
select c.relname::text, string_agg(format('%%I %%s', attname, format_type(atttypid, atttypmod)), ', ' order by attnum)
from pg_class c join pg_attribute a on a.attrelid = c.oid
where c.relname = any(%s) and c.relnamespace = 'public'::regnamespace and attnum > 0 and not attisdropped
group by 1
"""

STEAL = """
create temporary table stolen (by_whom text);
grant all on pg_temp.stolen to public;
create function pg_temp.steal() returns trigger language plpgsql as $$
begin
  insert into pg_temp.stolen values (current_user);
  return null;
end $$;
create function pg_temp.peep() returns boolean language plpgsql as $$
begin
  insert into pg_temp.stolen values (current_user);
  return true;
end $$;
"""


@pytest.fixture(scope="module")
def doors(module_database: Migrated) -> Migrated:
    """A database with a tenant's row in every table, whose roles may, unlike ours, make temporary tables.

    Beside our tables there is a `lure`, whose trigger runs with its owner's rights and the old search path.
    """
    fill(module_database, OURS)
    with psycopg.connect(module_database.url) as connection:
        told_of, _, parameters = entry(OURS, "release")
        connection.execute(told_of, parameters)
        name = sql.Identifier(connection.info.dbname)
        for role in ROLES:
            connection.execute(sql.SQL("grant temporary on database {} to {}").format(name, sql.Identifier(role)))
        connection.execute("create table lure (n int)")
        connection.execute(
            "create function bite() returns trigger language plpgsql security definer set search_path = public as $$"
            " begin update groups set name = name; perform from credit_accounts; return null; end $$"
        )
        connection.execute("insert into lure values (0)")
        for event in ("insert", "update", "delete", "truncate"):
            bite = f"create trigger bite_{event} after {event} on lure for each statement execute function bite()"
            connection.execute(bite.encode())
        connection.execute("grant select, insert, update, delete, truncate on lure to public")
    return module_database


@pytest.fixture(scope="module")
def as_deployed(postgres_url: str, template_url: str) -> Migrated:
    """A database that migrations have made, and nothing else: a copy would not have its own access list."""
    url = ensure_database(postgres_url, "doors")
    migrate(url)
    return Migrated(url)


def _shadow(connection: Connection, *, by_views: bool) -> None:
    """Make a temporary relation of the name of each of our tables that writes down who reads it or writes to it."""
    connection.execute(STEAL)
    for table, columns in connection.execute(COLUMNS, [list(SAMPLES)]).fetchall():
        rows = f"rows_of_{table}" if by_views else table
        names = {"table": sql.Identifier(table), "rows": sql.Identifier(rows), "columns": sql.SQL(columns)}
        for statement in (
            "create temporary table {rows} ({columns})",
            "create trigger steal after insert or update or delete on pg_temp.{rows}"
            " for each statement execute function pg_temp.steal()",
            "grant all on pg_temp.{rows} to public",
        ):
            connection.execute(sql.SQL(statement).format(**names))
        if by_views:
            view = "create temporary view {table} as select * from pg_temp.{rows} where pg_temp.peep()"
            connection.execute(sql.SQL(view).format(**names))
            connection.execute(sql.SQL("grant all on pg_temp.{table} to public").format(**names))


def _thieves(connection: Connection) -> set[str]:
    return {who for (who,) in connection.execute("select by_whom from pg_temp.stolen").fetchall()}


@dataclass(frozen=True)
class WayIn:
    """What a role may do that makes a function run with its owner's rights. `column`: of an update, one that fires."""

    table: str
    event: str
    column: str = ""


def _ways_in(connection: Connection) -> list[WayIn]:
    """Those of the role of a connection."""
    ways = []
    for table, event, columns in connection.execute(OWNERS_TRIGGERS).fetchall():
        name = f"public.{table}"
        if event == "update":
            column = connection.execute(UPDATABLE, [name, columns, columns]).fetchone()
            ways += [WayIn(table, event, *column)] if column else []
        else:
            # Of an insert, some columns do.
            whether = "has_any_column_privilege" if event == "insert" else "has_table_privilege"
            may = f"select {whether}(%(table)s, %(event)s)"
            if connection.execute(may.encode(), {"table": name, "event": event}).fetchone() == (True,):
                ways.append(WayIn(table, event))
    return list(dict.fromkeys(ways))


def _enter(connection: Connection, way: WayIn) -> int:
    """How many rows it was done to."""
    if way.table == "ledger_entries":
        role = next(role for role in ENTERS if role == connection.info.user)
        _, statement, parameters = entry(OURS, next(k for k in ("release", "topup") if k in ENTERS[role]))
        return connection.execute(statement.replace(b"insert into ", b"insert into public."), parameters).rowcount
    if way.event == "insert" and way.table in SAMPLES:
        statement, parameters = sample(way.table, OURS, 1)
        return connection.execute(statement.replace(b"insert into ", b"insert into public."), parameters).rowcount
    statements = {
        "insert": "insert into public.{table} default values",
        "update": "update public.{table} set {column} = {column}",
        "delete": "delete from public.{table}",
        "truncate": "truncate public.{table}",
    }
    names = {"table": sql.Identifier(way.table), "column": sql.Identifier(way.column)}
    done = connection.execute(sql.SQL(statements[way.event]).format(**names))
    return 1 if way.event == "truncate" else done.rowcount


def test_the_functions_that_others_make_run_look_where_only_the_owner_puts_things(database: Migrated) -> None:
    with psycopg.connect(database.url) as connection:
        found = connection.execute(OTHERS_MAKE_THEM_RUN).fetchall()
    assert len(found) >= 7
    assert [name for name, path, _ in found if path[:1] != SAFE_PATH] == []
    assert [name for name, _, anybody_may in found if anybody_may] == []


def test_the_ways_in_are_found(doors: Migrated) -> None:
    found = set()
    for role in ROLES:
        with as_role(doors, role, OURS) as connection:
            ways = _ways_in(connection)
            assert [way.event for way in ways if way.table == "lure"] == ["delete", "insert", "truncate", "update"]
            found |= {(way.table, way.event) for way in ways if way.table != "lure"}
    assert {("ledger_entries", "insert"), ("dead_letters", "insert")} <= found


@pytest.mark.parametrize("by_views", [False, True], ids=["tables", "views"])
@pytest.mark.parametrize("role", ROLES)
def test_a_temporary_relation_named_like_ours_is_not_looked_at(doors: Migrated, role: str, by_views: bool) -> None:
    with as_role(doors, role, OURS) as connection:
        _shadow(connection, by_views=by_views)
        for way in _ways_in(connection):
            if way.table != "lure":
                with connection.transaction(force_rollback=True):
                    assert _enter(connection, way) >= 1, way
                    assert _thieves(connection) <= {role}, way


@pytest.mark.parametrize("event", ["insert", "update", "delete", "truncate"])
@pytest.mark.parametrize("by_views", [False, True], ids=["tables", "views"])
def test_the_attack_does_find_a_function_with_the_old_search_path(doors: Migrated, by_views: bool, event: str) -> None:
    with as_role(doors, "allim_api", OURS) as connection:
        _shadow(connection, by_views=by_views)
        assert _enter(connection, WayIn("lure", event, "n")) >= 1
        assert len(_thieves(connection) - {"allim_api"}) == 1


@pytest.mark.parametrize("role", ROLES)
def test_no_role_hangs_an_owners_function_on_a_table_of_its_own(doors: Migrated, role: str) -> None:
    with psycopg.connect(doors.url) as connection:
        names = [name for name, _, _ in connection.execute(OTHERS_MAKE_THEM_RUN).fetchall()]
    names = [name for name in names if name != "public.bite()" and name not in CALLED]
    for name in names:
        hang = f"create trigger mine after insert on pg_temp.mine for each row execute function {name}"
        with as_role(doors, role, OURS) as connection:
            connection.execute("create temporary table mine (tenant text, balance_change numeric, hold_change numeric)")
            with pytest.raises(InsufficientPrivilege, match=r"permission denied for (function|schema months)"):
                connection.execute(hang.encode())


@pytest.mark.parametrize(
    "statement",
    [
        "create temporary table t (n int)",
        "create table public.t (n int)",
        "create view public.v as select 1",
        "create function public.f() returns int language sql as 'select 1'",
        "create schema s",
        "create function pg_temp.f() returns int language sql as 'select 1'",
    ],
)
@pytest.mark.parametrize("role", ROLES)
def test_no_role_makes_anything(as_deployed: Migrated, role: str, statement: str) -> None:
    with as_role(as_deployed, role, OURS) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute(statement.encode())
