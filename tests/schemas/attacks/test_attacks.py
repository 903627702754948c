"""What somebody tries who has a role's password: every column of every table, and what Postgres lets everybody do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import LiteralString

import psycopg
import pytest
from psycopg import Connection, sql
from psycopg.errors import InsufficientPrivilege

from local.postgres import ROLES
from shared.platform.signals.alerts import RAISE_ALERTS
from shared.platform.signals.heartbeats import BEAT
from tests.clock import NOON
from tests.databases import Migrated
from tests.schemas.samples import OURS, SAMPLES
from tests.schemas.walls import LOCKS_ONLY, MAY_LOCK_BY_KEY, MEMBER_OF, OPENS_NONE, PRIVILEGES, as_role, may, sample

COLUMNS = """
select c.relname::text, array_agg(a.attname::text order by a.attnum)
from pg_class c join pg_attribute a on a.attrelid = c.oid
where c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)' and c.relkind in ('r', 'p', 'v', 'm', 'S')
  and a.attnum > 0 and not a.attisdropped and not c.relispartition and c.relname !~ '^_?yoyo'
group by 1
"""

ON_A_COLUMN: Mapping[str, LiteralString] = {
    "select": "explain select {column} from {table}",
    "insert": "explain insert into {table} ({column}) values (default)",
    "update": "explain update {table} set {column} = default",
}
"""Explaining asks whether the role may, and touches no row."""

ON_A_TABLE: Mapping[str, LiteralString] = {
    "delete": "explain delete from {table}",
    "truncate": "truncate {table} cascade",
    "trigger": "create trigger mine before insert on {table} for each row"
    " execute function suppress_redundant_updates_trigger()",
    "lock": "lock table {table} in access exclusive mode",
    "policy": "create policy mine on {table} using (true)",
    "index": "create index mine on {table} ((1))",
    "owner": "alter table {table} disable trigger all",
    "rls": "alter table {table} disable row level security",
    "drop": "drop table {table} cascade",
}

OF_EVERYBODY = {
    "large_object_made": "select lo_create(0)",
    "large_object_filled": "select lo_from_bytea(0, 'x')",
    "large_object_made_in_the_old_way": "select lo_creat(-1)",
    "large_object_imported": "select lo_import('/etc/passwd')",
    "large_object_exported": "select lo_export(1, '/tmp/x')",
    "large_object_opened": "select lo_open(1, 262144)",
    "temporary_table": "create temporary table mine (n int)",
    "select_into": "select 1 as n into temporary mine",
    "table": "create table public.mine (n int)",
    "function": "create function public.mine() returns int language sql as 'select 1'",
    "sequence": "create sequence public.mine",
    "schema": "create schema mine",
    "program": "copy (select 1) to program 'true'",
    "file": "copy (select 1) to '/tmp/mine'",
    "read_file": "select pg_read_file('/etc/passwd')",
    "read_folder": "select pg_ls_dir('/')",
    "passwords": "select rolpassword from pg_authid",
    "passwords_by_their_view": "select passwd from pg_shadow",
    "statistics": "select * from pg_statistic",
    "host_rules": "select * from pg_hba_file_rules",
    "files_of_settings": "select * from pg_file_settings",
    "large_objects": "select * from pg_largeobject",
    "role": "create role mine",
    "database": "create database mine",
    "superuser": "alter role current_user superuser",
    "another_ones_password": "alter role allim_events_a password 'mine'",
    "settings_of_the_server": "alter system set log_statement = 'none'",
    "settings_of_the_log": "set log_statement = 'none'",
    "triggers_off": "set session_replication_role = replica",
    "reload": "select pg_reload_conf()",
    "switch": "select pg_switch_wal()",
    "replication_slot": "select pg_create_physical_replication_slot('mine')",
}
"""By what is tried. None of it is any role's work."""

BY_KEY: Sequence[LiteralString] = [
    "select pg_advisory_lock(1)",
    "select pg_try_advisory_xact_lock(1)",
    "select pg_advisory_xact_lock(1)",
]


