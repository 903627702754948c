"""Fixtures for tests that need a real Postgres: one embedded server a session, a fresh copy of the schema a test."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import hypothesis
import psycopg
import pytest
from psycopg import sql

from local.postgres import ROLES, ensure_database, let_roles_log_in, running, with_parts
from shared.platform.migrations import migrate

# The same examples each time, however busy the machine: a test that fails is one that can be run again.
hypothesis.settings.register_profile("allim", deadline=None, derandomize=True)
hypothesis.settings.load_profile("allim")

_TEMPLATE = "allim_template"
_ROLE_PASSWORD = "role-password"
_numbers = count(1)


@dataclass(frozen=True)
class Database:
    """A migrated database of its own. `url` is its owner's."""

    url: str

    def role_url(self, role: str) -> str:
        """The URL by which one of `local.postgres.ROLES` connects."""
        return with_parts(self.url, user=role, password=_ROLE_PASSWORD)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A superuser's URL of an empty embedded Postgres, the same one for the whole session."""
    with (
        tempfile.TemporaryDirectory(prefix="allim-tests-") as folder,
        running(Path(folder, "postgres"), durable=False) as server,
    ):
        yield server.url("postgres")


@contextmanager
def roles_of_one_test(database: Database, *roles: str) -> Iterator[None]:
    """Roles to change at will. A role belongs to the whole server, so the migrations' own must be left as they are."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        for role in roles:
            connection.execute(sql.SQL("create role {}").format(sql.Identifier(role)))
        yield
        for role in roles:
            connection.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))


@pytest.fixture(scope="session")
def _template(postgres_url: str) -> str:
    url = ensure_database(postgres_url, _TEMPLATE)
    migrate(url)
    let_roles_log_in(url, dict.fromkeys(ROLES, _ROLE_PASSWORD))
    return postgres_url


@contextmanager
def copy_of_template(postgres_url: str) -> Iterator[Database]:
    """A migrated, empty database, gone when the block ends. `postgres_url`: what the fixture `_template` gives."""
    name = f"allim_{next(_numbers)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"create database {name} template {_TEMPLATE} strategy file_copy")
        # A copy does not have its template's access list.
        connection.execute(f"revoke create, temporary on database {name} from public")
        yield Database(with_parts(postgres_url, database=name))
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture
def database(_template: str) -> Iterator[Database]:
    """A migrated, empty database for one test."""
    with copy_of_template(_template) as copy:
        yield copy


@pytest.fixture(scope="module")
def module_database(_template: str) -> Iterator[Database]:
    """A migrated, empty database that the tests of one module share."""
    with copy_of_template(_template) as copy:
        yield copy
