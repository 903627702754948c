"""`allim workflows`: the rules by which a tenant's events become messages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.credits.database import DatabaseUrl, Tenant, with_ledger
from cli.errors import CommandError
from cli.output import AsJson, examples, print_json, print_table
from cli.showing import clock_time

if TYPE_CHECKING:
    from shared.platform.database import Connection
    from shared.workflows.store import WorkflowLine

app = typer.Typer(
    help="The rules by which a tenant's events become messages.", no_args_is_help=True, rich_markup_mode="rich"
)

Name = Annotated[str, typer.Argument(help="The workflow's name.")]

_WHEN, _OF_A_STEP = ("name", "on", "key", "where", "anchor", "audience"), ("at", "send", "unless", "route")
_ORDER = (*_WHEN, *_OF_A_STEP, "steps", "move_on", "stop_on", "valid_for")
_SECONDS = re.compile(r"(-?)(\d+)s")
_UNITS = (("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60))


@app.command("list", epilog=examples("allim workflows list --tenant saas", "allim workflows list --tenant saas --json"))
def list_(tenant: Tenant, as_json: AsJson = False, database_url: DatabaseUrl = None) -> None:
    """List a tenant's workflows: what starts each, and how many steps it has."""
    found = _read(database_url, tenant, None)
    if as_json:
        print_json([_told(line) for line in found])
    elif found:
        columns = ["workflow", "version", "since (Seoul)", "state", "on", "steps"]
        print_table(columns, [_row(line) for line in found])
    else:
        typer.echo("no workflows")


def _row(line: WorkflowLine) -> tuple[object, ...]:
    written = as_in_a_file(line.definition)
    on = written.get("on", "")
    types = on if isinstance(on, str) else ", ".join(on)
    state = "active" if line.active else "withdrawn" if line.withdrawn else "off"
    return line.name, line.version, clock_time(line.created_at), state, types, len(written.get("steps", ()))


@app.command(
    epilog=examples(
        "allim workflows show pickup-reminders --tenant childcare", "allim workflows show welcome --tenant saas --json"
    )
)
def show(
    name: Name,
    tenant: Tenant,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Show a workflow as a file would say it, and its earlier versions."""
    lines = _read(database_url, tenant, name)
    if as_json:
        print_json([_told(line) for line in lines])
        return
    from shared.platform.yaml12 import dump_yaml

    newest = lines[0]
    state = "" if newest.active else ", withdrawn" if newest.withdrawn else ", switched off"
    typer.echo(f"# version {newest.version} of {clock_time(newest.created_at)}{state}")
    typer.echo(dump_yaml(as_in_a_file(newest.definition)).rstrip())
    for line in lines[1:]:
        typer.echo(f"# before: version {line.version} of {clock_time(line.created_at)}")


@app.command(
    epilog=examples("allim workflows off welcome --tenant saas", "allim workflows off welcome --tenant saas --json")
)
def off(name: Name, tenant: Tenant, as_json: AsJson = False, database_url: DatabaseUrl = None) -> None:
    """Switch a workflow off: it begins nothing, and what waits of it ends unsent.

    It stays off when its folder is loaded again. What is at a provider already goes on.
    """
    _switch(name, tenant, as_json, database_url, on=False)


@app.command(
    epilog=examples("allim workflows on welcome --tenant saas", "allim workflows on welcome --tenant saas --json")
)
def on(name: Name, tenant: Tenant, as_json: AsJson = False, database_url: DatabaseUrl = None) -> None:
    """Switch a workflow on again: steps that are still ahead speak, those that are past do not."""
    _switch(name, tenant, as_json, database_url, on=True)


def _switch(name: str, tenant: str, as_json: bool, database_url: str | None, *, on: bool) -> None:
    async def work(connection: Connection) -> bool:
        from shared.workflows.store import switch_workflow

        await _found(connection, tenant, name)
        return await switch_workflow(connection, tenant, name, on=on)

    changed = with_ledger(database_url, work, tenant=tenant)
    if as_json:
        print_json({"name": name, "active": on, "changed": changed})
    else:
        typer.echo(f"{name} is {'on' if on else 'off'}{'' if changed else ' already'} ({'켜짐' if on else '꺼짐'})")


def as_in_a_file(definition: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a workflow as people write it: in its order, `-1800s` as -30m, a list of one as its one entry."""
    return {name: _as_written(name, definition[name]) for name in sorted(definition, key=_place)}


def _place(name: str) -> int:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)


def _as_written(name: str, value: Any) -> Any:
    if name in ("at", "valid_for") and isinstance(value, str) and (found := _SECONDS.fullmatch(value)):
        return _offset(found[1], int(found[2]))
    if name in ("on", "unless", "move_on", "stop_on") and isinstance(value, list) and len(value) == 1:
        return value[0]
    if name == "where" and isinstance(value, dict):
        return {path: condition["in"] if condition.keys() == {"in"} else condition for path, condition in value.items()}
    if name == "steps" and isinstance(value, list):
        return [as_in_a_file(step) if isinstance(step, dict) else step for step in value]
    return value


def _offset(sign: str, seconds: int) -> str:
    if not seconds:
        return "0"
    for unit, length in _UNITS:
        if seconds % length == 0:
            return f"{sign}{seconds // length}{unit}"
    return f"{sign}{seconds}s"


def _told(line: WorkflowLine) -> dict[str, Any]:
    return {
        "name": line.name,
        "version": line.version,
        "created_at": line.created_at,
        "active": line.active,
        "withdrawn": line.withdrawn,
        "definition": as_in_a_file(line.definition),
    }


def _read(database_url: str | None, tenant: str, name: str | None) -> list[WorkflowLine]:
    return with_ledger(database_url, lambda connection: _found(connection, tenant, name), tenant=tenant)


async def _found(connection: Connection, tenant: str, name: str | None) -> list[WorkflowLine]:
    from shared.contracts.text import nearest
    from shared.workflows.store import read_workflows

    found = await read_workflows(connection, tenant, name)
    if name is not None and not found:
        meant = nearest(name, [line.name for line in await read_workflows(connection, tenant)])
        hint = f"did you mean {meant}?" if meant else f"`allim workflows list --tenant {tenant}` shows them"
        raise CommandError(f"unknown_workflow: {tenant} has no workflow {name}; {hint} (워크플로가 없습니다.)")
    return found