def _refused(connection: Connection, statement: LiteralString, table: str = "", column: str = "") -> bool:
    """Whether Postgres denies it to the role. What else is wrong with it is not asked."""
    names = {"table": sql.Identifier(table), "column": sql.Identifier(column)}
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(sql.SQL(statement).format(**names))
    except InsufficientPrivilege:
        return True
    except psycopg.Error:
        return False
    return False


@pytest.fixture(scope="module")
def columns(filled: Migrated) -> dict[str, list[str]]:
    """Of every table that there is, its columns."""
    with psycopg.connect(filled.url) as connection:
        return dict(connection.execute(COLUMNS).fetchall())


@pytest.mark.parametrize("role", ROLES)
def test_a_role_does_to_a_column_what_its_work_needs(
    filled: Migrated, columns: dict[str, list[str]], role: str
) -> None:
    assert columns.keys() >= SAMPLES.keys()
    tried = [(table, op, column) for table, named in columns.items() for column in named for op in ON_A_COLUMN]
    with as_role(filled, role, OURS) as connection:
        done = {each for each in tried if not _refused(connection, ON_A_COLUMN[each[1]], each[0], each[2])}
    assert done == {each for each in tried if may(role, *each)}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_does_to_a_table_what_its_work_needs(filled: Migrated, columns: dict[str, list[str]], role: str) -> None:
    tried = [(table, operation) for table in columns for operation in ON_A_TABLE]
    with as_role(filled, role, OURS) as connection:
        done = {each for each in tried if not _refused(connection, ON_A_TABLE[each[1]], each[0])}
    needed = {(table, "delete") for table in columns if may(role, table, "delete")}
    assert done == needed | {(table, "lock") for table, _ in needed}, "who may delete all rows may lock the table, too"


@pytest.mark.parametrize("role", ROLES)
def test_a_partition_is_nobodys_to_touch_beside_the_whole(filled: Migrated, role: str) -> None:
    with psycopg.connect(filled.url) as connection:
        found = connection.execute(
            "select relname, relrowsecurity, has_table_privilege(%(role)s, oid, 'select, insert, update, delete')"
            " or has_any_column_privilege(%(role)s, oid, 'select, insert, update')"
            " or has_schema_privilege(%(role)s, relnamespace, 'usage')"
            " from pg_class where relispartition and relkind = 'r'",
            {"role": role},
        ).fetchall()
    assert len(found) == 10
    assert {(secured, touched) for _, secured, touched in found} == {(True, False)}


@pytest.mark.parametrize("privilege", ["references", "truncate", "trigger"])
def test_no_role_refers_to_a_table_or_empties_it_or_hangs_anything_on_it(filled: Migrated, privilege: str) -> None:
    with psycopg.connect(filled.url) as connection:
        found = connection.execute(
            "select r, relname from unnest(%s::text[]) r, pg_class c"
            " where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
            " and has_table_privilege(r, c.oid, %s)",
            [list(ROLES), privilege],
        ).fetchall()
    assert found == []


@pytest.mark.parametrize("what", OF_EVERYBODY)
@pytest.mark.parametrize("role", ROLES)
def test_what_is_no_roles_work_is_refused(filled: Migrated, role: str, what: str) -> None:
    statement = OF_EVERYBODY[what].encode()
    with psycopg.connect(filled.role_url(role), autocommit=True) as wire, pytest.raises(InsufficientPrivilege):
        wire.execute(statement)


@pytest.mark.parametrize("role", ROLES)
def test_no_role_becomes_another_one(filled: Migrated, role: str) -> None:
    with as_role(filled, role, OURS) as connection, psycopg.connect(filled.url) as owner:
        for other in [*sorted({*ROLES} - {role, MEMBER_OF.get(role)}), owner.info.user]:
            assert _refused(connection, "set role {table}", other), other
            assert _refused(connection, "set session authorization {table}", other), other


