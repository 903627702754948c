"""`allim tenants check | diff | add | new`: a business as a folder of files."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import CommandError
from cli.joining import running_stack_if_any
from cli.output import AsJson, examples, print_json, print_table, say
from cli.showing import WON

if TYPE_CHECKING:
    from local.examples.changes import Changes
    from local.examples.files import Example, Reading
    from local.examples.problems import Problem

ADD = examples(
    "allim tenants add ../my-business                     # to the stack that is up here; says what changed",
    "allim tenants add ../my-business --credit 100,000    # with 100,000 won to begin with",
    "DATABASE_URL=… ALLIM_ENCRYPTION_KEY=… allim tenants add ../my-business   # in the cloud, as the database's owner",
)
CHECK = examples(
    "allim tenants check ../my-business          # each problem with its file, line and key",
    "allim tenants check ../my-business --json   # exits with 1 when there is a problem",
)
DIFF = examples(
    "allim tenants diff ../my-business           # what `add` would change; exits with 2 when it is anything",
    "allim tenants diff ../my-business --json",
)
NEW = examples(
    "allim tenants new ../my-bakery --name 마음빵집",
    "allim tenants new ../my-bakery --id bakery",
)
DIFFERS = 2

Folder = Annotated[Path, typer.Argument(help="Holds tenant.yaml, templates/, workflows/, customers.csv, groups.csv.")]


def check(folder: Folder, as_json: AsJson = False) -> None:
    """Say what is wrong with the files of a business, all at once: file, line, key, and what to write instead.

    Needs no stack and no database. Exits with 1 when there is a problem; a file that nobody reads and a
    customer without a mobile number are told of only.
    """
    reading = _read(folder)
    if as_json:
        told = {"problems": reading.problems, "warnings": reading.warnings, "unread": reading.strangers}
        print_json({"folder": str(folder), "ok": not reading.problems, **{n: _told(p) for n, p in told.items()}})
    else:
        for problem in (*reading.problems, *reading.warnings, *reading.strangers):
            typer.echo(str(problem))
        typer.echo(_summary(reading))
    if reading.problems:
        raise typer.Exit(1)


def diff(folder: Folder, as_json: AsJson = False) -> None:
    """Show what `allim tenants add` would change. Nothing is written.

    Exits with 0 when nothing would change, with 2 when something would, and with 1 when the files can't be used.
    """
    changes = _write(_example(folder), Decimal(0), keep=False)
    _tell(changes, as_json, webhooks={})
    if not changes.nothing:
        raise typer.Exit(DIFFERS)


def add(
    folder: Folder,
    credit: Annotated[str, typer.Option(**WON, help="Won to begin with, given once.")] = "0",
    as_json: AsJson = False,
) -> None:
    """Add a tenant from a folder like those in examples/, or bring one up to date with its changed folder.

    The stack that is up here gets it, and its simulator learns of the account; where none is up, the database of
    DATABASE_URL gets it. What the folder does not have any more stays as it was.
    """
    from shared.credits.ledger.ledger import whole_won

    given = whole_won(credit, field="credit", least=0)
    example, stack = _example(folder), running_stack_if_any()
    changes = _write(example, given, keep=True)
    if stack is not None:
        from local.examples.loading import register_with_simulator

        register_with_simulator(stack, [example])
    address = (stack and stack.webhook_url) or "<provider_webhook_address>"
    webhooks = {
        account.id: f"{address}/{account.provider}/{account.tenant}/{account.id}" for account, _ in example.accounts
    }
    _tell(changes, as_json, webhooks=webhooks)


def new(
    folder: Annotated[Path, typer.Argument(help="A folder that is empty, or not there yet.")],
    id_: Annotated[
        str | None, typer.Option("--id", help="The tenant's id. (Default: the folder's name.)", show_default=False)
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="What people call it. (Default: the id.)", show_default=False)
    ] = None,
) -> None:
    """Write the files of a new business: one template, one workflow, no customers, and a first event to try it with."""
    from local.examples.scaffold import scaffold
    from shared.platform.clock import WallClock

    for path in scaffold(folder, id_ or folder.resolve().name, name, WallClock().now()):
        typer.echo(f"wrote {path}")
    typer.echo(f"next: allim tenants add {folder} --credit 100,000, then allim publish {folder}/first-event.json")


def _read(folder: Path) -> Reading:
    from local.examples.files import Reading

    if not folder.is_dir():
        raise CommandError(
            f"no_folder: {folder} is not a folder; `allim tenants new {folder}` makes one (폴더가 없습니다.)"
        )
    return Reading(folder)


def _told(problems: Sequence[Problem]) -> list[dict[str, object]]:
    return [
        {
            "file": problem.file,
            "line": problem.line,
            "key": problem.key or None,
            "code": problem.code,
            "detail": problem.detail,
            "detail_ko": problem.detail_ko,
        }
        for problem in problems
    ]


def _summary(reading: Reading) -> str:
    if reading.problems:
        count = len(reading.problems)
        return f"{count} problem{'' if count == 1 else 's'} in {reading.folder} (문제 {count}개)"
    example = reading.example()
    counts = {
        "template": len(example.templates),
        "workflow": len(example.workflows),
        "customer": len(example.customers),
    }
    told = ", ".join(_counted(count, what) for what, count in counts.items())
    return f"{reading.folder} is in order (문제 없음): {told}"


def _example(folder: Path) -> Example:
    """What is in the folder. What nobody reads is told on stderr. Raises FolderError."""
    reading = _read(folder)
    for stranger in reading.strangers:
        typer.echo(str(stranger), err=True)
    return reading.example()


def _write(example: Example, credit: Decimal, *, keep: bool) -> Changes:
    stack = running_stack_if_any()
    if stack is None:
        url, key = _from_environment("DATABASE_URL"), _from_environment("ALLIM_ENCRYPTION_KEY")
    else:
        url, key = stack.database_url, stack.encryption_key
    return asyncio.run(_written(url, key, example, credit, keep=keep))


def _from_environment(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise CommandError(f"no_stack: nothing is up here; run `allim up`, or set {name} for a stack in the cloud")
    return value


async def _written(url: str, key: str, example: Example, credit: Decimal, *, keep: bool) -> Changes:
    """What writing it changes; nothing is written unless it is to be kept."""
    from local.examples.loading import write_example
    from shared.platform.clock import WallClock
    from shared.platform.crypto import Keys
    from shared.platform.database import Database
    from shared.platform.settings import read_keys

    keys, database, now = Keys(read_keys(key)), Database(url, pool_size=1), WallClock().now()
    try:
        changed_at = min(now, example.customers.changed_at)
        return await write_example(
            database, keys, example, credit=credit, customers_changed_at=changed_at, now=now, keep=keep
        )
    finally:
        await database.close()


def _tell(changes: Changes, as_json: bool, *, webhooks: Mapping[str, str]) -> None:
    """Say what changed. `webhooks`: where providers call, by account, the default first; none if nothing was done."""
    if as_json:
        customers = asdict(changes.customers)
        things = [asdict(thing) for thing in changes.things]
        told = {"tenant": changes.tenant, "changed": not changes.nothing, "things": things, "customers": customers}
        print_json(told | ({"webhook": next(iter(webhooks.values())), "webhooks": webhooks} if webhooks else {}))
        return
    rows: list[tuple[object, ...]] = [
        (thing.what, thing.name, thing.kind, thing.detail) for thing in changes.things if thing.kind != "unchanged"
    ]
    people = {name.replace("_", " "): count for name, count in asdict(changes.customers).items() if count}
    if people.keys() - {"unchanged"}:
        rows.append(("customers", "", ", ".join(f"{count:,} {name}" for name, count in people.items()), None))
    if rows:
        print_table(["what", "name", "change", ""], rows)
    same = Counter(thing.what for thing in changes.things if thing.kind == "unchanged")
    if same:
        typer.echo("unchanged: " + ", ".join(_counted(count, what) for what, count in same.items()))
    if any(thing.kind == "withdrawn" for thing in changes.things):
        typer.echo(
            "withdrawn: not in the folder any more. A workflow is off then, an account is not sent by; the rest is "
            "still there: see the guide"
        )
    if webhooks:
        say(f"{changes.tenant} is there; its webhook is {', '.join(webhooks.values())}")
    elif changes.nothing:
        typer.echo(f"{changes.tenant}: `allim tenants add` would change nothing")


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
