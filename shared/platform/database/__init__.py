"""Postgres: connections and statements, migrations, what is remembered of a revision."""

from shared.platform.database.pool import PASSING_ERRORS, Connection, Database, fetch_all, fetch_tuples

__all__ = ["PASSING_ERRORS", "Connection", "Database", "fetch_all", "fetch_tuples"]