@pytest.mark.parametrize("role", ROLES)
def test_no_role_ends_the_work_of_another_one(filled: Migrated, role: str) -> None:
    other = "allim_events" if "allim_sender" in (role, MEMBER_OF.get(role)) else "allim_sender"
    with psycopg.connect(filled.role_url(other)) as busy, as_role(filled, role, OURS) as connection:
        for function in ("pg_cancel_backend", "pg_terminate_backend"):
            with connection.transaction(force_rollback=True), pytest.raises(InsufficientPrivilege):
                connection.execute(f"select {function}({busy.info.backend_pid})".encode())
        seen = "select query from pg_stat_activity where pid = %s"
        assert connection.execute(seen, [busy.info.backend_pid]).fetchall() == [("<insufficient privilege>",)]


@pytest.mark.parametrize("role", ROLES)
def test_only_who_waits_by_key_may_make_others_wait_so(filled: Migrated, role: str) -> None:
    with as_role(filled, role, OURS) as connection:
        done = [statement for statement in BY_KEY if not _refused(connection, statement)]
    assert done == (BY_KEY[2:] if role in MAY_LOCK_BY_KEY else [])


@pytest.mark.parametrize(("role", "table"), sorted(LOCKS_ONLY))
def test_who_locks_a_row_changes_none(filled: Migrated, role: str, table: str) -> None:
    [column] = [
        word.removeprefix("update(").rstrip(")")
        for word in PRIVILEGES[role][table].split()
        if word.startswith("update(")
    ]
    with as_role(filled, role, OURS) as connection:
        lock = sql.SQL("select from {} for no key update").format(sql.Identifier(table))
        assert connection.execute(lock).rowcount == 1
        changed = sql.SQL("update {} set {c} = null").format(sql.Identifier(table), c=sql.Identifier(column))
        with pytest.raises(InsufficientPrivilege, match="row-level security"):
            connection.execute(changed)


@pytest.mark.parametrize(("role", "table"), sorted(OPENS_NONE))
def test_who_runs_a_statement_for_other_cases_inserts_nothing(filled: Migrated, role: str, table: str) -> None:
    statement, parameters = sample(table, OURS, 1)
    with as_role(filled, role, OURS) as connection, pytest.raises(InsufficientPrivilege, match="row-level security"):
        connection.execute(statement, parameters)


TRACES = {"allim_ticker": "tick", "allim_sweeper": "sweeps", "allim_reports": "callbacks"}


@pytest.mark.parametrize("role", TRACES)
def test_a_role_leaves_its_own_trace_alone(filled: Migrated, role: str) -> None:
    assert {each for each in ROLES if may(each, "heartbeats", "insert")} == TRACES.keys()
    left = set()
    with as_role(filled, role, OURS) as connection:
        for name in TRACES.values():
            parameters = {"name": name, "now": NOON.replace(year=NOON.year + 100)}
            with suppress(InsufficientPrivilege), connection.transaction():
                connection.execute(BEAT, parameters)
                left.add(name)
    assert left == {TRACES[role]}


ALERTS = {"credit_shortage", "words_refused", "account_amiss", "low_balance", "ledger_difference"}
RAISES = {
    "allim_sender": {"credit_shortage", "words_refused", "account_amiss"},
    "allim_bulk_sender": {"credit_shortage", "words_refused", "account_amiss"},
    "allim_reports": {"words_refused"},
    "allim_sweeper": ALERTS - {"ledger_difference"},
    "allim_reconcile": {"ledger_difference"},
}
"""Which alerts a role raises: of each kind that one alone does, some."""


@pytest.mark.parametrize("role", RAISES)
def test_a_role_raises_the_alerts_of_its_work(filled: Migrated, role: str) -> None:
    assert {each for each in ROLES if may(each, "alerts", "insert", "kind")} == RAISES.keys()
    raised = set()
    with as_role(filled, role, OURS) as connection:
        for kind in ALERTS:
            parameters = {"kind": kind, "tenants": [OURS], "details": ["x"], "now": NOON}
            with suppress(InsufficientPrivilege), connection.transaction():
                connection.execute(RAISE_ALERTS, parameters)
                raised.add(kind)
    assert raised == RAISES[role]
