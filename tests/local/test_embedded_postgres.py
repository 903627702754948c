import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

import local.postgres
from local.postgres import PostgresError, ensure_database, is_elsewhere, let_roles_log_in, running, with_parts
from tests.databases import Migrated, roles_of_one_test

_HOLDER = """
import pathlib, sys, time
from local.postgres import running
with running(pathlib.Path(sys.argv[1]), durable=False) as server:
    print(server.port, flush=True)
    time.sleep(600)
"""


def test_a_role_logs_in_with_its_password_and_sees_no_tenant(database: Migrated) -> None:
    with psycopg.connect(database.url) as owner:
        owner.execute("insert into tenants (id, name) values ('saas', 'SaaS')")
    with psycopg.connect(database.role_url("allim_api")) as api:
        assert api.execute("select current_user").fetchone() == ("allim_api",)
        assert api.execute("select count(*) from tenants").fetchone() == (0,)


def test_one_test_does_not_see_the_rows_of_another(database: Migrated) -> None:
    with psycopg.connect(database.url) as owner:
        assert owner.execute("select count(*) from tenants").fetchone() == (0,)


def test_a_wrong_password_is_refused(postgres_url: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(with_parts(postgres_url, password="guess"))


def test_the_data_survives_a_stop(tmp_path: Path) -> None:
    data = tmp_path / "postgres"
    with running(data, durable=False) as server:
        url = ensure_database(server.url("postgres"))
        with psycopg.connect(url) as connection:
            connection.execute("create table kept as select 7 as seven")
    with running(data, durable=False) as server, psycopg.connect(server.url()) as connection:
        assert connection.execute("select seven from kept").fetchone() == (7,)


def test_it_never_runs_without_fsync_unless_asked(tmp_path: Path) -> None:
    with running(tmp_path / "postgres") as server, psycopg.connect(server.url("postgres")) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert connection.execute(f"show {setting}").fetchone() == ("on",)


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_it_stops_when_its_starter_is_killed(tmp_path: Path) -> None:
    data = tmp_path / "postgres"
    command = [sys.executable, "-c", _HOLDER, str(data)]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
    assert holder.stdout is not None
    assert holder.stdout.readline().strip().isdigit()
    postmaster = data / "postmaster.pid"
    assert postmaster.exists()

    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    holder.stdout.close()

    deadline = time.monotonic() + 10
    while postmaster.exists():  # Postgres removes it as the last act of an orderly shutdown
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hide a folder from the account that Postgres runs as")
def test_root_can_run_it_from_a_folder_that_only_root_may_enter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    installed = local.postgres._binaries().parents[1]
    for folder in (installed, installed.with_name(installed.name + ".libs")):
        if folder.exists():
            shutil.copytree(folder, tmp_path / folder.name)
    hidden = tmp_path / local.postgres._binaries().relative_to(installed.parent)
    monkeypatch.setattr(local.postgres, "_binaries", lambda: hidden)
    with running(tmp_path / "postgres", durable=False) as server:
        psycopg.connect(server.url("postgres")).close()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_data_of_another_version_is_refused_with_the_way_out(tmp_path: Path) -> None:
    data = tmp_path / "postgres"
    data.mkdir()
    (data / "PG_VERSION").write_text("16\n")
    with pytest.raises(PostgresError, match=r"made by PostgreSQL 16.*--purge"), running(data):
        pass


def test_creating_a_database_twice_is_fine(postgres_url: str) -> None:
    assert ensure_database(postgres_url, "twice") == ensure_database(postgres_url, "twice")


def test_a_server_that_is_away_is_named_in_one_error() -> None:
    with pytest.raises(PostgresError, match="cannot use the Postgres of DATABASE_URL"):
        ensure_database("postgresql://127.0.0.1:1/postgres")


def test_passwords_with_any_character_work(database: Migrated) -> None:
    password = "a'b\"c%d@e/f:g?h#i 가"
    with roles_of_one_test(database, "newcomer"):
        let_roles_log_in(database.url, {"newcomer": password})
        psycopg.connect(with_parts(database.url, user="newcomer", password=password)).close()


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("postgresql://u:p@h:1/a", "postgresql://u:p@h:1/b"),
        ("postgresql://u@h/a?sslmode=require", "postgresql://u@h/b?sslmode=require"),
        ("postgres:///a?host=/run/pg&user=u", "postgresql://u@/b?host=%2Frun%2Fpg"),
        ("host=/run/pg port=5433 dbname=a", "postgresql:///b?port=5433&host=%2Frun%2Fpg"),
        ("postgresql://u@[::1]:5/a", "postgresql://u@[::1]:5/b"),
    ],
)
def test_a_part_of_a_database_url_can_be_replaced(given: str, made: str) -> None:
    assert with_parts(given, database="b") == made
    psycopg.conninfo.conninfo_to_dict(made)


@pytest.mark.parametrize("host", ["aws-0-ap-northeast-2.pooler.supabase.com", "db.example", "8.8.8.8"])
def test_no_database_is_made_on_a_server_that_is_somewhere_in_the_world(host: str) -> None:
    with pytest.raises(PostgresError, match="elsewhere"):
        ensure_database(f"postgresql://postgres:x@{host}:1/postgres")


@pytest.mark.parametrize(
    "host", ["", "/run/postgresql", "localhost", "127.0.0.1", "::1", "postgres", "10.0.0.1", "db.internal"]
)
def test_a_server_of_this_machine_or_network_is_not_elsewhere(host: str) -> None:
    assert not is_elsewhere(host)
