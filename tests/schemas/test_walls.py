"""The wall between tenants, and what each role may touch: for every table that there is, also those to come."""

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege, RestrictViolation

from local.functions import ROLE_OF
from local.postgres import ROLES
from shared.platform.database import Database as Pool
from tests.databases import Migrated
from tests.schemas.doors.definers import CALLED, FUNCTIONS, SAFE_PATH
from tests.schemas.walls import (
    MEMBER_OF,
    OURS,
    PRIVILEGES,
    SAMPLES,
    WITHOUT_TENANT,
    as_role,
    fill,
    may,
    privileges,
    sample,
)

THEIRS = "theirs"

LOGINS = sorted((role, f"{role}_{one}") for role in {*ROLE_OF.values(), "allim_payments"} for one in "ab")
"""Two of each function's role, to change passwords between; they are members of it and of nothing else. The release
before this one logs in by those of allim_payments, until its functions have given way."""

ROLES_THAT_ARE = "select rolname::text from pg_roles where rolname !~ '^pg_' and rolname <> current_user"
"""Whatever it is called: the server is the tests' own, and who is asked is the owner."""

DEFINERS = f"select name, prorettype = 'trigger'::regtype, proconfig from {FUNCTIONS} where prosecdef"  # noqa: S608
"""What runs with its owner's rights."""

GRANTED = """
select grantee::regrole::text as role, relname::text as table, privilege, string_agg(col, ',' order by num) as columns
from (
  select c.relname, a.grantee, lower(a.privilege_type) as privilege, null as col, 0 as num
  from pg_class c, aclexplode(c.relacl) a
  where c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)' and c.relkind in ('r', 'p', 'v', 'm', 'S')
  union all
  select c.relname, a.grantee, lower(a.privilege_type), t.attname, t.attnum
  from pg_attribute t join pg_class c on c.oid = t.attrelid, aclexplode(t.attacl) a
  where c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
) g
where grantee not in (select relowner from pg_class where relname = 'tenants')
group by 1, 2, 3, (col is null)
"""


@pytest.fixture(scope="module")
def filled(module_database: Migrated) -> Migrated:
    """A database with a row of each of two tenants in every table."""
    fill(module_database, OURS, THEIRS)
    return module_database


def _tenant_column(table: str) -> str:
    return "id" if table == "tenants" else "tenant"


def _query(text: str, table: str, **parts: str) -> sql.Composed:
    names = {name: sql.Identifier(part) for name, part in parts.items()}
    return sql.SQL(text).format(table=sql.Identifier(table), tenant=sql.Identifier(_tenant_column(table)), **names)


def test_every_role_that_there_is_has_its_privileges_here(filled: Migrated) -> None:
    with psycopg.connect(filled.url) as connection:
        roles = {role for (role,) in connection.execute(ROLES_THAT_ARE).fetchall()}
    assert set(PRIVILEGES) == set(ROLES)
    assert roles == {*ROLES, *(login for _, login in LOGINS)}


def test_every_table_with_a_tenant_is_walled_and_has_a_sample_here(filled: Migrated) -> None:
    with psycopg.connect(filled.url) as connection:
        rows = connection.execute(
            """
            select c.relname, c.relrowsecurity,
              exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant') as has_tenant
            from pg_class c
            where c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)' and c.relkind in ('r', 'p')
              and not c.relispartition and c.relname !~ '^_?yoyo'
            """
        ).fetchall()
    walled = {name for name, secured, _ in rows if secured}
    with_tenant = {name for name, _, has_tenant in rows if has_tenant} | {"tenants"}
    assert with_tenant - walled == set()
    assert with_tenant == set(SAMPLES)
    assert {name for name, _, _ in rows} - with_tenant == WITHOUT_TENANT


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_just_the_privileges_that_its_work_needs(filled: Migrated, role: str) -> None:
    with psycopg.connect(filled.url) as connection:
        granted = {
            (table, privilege, frozenset(columns.split(",")) if columns else frozenset())
            for grantee, table, privilege, columns in connection.execute(GRANTED).fetchall()
            if grantee == role and not table.startswith(("yoyo", "_yoyo"))
        }
    assert granted == privileges(role)


