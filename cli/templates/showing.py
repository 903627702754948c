"""`allim templates`: what a tenant says, on each channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.credits.database import DatabaseUrl, Tenant, with_ledger
from cli.errors import CommandError
from cli.output import AsJson, examples, print_json, print_table
from cli.showing import clock_time
from shared.contracts.channels import LEGS

if TYPE_CHECKING:
    from shared.operations.inspections.store import Inspection
    from shared.platform.database import Connection
    from shared.templates.store import TemplateLine

app = typer.Typer(help="What a tenant says, on each channel.", no_args_is_help=True, rich_markup_mode="rich")


INSPECTIONS_SHOWN = 20

_ORDER = ("name", "category", "approval", "variables", *LEGS)


@app.command("list", epilog=examples("allim templates list --tenant saas", "allim templates list --tenant saas --json"))
def list_(tenant: Tenant, as_json: AsJson = False, database_url: DatabaseUrl = None) -> None:
    """List a tenant's templates: their channels, and what Kakao thinks of them."""
    found = _read(database_url, tenant, None)
    if as_json:
        print_json([_told(line) for line in found])
    elif found:
        columns = ["template", "version", "since (Seoul)", "category", "approval", "channels"]
        print_table(columns, [_row(line) for line in found])
    else:
        typer.echo("no templates")


def _row(line: TemplateLine) -> tuple[object, ...]:
    channels = [channel for channel in LEGS if line.content.get(channel)]
    category = line.content.get("category", "notice")
    return line.name, line.version, clock_time(line.created_at), category, line.approval, ", ".join(channels)


@app.command(
    epilog=examples("allim templates show welcome --tenant saas", "allim templates show welcome --tenant saas --json")
)
def show(
    name: Annotated[str, typer.Argument(help="The template's name.")],
    tenant: Tenant,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Show a template as a file would say it, its earlier versions, and what inspectors said of it."""
    lines = _read(database_url, tenant, name)
    said = _inspections(database_url, tenant, name)
    if as_json:
        print_json([_told(line) | {"inspections": _of_version(said, line.version)} for line in lines])
        return
    from shared.platform.yaml12 import dump_yaml

    sent = next(line for line in lines if line.active)
    typer.echo(f"# version {sent.version} of {clock_time(sent.created_at)}")
    whole = {"name": sent.name, "approval": sent.approval, **sent.content}
    typer.echo(dump_yaml({name: whole[name] for name in sorted(whole, key=_place)}).rstrip())
    for line in lines:
        if line is not sent:
            typer.echo(f"# before: version {line.version} of {clock_time(line.created_at)}, {line.approval}")
    for each in said:
        by = f" by {each.said_by}" if each.said_by else ""
        when = clock_time(each.said_at or each.created_at)
        typer.echo(f"# {each.kind} of version {each.version}, {when}{by}: {each.detail}")


def _inspections(database_url: str | None, tenant: str, name: str) -> list[Inspection]:
    async def work(connection: Connection) -> list[Inspection]:
        from shared.operations.inspections.store import read_inspections

        return await read_inspections(connection, tenant, name, INSPECTIONS_SHOWN)

    return with_ledger(database_url, work, tenant=tenant)


def _of_version(said: list[Inspection], version: int) -> list[dict[str, Any]]:
    return [each._asdict() for each in said if each.version == version]


def _place(name: str) -> int:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)


def _told(line: TemplateLine) -> dict[str, Any]:
    return {
        "name": line.name,
        "version": line.version,
        "created_at": line.created_at,
        "active": line.active,
        "approval": line.approval,
        "content": line.content,
    }


def _read(database_url: str | None, tenant: str, name: str | None) -> list[TemplateLine]:
    async def work(connection: Connection) -> list[TemplateLine]:
        from shared.contracts.text import nearest
        from shared.templates.store import read_templates

        found = await read_templates(connection, tenant, name)
        if name is not None and not found:
            meant = nearest(name, [line.name for line in await read_templates(connection, tenant)])
            hint = f"did you mean {meant}?" if meant else f"`allim templates list --tenant {tenant}` shows them"
            raise CommandError(f"unknown_template: {tenant} has no template {name}; {hint} (템플릿이 없습니다.)")
        return found

    return with_ledger(database_url, work, tenant=tenant)
