"""Databases for tests: copies of one that the migrations have made, on one embedded server."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from local.postgres import ROLES, ensure_database, let_roles_log_in, with_parts
from shared.platform.database.migrations import migrate

_MEMORY = Path("/dev/shm")
_ENOUGH_BYTES = 1 << 30
_PREFIX = "allim-tests-"
_TEMPLATE = "allim_template"
_ROLE_PASSWORD = "role-password"
_QUICK_TO_CHECK = "?options=" + quote("-c scram_iterations=1")
_numbers = count(1)


@dataclass(frozen=True)
class Migrated:
    """A migrated database of its own. `url` is its owner's."""

    url: str

    def role_url(self, role: str) -> str:
        """The URL by which one of `local.postgres.ROLES` connects."""
        return with_parts(self.url, user=role, password=_ROLE_PASSWORD)


@contextmanager
def folder_for_a_server() -> Iterator[Path]:
    """A folder that is gone when the block ends: in memory where there is enough of it, for a copy of a database is
    made of some hundred files, and a disk takes ten times as long. Many a container has too little."""
    in_memory = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ENOUGH_BYTES
    if in_memory:
        for left in _MEMORY.glob(f"{_PREFIX}*"):  # by a process that was killed; memory does not come back by itself
            if not psutil.pid_exists(int(left.name.split("-")[2])):
                shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-", dir=_MEMORY if in_memory else None) as folder:
        yield Path(folder)


def make_template(server_url: str) -> None:
    """Make the database that the others are copies of. `server_url`: a superuser's."""
    url = ensure_database(server_url, _TEMPLATE)
    migrate(url)
    # Half of the time of a connection would be spent on 4,096 rounds against who guesses passwords.
    owner = conninfo_to_dict(server_url)
    let_roles_log_in(
        url + _QUICK_TO_CHECK, {**dict.fromkeys(ROLES, _ROLE_PASSWORD), str(owner["user"]): str(owner["password"])}
    )


@contextmanager
def copy_of_template(server_url: str) -> Iterator[Migrated]:
    """A migrated, empty database, gone when the block ends."""
    name = f"allim_{next(_numbers)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"create database {name} template {_TEMPLATE} strategy file_copy")
        # A copy does not have its template's access list.
        connection.execute(f"revoke create, temporary on database {name} from public")
        yield Migrated(with_parts(server_url, database=name))
        connection.execute(f"drop database {name} with (force)")


@contextmanager
def empty_database_called(name: str, server_url: str) -> Iterator[str]:
    """The URL of a database for migrations of a test's own, gone when the block ends. Its doors are shut already."""
    url = ensure_database(server_url, name)
    with psycopg.connect(server_url, autocommit=True) as connection:
        database = sql.Identifier(name)
        connection.execute(sql.SQL("revoke create, temporary on database {} from public").format(database))
        yield url
        connection.execute(sql.SQL("drop database {} with (force)").format(database))


@contextmanager
def roles_of_one_test(database: Migrated, *roles: str) -> Iterator[None]:
    """Roles to change at will. A role belongs to the whole server, so the migrations' own must be left as they are."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        for role in roles:
            connection.execute(sql.SQL("create role {}").format(sql.Identifier(role)))
        yield
        for role in roles:
            connection.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))