def test_nobody_else_has_a_privilege(filled: Migrated) -> None:
    with psycopg.connect(filled.url) as connection:
        grantees = {grantee for grantee, *_ in connection.execute(GRANTED).fetchall()}
    assert grantees == {role for role, tables in PRIVILEGES.items() if tables}, "'-' is everybody"


def test_no_role_can_climb_over_the_wall(filled: Migrated) -> None:
    with psycopg.connect(filled.url) as connection:
        roles = [role for (role,) in connection.execute(ROLES_THAT_ARE).fetchall()]
        strong = connection.execute(
            "select rolname from pg_roles where rolname = any(%s)"
            " and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)",
            [roles],
        ).fetchall()
        members = connection.execute(
            "select roleid::regrole, member::regrole from pg_auth_members where member::regrole::text = any(%s)",
            [roles],
        ).fetchall()
        owned = connection.execute(
            "select relname from pg_class where relowner::regrole::text = any(%s)", [roles]
        ).fetchall()
        may_create = connection.execute(
            "select r, nspname from unnest(%s::text[]) r, pg_namespace n where has_schema_privilege(r, n.oid, 'create')"
            " and n.nspname !~ '^pg_(toast_)?temp_'",
            [roles],
        ).fetchall()
        definers = connection.execute(DEFINERS).fetchall()
    assert sorted(members) == sorted([*LOGINS, *((role, member) for member, role in MEMBER_OF.items())])
    assert [strong, owned, may_create] == [[]] * 3
    assert {name for name, by_triggers_alone, _ in definers if not by_triggers_alone} == set(CALLED)
    assert [name for name, _, settings in definers if settings[:1] != SAFE_PATH] == []


@pytest.mark.parametrize("role", ROLES)
def test_what_has_its_owners_rights_is_called_by_the_one_role_that_may(filled: Migrated, role: str) -> None:
    with psycopg.connect(filled.url) as connection:
        called = f"select name, has_function_privilege('{role}', oid, 'execute') from {FUNCTIONS} where prosecdef"  # noqa: S608
        found = {name for name, may_call in connection.execute(called.encode()).fetchall() if may_call}
    assert found == {name for name, caller in CALLED.items() if caller == role}


@pytest.mark.parametrize("table", SAMPLES)
def test_a_tenant_sees_its_own_rows_and_no_other(filled: Migrated, table: str) -> None:
    if not may("allim_api", table, "select"):
        return
    with as_role(filled, "allim_api", OURS) as connection:
        rows = connection.execute(_query("select distinct {tenant} from {table}", table)).fetchall()
    assert rows == [(OURS,)]


@pytest.mark.parametrize("tenant", [None, "", "nobody", "ours' or true --", "%", "OURS"])
@pytest.mark.parametrize("table", SAMPLES)
def test_without_a_tenant_there_is_nothing(filled: Migrated, table: str, tenant: str | None) -> None:
    with as_role(filled, "allim_api", tenant) as connection:
        if may("allim_api", table, "select"):
            assert connection.execute(_query("select 1 from {table}", table)).fetchall() == []


@pytest.mark.parametrize("table", [table for table in SAMPLES if "insert" in PRIVILEGES["allim_api"].get(table, "")])
def test_a_tenant_adds_no_row_to_another(filled: Migrated, table: str) -> None:
    refused = pytest.raises(InsufficientPrivilege, match="row-level security")
    with as_role(filled, "allim_api", OURS) as connection, refused:
        connection.execute(*sample(table, THEIRS, 1))


