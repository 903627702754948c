"""Databases for tests: copies of one that the migrations have made, on one embedded server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

import psycopg
from psycopg import sql

from local.postgres import ROLES, ensure_database, let_roles_log_in, with_parts
from shared.platform.database.migrations import migrate

_TEMPLATE = "allim_template"
_ROLE_PASSWORD = "role-password"
_numbers = count(1)


@dataclass(frozen=True)
class Migrated:
    """A migrated database of its own. `url` is its owner's."""

    url: str

    def role_url(self, role: str) -> str:
        """The URL by which one of `local.postgres.ROLES` connects."""
        return with_parts(self.url, user=role, password=_ROLE_PASSWORD)


def make_template(server_url: str) -> None:
    """Make the database that the others are copies of. `server_url`: a superuser's."""
    url = ensure_database(server_url, _TEMPLATE)
    migrate(url)
    let_roles_log_in(url, dict.fromkeys(ROLES, _ROLE_PASSWORD))


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
def roles_of_one_test(database: Migrated, *roles: str) -> Iterator[None]:
    """Roles to change at will. A role belongs to the whole server, so the migrations' own must be left as they are."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        for role in roles:
            connection.execute(sql.SQL("create role {}").format(sql.Identifier(role)))
        yield
        for role in roles:
            connection.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))
