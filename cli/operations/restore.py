"""`allim restore`: put a backup into an empty database, and prove that it is whole."""

from __future__ import annotations

import asyncio
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.errors import CommandError
from cli.output import AsJson, examples, print_json, print_table, progress_bar
from shared.platform.plurals import counted

if TYPE_CHECKING:
    from shared.credits.ledger.audit import Audit
    from shared.operations.backups.judging import Found as Backup
    from shared.operations.backups.manifest import Manifest, TableFile
    from shared.operations.backups.restore_store import Broken, Waiting
    from shared.operations.backups.signing import SigningKeys
    from shared.platform.buckets import Bucket
    from shared.platform.database import Database

EXAMPLES = examples(
    "allim restore --list                                     # what there is, and whether it is ours",
    "allim restore latest --verify-only                       # read the newest one to its last byte",
    "allim restore latest --into postgresql://owner@host/new  # an empty database, migrated or not",
    "allim restore 2026-11-21 --into $NEW --bucket my-allim-backups --jobs 8 --json",
)


def restore(
    backup: Annotated[str, typer.Argument(help="A day in Seoul such as 2026-11-21, or latest.")] = "latest",
    into: Annotated[
        str | None, typer.Option(help="The empty database, as its owner, over a direct connection.", show_default=False)
    ] = None,
    bucket: Annotated[
        str | None,
        typer.Option(help="Where the backups are. (Default: BACKUP_BUCKET, else the stack that is up here.)"),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the backups, and do nothing.")] = False,
    unsigned: Annotated[
        bool, typer.Option("--unsigned", help="Take also one that nobody here can vouch for; name its day.")
    ] = False,
    copy_of: Annotated[
        str | None, typer.Option(help="The bucket that the backups were written to, if this one is a copy.")
    ] = None,
    verify_only: Annotated[bool, typer.Option("--verify-only", help="Check every byte, and write nothing.")] = False,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Files at once. (Default: as many as this machine has cores.)"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Restore a backup into an empty database, all or nothing, and audit it. Exits with 1 unless all is whole.

    Only a backup that is signed with a key of ALLIM_BACKUP_KEY is one; the latest is the newest of those.
    """
    if not (list_ or verify_only or into):
        raise typer.BadParameter("give --into, --list or --verify-only", param_hint="--into")
    if unsigned and backup == "latest":
        raise typer.BadParameter("name the day: the latest is always a signed one", param_hint="--unsigned")
    source, keys = _bucket(bucket)
    import psycopg
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    try:
        from shared.operations.backups.judging import choose
        from shared.operations.backups.restoring import find_backups
        from shared.platform.clock import WallClock

        backups = find_backups(source, keys, WallClock().now(), copy_of=copy_of)
        if list_:
            _list(source, backups, as_json)
            return
        manifest = choose(backups, backup, unsigned=unsigned)
        found = asyncio.run(_restore(source, manifest, None if verify_only else into, jobs or os.cpu_count() or 1))
    except (psycopg.ProgrammingError, psycopg.IntegrityError, psycopg.DataError) as error:
        raise CommandError(f"not_restored: the database refused it, and nothing was kept: {error}") from error
    except (GoogleAPIError, GoogleAuthError) as error:
        raise CommandError(f"no_storage: {source.name} can't be read: {error}") from error
    _show(manifest, found, as_json)
    if found:
        from shared.credits.ledger.audit import disagreements

        if disagreements(found.ledger) or any(asdict(found.broken).values()):
            raise typer.Exit(1)


def _bucket(named: str | None) -> tuple[Bucket, SigningKeys | None]:
    """Where the backups are, and the keys that sign them, if there are any."""
    from cli.joining import running_stack_if_any
    from shared.operations.backups.signing import SigningKeys
    from shared.platform.buckets import Bucket
    from shared.platform.settings import BACKUP_KEY, read_keys

    name = named or os.environ.get("BACKUP_BUCKET")
    written = os.environ.get(BACKUP_KEY)
    if name:
        keys = SigningKeys(read_keys(written, BACKUP_KEY)) if written else None
        return Bucket(name, os.environ.get("GOOGLE_CLOUD_PROJECT", "none")), keys
    stack = running_stack_if_any()
    if stack is None:
        raise CommandError("no_bucket: give --bucket, set BACKUP_BUCKET, or start a stack (`allim up`)")
    from local.functions import SIMULATED_BUCKET

    os.environ["STORAGE_EMULATOR_HOST"] = stack.simulator_url
    return Bucket(SIMULATED_BUCKET, stack.project), SigningKeys(read_keys(stack.backup_key, BACKUP_KEY))


def _list(bucket: Bucket, found: list[Backup], as_json: bool) -> None:
    if as_json:
        print_json([_listed(one) for one in found])
    elif found:
        print_table(["day (Seoul)", "it is", "rows", "bytes", "schema", "why"], [_row(one) for one in found])
    else:
        typer.echo(f"no backups in {bucket.name}")


def _listed(found: Backup) -> dict[str, Any]:
    """A backup for programs; what can't be read of it is null."""
    told = dict.fromkeys(["taken_at", "rows", "bytes", "tables", "partitions", "kept", "migrations"])
    if found.manifest is not None:
        told |= _told(found.manifest)
    about = {"name": found.name, "day": found.day, "state": found.state, "key": found.key}
    return {**told, **about, "reason": found.reason or None, "reason_ko": found.reason_ko or None}


def _row(found: Backup) -> tuple[object, ...]:
    manifest = found.manifest
    day = found.day.isoformat() if found.day else found.name
    why = f"{found.reason} ({found.reason_ko})" if found.reason else ""
    if manifest is None:
        return day, found.state.value, "", "", "", why
    schema = manifest.migrations[-1] if manifest.migrations else ""
    return day, found.state.value, manifest.rows, manifest.bytes, schema, why


async def _restore(bucket: Bucket, manifest: Manifest, into: str | None, jobs: int) -> _Found | None:
    """Check a backup, and put it into a database if there is one; gives what then was found there."""
    from shared.operations.backups.restoring import load, verify
    from shared.platform.database import Database

    with progress_bar() as bar:
        tasks = {what: bar.add_task(what, total=manifest.bytes) for what in ("checking", "loading")}

        def on_progress(what: str, file: TableFile) -> None:
            bar.update(tasks[what], advance=file.bytes, description=f"{what} {file.name}")

        await verify(bucket, manifest, on_progress, jobs=jobs)
        if into is None:
            return None
        await asyncio.to_thread(_migrate_if_bare, into)
        database = Database(into, pool_size=jobs + 1)
        try:
            await load(database, bucket, manifest, on_progress, jobs=jobs)
            return await _look(database)
        finally:
            await database.close()


def _migrate_if_bare(database_url: str) -> None:
    """Bring a database without a table to the schema of this release."""
    import psycopg

    from shared.platform.database.migrations import migrate

    with psycopg.connect(database_url) as connection:
        bare = connection.execute("select to_regclass('public.tenants') is null").fetchone() == (True,)
    if bare:
        migrate(database_url)


@dataclass(frozen=True)
class _Found:
    """What is in a database after a restore: all of its ledger recomputed, what does not belong together (how often, by
    what is wrong with it), and what waits."""

    ledger: Audit
    broken: Broken
    waiting: Waiting

    def figures(self) -> dict[str, dict[str, float]]:
        return {
            "ledger": {name: float(value) for name, value in asdict(self.ledger).items()},
            "broken": asdict(self.broken),
            "waiting": asdict(self.waiting),
        }


async def _look(database: Database) -> _Found:
    from shared.credits.ledger.audit import read_books, together
    from shared.credits.ledger.audit_store import take_snapshot
    from shared.operations.backups.restore_store import read_broken, read_waiting

    async with database.transaction() as connection:
        await take_snapshot(connection)
        await connection.take_time()
        books = await read_books(connection)
        return _Found(together(books.audits.values()), await read_broken(connection), await read_waiting(connection))


def _told(manifest: Manifest) -> dict[str, Any]:
    return {
        "day": manifest.day,
        "taken_at": manifest.taken_at,
        "rows": manifest.rows,
        "bytes": manifest.bytes,
        "tables": manifest.rows_of_tables,
        "partitions": {file.name: file.rows for file in manifest.tables if file.partition and not file.apart},
        "kept": manifest.rows_apart,
        "migrations": manifest.migrations,
    }


def _show(manifest: Manifest, found: _Found | None, as_json: bool) -> None:
    parts = {} if found is None else found.figures()
    if as_json:
        print_json({**_told(manifest), "verified": True, "restored": found is not None, **parts})
        return
    what = "restored" if found else "whole"
    rows, tables = counted(manifest.rows, "row"), counted(len(manifest.rows_of_tables), "table")
    typer.echo(f"{manifest.day} is {what}: {rows} of {tables}")
    for name, number in manifest.rows_apart.items():
        typer.echo(f"kept apart: {name}, {counted(number, 'row')}")
    for name, figures in parts.items():
        title = {"ledger": "\nThe ledger's audit", "broken": "\nWhat does not belong together", "waiting": "\nIn it"}
        print_table(
            ["", ""], [(key.replace("_", " "), f"{value:,.12g}") for key, value in figures.items()], title=title[name]
        )
