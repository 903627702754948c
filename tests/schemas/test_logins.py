"""Each role has deadlines, and each function's has two logins to change passwords between."""

from __future__ import annotations

import psycopg
import pytest

from local.functions import ROLE_OF
from local.postgres import ROLES
from shared.operations.backups.store import read_tables
from shared.platform.database import Database
from tests.databases import Migrated

_DEADLINES = {"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"}

_FUNCTIONS_ROLES = sorted(set(ROLE_OF.values()))


def _settings(database: Migrated, role: str) -> dict[str, str]:
    with psycopg.connect(database.url) as connection:
        row = connection.execute("select rolconfig from pg_roles where rolname = %s", [role]).fetchone()
    assert row is not None, f"there is no role {role}"
    return dict(setting.split("=", 1) for setting in row[0] or [])


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_deadlines_for_statements_locks_and_idle_transactions(module_database: Migrated, role: str) -> None:
    assert _settings(module_database, role).keys() >= _DEADLINES


@pytest.mark.parametrize("role", ROLES)
def test_no_statement_of_a_role_is_compiled(module_database: Migrated, role: str) -> None:
    assert _settings(module_database, role)["jit"] == "off"


@pytest.mark.parametrize("role", _FUNCTIONS_ROLES)
def test_a_function_has_two_logins_that_may_what_its_role_may_and_wait_as_long(
    module_database: Migrated, role: str
) -> None:
    with psycopg.connect(module_database.url) as connection:
        for login in (f"{role}_a", f"{role}_b"):
            assert _settings(module_database, login) == _settings(module_database, role)
            found = connection.execute(
                "select rolcanlogin, rolsuper or rolcreaterole or rolcreatedb or rolbypassrls, rolinherit,"
                " array(select roleid::regrole::text from pg_auth_members where member = r.oid)"
                " from pg_roles r where rolname = %s",
                [login],
            ).fetchone()
            assert found == (False, False, True, [role])


@pytest.mark.parametrize("login", ["allim_backup", "allim_backup_a", "allim_backup_b"])
async def test_each_login_of_the_backup_is_shown_every_table_whole(module_database: Migrated, login: str) -> None:
    database = Database(module_database.url, pool_size=1)
    async with database.transaction() as connection:
        await connection.execute(f"set local role {login}".encode())
        tables = await read_tables(connection)
    await database.close()
    assert tables
    assert [table.name for table in tables if not table.whole] == []
