import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from local.postgres import with_parts
from shared.platform.database.migrations import MIGRATIONS, MigrationError, OpenDoorsError, migrate, pending
from tests.databases import Migrated, empty_database_called, roles_of_one_test

_MIGRATE = """
import pathlib, sys
from shared.platform.database.migrations import migrate
print(*migrate(sys.argv[1], directory=pathlib.Path(sys.argv[2])))
"""


@pytest.fixture
def empty_database(postgres_url: str) -> Iterator[str]:
    with empty_database_called("allim_empty", postgres_url) as url:
        yield url


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "0001_first.sql").write_text("create table first (id int);")
    (tmp_path / "0002_second.sql").write_text("create table second (id int);\ninsert into second values (1);")
    return tmp_path


def _start(database_url: str, directory: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", _MIGRATE, database_url, str(directory)], stdout=subprocess.PIPE, text=True
    )


def _wait_for(database_url: str, condition: str) -> None:
    deadline = time.monotonic() + 20
    with psycopg.connect(database_url, autocommit=True) as connection:
        while connection.execute(f"select exists ({condition})").fetchone() != (True,):
            assert time.monotonic() < deadline, condition
            time.sleep(0.01)


def test_the_real_migrations_apply_once(empty_database: str) -> None:
    names = sorted(path.stem for path in MIGRATIONS.glob("*.sql"))
    assert pending(empty_database) == names
    assert migrate(empty_database) == names
    assert migrate(empty_database) == []
    assert pending(empty_database) == []


def test_two_that_start_at_once_apply_each_migration_once(empty_database: str, directory: Path) -> None:
    both = [_start(empty_database, directory) for _ in range(2)]
    applied = sorted(process.communicate()[0].split() for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert applied == [[], ["0001_first", "0002_second"]]


def test_one_killed_in_the_middle_is_completed_by_the_next(empty_database: str, directory: Path) -> None:
    second = directory / "0002_second.sql"
    final = second.read_text()
    second.write_text(final + "\nselect pg_sleep(600);")
    killed = _start(empty_database, directory)
    _wait_for(empty_database, "select from pg_stat_activity where wait_event = 'PgSleep'")
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    with psycopg.connect(empty_database, autocommit=True) as connection:  # as Postgres does when it next looks
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'")
    second.write_text(final)

    assert migrate(empty_database, directory=directory) == ["0002_second"]
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("select count(*) from second").fetchone() == (1,)


def test_a_lock_row_that_a_killed_one_left_is_no_hindrance(empty_database: str, directory: Path) -> None:
    migrate(empty_database, directory=directory)
    with psycopg.connect(empty_database) as connection:
        connection.execute("insert into yoyo_lock (locked, ctime, pid) values (1, '2026-11-21', 1)")
    (directory / "0003_third.sql").write_text("create table third (id int);")
    assert migrate(empty_database, directory=directory) == ["0003_third"]


def test_a_failing_migration_leaves_nothing_of_itself_and_keeps_those_before(
    empty_database: str, directory: Path
) -> None:
    (directory / "0003_broken.sql").write_text("create table third (id int);\n\ninsert into nowhere values (1);")
    with pytest.raises(MigrationError, match=r"0003_broken failed: relation \"nowhere\" does not exist \(line 3\)"):
        migrate(empty_database, directory=directory)
    assert pending(empty_database, directory=directory) == ["0003_broken"]
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("select to_regclass('second'), to_regclass('third')").fetchone() == ("second", None)


def test_a_function_with_semicolons_in_its_body_stays_whole(empty_database: str, tmp_path: Path) -> None:
    (tmp_path / "0001_function.sql").write_text(
        "create function two() returns int begin atomic select 1; select 2; end;\n"
        "create function three() returns int language plpgsql as $f$ begin perform 1; return 3; end $f$;"
    )
    migrate(empty_database, directory=tmp_path)
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("select two(), three()").fetchone() == (2, 3)


def test_an_index_can_be_built_without_a_transaction(empty_database: str, directory: Path) -> None:
    (directory / "0003_index.sql").write_text(
        "-- transactional: false\ncreate index concurrently if not exists by_id on first (id);"
    )
    assert migrate(empty_database, directory=directory)[-1] == "0003_index"
    assert pending(empty_database, directory=directory) == []


@pytest.mark.parametrize(
    ("opened", "statement"),
    [
        ("grant temporary on database allim_empty to public", "revoke create, temporary on database allim_empty from"),
        ("grant create on database allim_empty to public", "revoke create, temporary on database allim_empty from"),
        ("grant create on schema public to public", "revoke create on schema public from"),
    ],
    ids=["temporary tables", "schemas", "tables"],
)
def test_doors_that_only_the_owner_can_shut_are_told_until_they_are_shut(
    empty_database: str, directory: Path, opened: str, statement: str
) -> None:
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute(opened.encode())
        for applied in (["0001_first", "0002_second"], []):
            assert pending(empty_database, directory=directory) == applied
            with pytest.raises(OpenDoorsError, match=f"as [a-z_]+, run `{statement} public;`") as told:
                migrate(empty_database, directory=directory)
        connection.execute(told.value.detail.split("`")[1].encode())
    assert migrate(empty_database, directory=directory) == []


def test_who_migrates_without_owning_the_database_is_told_what_was_left_open(
    empty_database: str, tmp_path: Path
) -> None:
    shutil.copy(MIGRATIONS / "0017_doors.sql", tmp_path)  # which shuts the doors, as far as who applies it may
    newcomer = roles_of_one_test(Migrated(empty_database), "no_owner")
    with newcomer, psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("grant create, temporary on database allim_empty to public")
        connection.execute("grant create on schema public to no_owner")
        connection.execute("alter role no_owner login password 'x'")
        with pytest.raises(OpenDoorsError, match="as postgres, run `revoke create, temporary on database allim_empty"):
            migrate(with_parts(empty_database, user="no_owner", password="x"), directory=tmp_path)
        connection.execute("drop owned by no_owner cascade")
