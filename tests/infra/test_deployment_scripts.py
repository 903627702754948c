"""What docs/deploy.md runs by hand between two applies."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from local.home import CHECKOUT
from local.postgres import with_parts
from tests.databases import Migrated, roles_of_one_test

_SCRIPTS = CHECKOUT / "infra" / "scripts"


def _run(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(_SCRIPTS / script), *arguments]
    whole = {**os.environ, "PYTHONPATH": str(CHECKOUT), **environment}
    return subprocess.run(command, env=whole, capture_output=True, text=True, check=False)  # noqa: S603


@pytest.fixture
def stand_ins(tmp_path: Path) -> Path:
    """A `terraform` that knows two roles, and a `gcloud` that keeps what it is given."""
    roles = {"database-url-on-send-request": "script_sender", "database-url-on-dead-letter": "script_dead_letters"}
    programs = {
        "terraform": f"#!/bin/sh\necho '{json.dumps(roles)}'\n",
        "gcloud": f'#!/bin/sh\ncat >"{tmp_path}/$4"\necho projects/1/secrets/$4/versions/2\n',
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def test_each_role_gets_a_password_that_its_secret_knows_and_nobody_else(database: Migrated, stand_ins: Path) -> None:
    with roles_of_one_test(database, "script_sender", "script_dead_letters"):
        done = _run("let_roles_log_in.py", DATABASE_URL=database.url, PATH=f"{stand_ins}:{os.environ['PATH']}")
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == [
            "database-url-on-send-request: version 2",
            "database-url-on-dead-letter: version 2",
        ]
        given = conninfo_to_dict((stand_ins / "database-url-on-send-request").read_text())
        assert (given["user"], given["port"]) == ("script_sender", "6543")
        assert str(given["password"]) not in done.stdout + done.stderr
        sender = with_parts(database.url, user="script_sender", password=str(given["password"]))
        with psycopg.connect(sender) as connection:
            assert connection.execute("select current_user").fetchone() == ("script_sender",)


def test_behind_supabases_pooler_a_role_is_named_with_its_project(stand_ins: Path, tmp_path: Path) -> None:
    program = f"""
import sys; sys.path[:0] = [{str(CHECKOUT)!r}, {str(_SCRIPTS)!r}]
import let_roles_log_in
let_roles_log_in.let_roles_log_in = lambda url, passwords: None
let_roles_log_in.main()
"""
    environment = {
        **os.environ,
        "DATABASE_URL": "postgresql://postgres.abcdef:x@pooler.example:5432/postgres",
        "PATH": f"{stand_ins}:{os.environ['PATH']}",
    }
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)  # noqa: S603
    given = conninfo_to_dict((stand_ins / "database-url-on-dead-letter").read_text())
    assert given["user"] == "script_dead_letters.abcdef"
    assert (given["host"], given["port"], given["dbname"]) == ("pooler.example", "6543", "postgres")
