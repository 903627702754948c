"""`allim templates submit | pull`: the inspection is asked for, and what the provider has is brought here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.credits.database import DatabaseUrl, Tenant
from cli.errors import CommandError
from cli.output import AsJson, examples, print_json, print_table
from cli.templates.desk import AccountId, Desk, at_desk

if TYPE_CHECKING:
    from shared.operations.inspections.judging import Found
    from shared.providers.templated.base import ProviderTemplate

SUBMIT = examples(
    "allim templates submit order-paid order-shipped --tenant shop",
    "allim templates submit --tenant shop          # every draft that is registered, and what was rejected and changed",
    "allim templates submit --tenant shop --json   # for CI; what is being inspected already is left alone",
)
PULL = examples(
    "allim templates pull --tenant shop                       # texts, statuses and comments as they are now",
    "allim templates pull --tenant shop --into ../my-shop     # and a file for each that the folder does not have",
    "allim templates pull --tenant shop --json",
)


def submit(
    tenant: Tenant,
    names: Annotated[
        list[str] | None, typer.Argument(help="Templates. (Default: all drafts.)", metavar="NAMES…")
    ] = None,
    account: AccountId = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Ask for the inspection of templates that were pushed. The verdict comes by itself; `show` tells it.

    Exits with 1 when something could not be submitted.
    """

    async def work(desk: Desk) -> list[dict[str, Any]]:
        from shared.operations.inspections.submitting import submit as submit_some
        from shared.platform.clock import WallClock

        done = await submit_some(desk.database, desk.provider, desk.account, names or None, WallClock().now())
        return [
            {"name": each.name, "code": each.code, "status": each.status}
            | ({"error": each.error.told, "sentence": each.error.sentence} if each.error else {})
            for each in done
        ]

    done = at_desk(database_url, tenant, account, work)
    failed = [each for each in done if "error" in each]
    if as_json:
        told = [{name: value for name, value in each.items() if name != "sentence"} for each in done]
        print_json({"tenant": tenant, "templates": told})
    elif done:
        print_table(["template", "code", "status"], [(each["name"], each["code"], each["status"]) for each in done])
        for each in failed:
            typer.echo(f"{each['name']}: {each['sentence']}")
    else:
        typer.echo("nothing to submit: `allim templates push` registers what is new")
    if failed:
        raise typer.Exit(1)


def pull(
    tenant: Tenant,
    into: Annotated[
        Path | None, typer.Option(help="A business's folder: templates that it lacks are written.", show_default=False)
    ] = None,
    account: AccountId = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Bring what the provider has: statuses and comments are kept with their versions, and shown.

    A file that there is is never written over; `diff` says how it differs.
    """

    async def work(desk: Desk) -> tuple[list[ProviderTemplate], list[Found]]:
        from shared.operations.inspections.looking import record
        from shared.platform.clock import WallClock

        news = await record(desk.database, desk.account, desk.theirs, WallClock().now())
        return list(desk.theirs.values()), news

    theirs, news = at_desk(database_url, tenant, account, work)
    written = _write(theirs, into) if into else []
    if as_json:
        told = {"templates": [_template_told(each) for each in theirs], "news": [each._asdict() for each in news]}
        print_json({"tenant": tenant, **told, "written": [str(path) for path in written]})
        return
    rows = [(each.code, each.words.name, each.status, _last(each)) for each in theirs]
    if rows:
        print_table(["code", "name", "status", "last comment"], rows)
    else:
        typer.echo("the provider has no templates of this channel")
    for found in news:
        typer.echo(f"{found.name}, version {found.version}: {found.kind}: {found.detail}")
    for path in written:
        typer.echo(f"wrote {path}")


def _template_told(template: ProviderTemplate) -> dict[str, Any]:
    words = template.words._asdict() | {
        "buttons": [button._asdict() for button in template.words.buttons],
        "quick_replies": [button._asdict() for button in template.words.quick_replies],
    }
    comments = [comment._asdict() for comment in template.comments]
    return template._asdict() | {"words": words, "comments": comments}


def _last(template: ProviderTemplate) -> str:
    return template.comments[-1].text if template.comments else ""


def _write(theirs: list[ProviderTemplate], folder: Path) -> list[Path]:
    """A file for each template whose code no file of the folder has."""
    from local.examples.compiling import template_files
    from local.examples.files import TemplateFile
    from local.examples.reading import ReadFile, read_yaml
    from shared.platform.yaml12 import dump_yaml
    from shared.templates.compiling.drift import content_of

    if not folder.is_dir():
        raise CommandError(f"no_folder: {folder} is not a folder (폴더가 없습니다.)")
    (folder / "templates").mkdir(exist_ok=True)
    read = [read_yaml(path, TemplateFile) for path in template_files([folder])]
    known = {each.model.name: each.model.alimtalk for each in read if isinstance(each, ReadFile)}
    codes = {alimtalk.code for alimtalk in known.values() if alimtalk}
    written = []
    for template in theirs:
        path = folder / "templates" / f"{_file_name(template)}.yaml"
        if template.code in codes or template.words.name in known or path.exists():
            continue
        alimtalk = content_of(template.words, template.code).model_dump(mode="json", exclude_unset=True)
        whole = {"name": template.words.name, "approval": template.status, "alimtalk": alimtalk}
        path.write_text(dump_yaml(whole), encoding="utf-8")
        written.append(path)
    return written


def _file_name(template: ProviderTemplate) -> str:
    """Its name as a file may be called; its code where nothing is left of that."""
    kept = "".join(each if each.isalnum() or each in "-_." else "-" for each in template.words.name).strip("-.")
    return kept or "".join(each for each in template.code if each.isalnum())