def test_a_tenant_changes_no_customer_of_another(filled: Migrated) -> None:
    with as_role(filled, "allim_api", OURS) as connection:
        assert connection.execute("update customers set name = 'x' where tenant = %s", [THEIRS]).rowcount == 0
        assert connection.execute("update customers set name = 'x' where true").rowcount == 1
        with pytest.raises(InsufficientPrivilege, match="permission denied"):
            connection.execute("update customers set tenant = %s", [THEIRS])


async def test_a_tenant_is_set_for_one_transaction_only(filled: Migrated) -> None:
    pool = Pool(filled.role_url("allim_api"), pool_size=1)
    async with pool.transaction(tenant=OURS) as connection:
        assert len(await (await connection.execute("select 1 from customers")).fetchall()) == 1
    async with pool.connection() as connection:
        assert await (await connection.execute("select 1 from customers")).fetchall() == []
    async with pool.transaction() as connection:
        assert await (await connection.execute("select 1 from customers")).fetchall() == []
    await pool.close()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("table", ["reports", "ledger_entries", "workflow_versions", "events"])
@pytest.mark.parametrize("operation", ["update", "delete", "truncate"])
def test_what_was_said_is_changed_by_no_role(filled: Migrated, role: str, table: str, operation: str) -> None:
    statement = {"update": "update {table} set tenant = tenant", "delete": "delete from {table}"}
    with as_role(filled, role, OURS) as connection, pytest.raises(InsufficientPrivilege, match="permission denied"):
        connection.execute(_query(statement.get(operation, "truncate {table}"), table))


@pytest.mark.parametrize(
    "statement",
    [
        "update template_versions set content = '{\"x\": 1}'",
        "update template_versions set version = 2",
        "update template_versions set tenant = tenant",
        "delete from template_versions",
        "truncate template_versions cascade",
        "update workflow_versions set definition = '{}'",
        "delete from workflow_versions",
        "truncate workflow_versions cascade",
        "update ledger_entries set reference = 'x'",
        "delete from ledger_entries",
        "truncate ledger_entries",
        "update plan_history set amount = 0",
        "delete from plan_history",
        "truncate plan_history",
        "update tenant_history set why = 'x'",
        "delete from tenant_history",
        "truncate tenant_history",
    ],
)
def test_a_version_and_an_entry_of_the_ledger_stay_as_they_were_written_even_for_the_owner(
    filled: Migrated, statement: str
) -> None:
    with psycopg.connect(filled.url) as connection, pytest.raises(RestrictViolation, match="append-only"):
        connection.execute(statement.encode())


def test_what_kakao_thinks_of_a_template_may_change_by_the_owner_alone(filled: Migrated) -> None:
    judged = "update template_versions set approval = 'approved'"
    with psycopg.connect(filled.url) as connection:
        assert connection.execute(judged.encode()).rowcount == 2
        connection.rollback()
    for role in ROLES:
        with as_role(filled, role, OURS) as connection, pytest.raises(InsufficientPrivilege):
            connection.execute(judged.encode())


@pytest.mark.parametrize("role", ["allim_events", "allim_sender", "allim_ticker", "allim_sweeper"])
def test_functions_see_all_tenants_for_their_batches_mix_them(filled: Migrated, role: str) -> None:
    with as_role(filled, role) as connection:
        assert {id_ for (id_,) in connection.execute("select id from tenants").fetchall()} >= {OURS, THEIRS}


def test_an_operator_reads_every_tenant_but_no_credentials_and_changes_nothing(filled: Migrated) -> None:
    with as_role(filled, "allim_operator") as connection:
        assert len(connection.execute("select distinct tenant from messages").fetchall()) == 2
    for table in ("provider_accounts", "billing_keys"):
        with as_role(filled, "allim_operator") as connection, pytest.raises(InsufficientPrivilege):
            connection.execute(_query("select 1 from {table}", table))
    for table in SAMPLES:
        with as_role(filled, "allim_operator") as connection, pytest.raises(InsufficientPrivilege):
            connection.execute(_query("update {table} set {tenant} = {tenant}", table))
