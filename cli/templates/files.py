"""`allim templates check | diff | push`: the files of templates, by the compiler and beside the provider's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.credits.database import DatabaseUrl, with_ledger
from cli.errors import CommandError
from cli.output import AsJson, examples, print_json, print_table
from cli.templates.desk import AccountId, Desk, at_desk

if TYPE_CHECKING:
    from local.examples.compiling import PlacedFinding
    from local.examples.files import Example
    from shared.operations.inspections.pushing import Pushed, Standing
    from shared.platform.database import Connection
    from shared.providers.templated.base import ProviderTemplate
    from shared.templates.compiling.findings import Finding

CHECK = examples(
    "allim templates check ../my-business                          # every template of a folder",
    "allim templates check ../my-business/templates/welcome.yaml   # one file",
    "allim templates check saas                                    # those that a tenant sends",
    "allim templates check ../my-business --json                   # for CI: exits with 1 when there is an error",
    "allim templates check ../my-business --values longest.json    # filled with these: is it still short enough?",
)
DIFF = examples(
    "allim templates diff ../my-business          # exits with 2 when anything differs from the provider's",
    "allim templates diff ../my-business --json",
)
PUSH = examples(
    "allim templates push ../my-business          # registers what is new, changes what is no longer the same",
    "allim templates push ../my-business --json   # for CI; again it does nothing",
)
DIFFERS = 2

Folder = Annotated[Path, typer.Argument(help="A business's folder, with tenant.yaml and templates/.")]


def check(
    what: Annotated[list[str], typer.Argument(help="Files, folders, or tenants.", metavar="FILES|TENANT…")],
    values: Annotated[
        Path | None,
        typer.Option(help="JSON with values of variables by name: lengths are checked with them.", show_default=False),
    ] = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Say what Kakao's inspectors and the providers would refuse, by rule, place and what to do.

    Exits with 1 when there is an error; a warning is told only. Files need no stack and no database.
    """
    filled = _values(values) if values else None
    told: list[dict[str, Any]] = []
    lines: list[str] = []
    count = 0
    for each in what:
        if Path(each).exists() or "/" in each or each.endswith((".yaml", ".yml")):
            files, found = _of_files(Path(each), filled)
            count += files
            told += [_finding_told(finding) for finding in found]
            lines += map(str, found)
        else:
            for name, findings in _of_tenant(database_url, each, filled).items():
                count += 1
                told += [_stored_told(each, name, finding) for finding in findings]
                lines += [_line(each, name, finding) for finding in findings]
    errors = sum(finding["severity"] == "error" for finding in told)
    warnings = len(told) - errors
    if as_json:
        print_json({"ok": not errors, "templates": count, "findings": told})
    else:
        for line in lines:
            typer.echo(line)
        typer.echo(f"{count} templates, {errors} errors, {warnings} warnings (오류 {errors}개, 주의 {warnings}개)")
    if errors:
        raise typer.Exit(1)


def diff(folder: Folder, account: AccountId = None, as_json: AsJson = False, database_url: DatabaseUrl = None) -> None:
    """Show how a folder's templates differ from what the provider has. Nothing is written.

    Exits with 0 when nothing differs, and with 2 when something does.
    """
    example = _example(folder)

    async def work(desk: Desk) -> tuple[list[Standing], list[str]]:
        standings = _standings(example, desk)
        ours = {standing.there.code for standing in standings if standing.there}
        return standings, sorted(desk.theirs.keys() - ours)

    standings, strangers = at_desk(database_url, example.tenant.id, account, work)
    differing = [standing for standing in standings if standing.state != "same"]
    if as_json:
        told = [_standing_told(standing) for standing in standings]
        print_json({"tenant": example.tenant.id, "templates": told, "only_at_provider": strangers})
    else:
        _print_standings(standings)
        for code in strangers:
            typer.echo(f"only at the provider: {code} (`allim templates pull` shows it)")
    if differing:
        raise typer.Exit(DIFFERS)


def push(folder: Folder, account: AccountId = None, as_json: AsJson = False, database_url: DatabaseUrl = None) -> None:
    """Register a folder's new templates at the provider as drafts, and change those there that are not approved.

    What is pushed is kept here as a version, with its code. Nothing is pushed where `check` finds an error, and what
    is approved is not touched. Exits with 1 when something could not be pushed. `submit` asks for the inspection.
    """
    example = _example(folder)
    refused = [str(finding) for finding in _of_files(folder)[1] if finding.severity == "error"]
    if refused:
        listed = "\n".join(refused)
        raise CommandError(f"bad_templates: nothing was pushed (오류를 고친 뒤 다시 실행하세요.)\n{listed}")

    async def work(desk: Desk) -> list[Pushed]:
        from shared.operations.inspections.pushing import push as push_all

        codes = {each.name: each.alimtalk.code for each in example.templates if each.alimtalk}
        pushed = await push_all(desk.provider, desk.account, _standings(example, desk), codes)
        await _keep(desk, example, pushed)
        return pushed

    pushed = at_desk(database_url, example.tenant.id, account, work)
    if as_json:
        print_json({"tenant": example.tenant.id, "templates": [_pushed_told(each) for each in pushed]})
    else:
        rows = [(each.standing.name, _did(each), *_there(each.there)) for each in pushed]
        print_table(["template", "what", "code", "status"], rows)
        for each in pushed:
            if each.error:
                typer.echo(f"{each.standing.name}: {each.error.sentence}")
    if any(each.error for each in pushed):
        raise typer.Exit(1)


async def _keep(desk: Desk, example: Example, pushed: Sequence[Pushed]) -> None:
    """What the provider has as ours is a version here."""
    from shared.platform.clock import WallClock
    from shared.templates.store import save_templates
    from shared.templates.template import with_code
    from shared.tenants.store import save_tenant

    contents = {each.name: each.content for each in example.templates}
    registered = {
        each.standing.name: (with_code(contents[each.standing.name], each.there.code), each.there.status)
        for each in pushed
        if each.there is not None and each.error is None
    }
    now = WallClock().now()
    async with desk.database.transaction() as connection:
        await save_tenant(connection, example.tenant.id, example.tenant.name, now=now)
        await save_templates(connection, example.tenant.id, registered, now=now)


def _example(folder: Path) -> Example:
    from local.examples.files import read_example

    if not folder.is_dir():
        raise CommandError(f"no_folder: {folder} is not a folder (폴더가 없습니다.)")
    return read_example(folder)


def _standings(example: Example, desk: Desk) -> list[Standing]:
    from shared.operations.inspections.pushing import standings

    contents = {each.name: each.content for each in example.templates}
    return standings(contents, desk.theirs, takes_our_codes=desk.provider.takes_our_codes)


def _values(path: Path) -> dict[str, str]:
    import json

    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): str(value) for name, value in read.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise CommandError(
            f'bad_values: {path} holds no values by name, such as {{"이름": "홍길동"}} '
            "(변수 이름과 값을 JSON으로 쓰세요.)"
        ) from error


def _of_files(path: Path, values: Mapping[str, str] | None = None) -> tuple[int, list[PlacedFinding]]:
    from local.examples.compiling import checked, template_files

    files = template_files([path])
    return len(files), [finding for file in files for finding in checked(file, values)]


def _of_tenant(database_url: str | None, tenant: str, values: Mapping[str, str] | None) -> Mapping[str, list[Finding]]:
    async def work(connection: Connection) -> Mapping[str, list[Finding]]:
        from shared.templates.compiling.compiling import compiled
        from shared.templates.store import active_templates
        from shared.templates.template import TemplateContent

        stored = await active_templates(connection, [tenant])
        return {each.name: compiled(TemplateContent.model_validate(each.content), values) for each in stored}

    return with_ledger(database_url, work, tenant=tenant)


def _line(tenant: str, name: str, finding: Finding) -> str:
    mark = finding.rule if finding.severity == "error" else f"{finding.rule}, warning"
    return f"{tenant}/{name}: {_place(finding)}: {finding.detail} ({finding.detail_ko}) [{mark}]"


def _place(finding: Finding) -> str:
    return ".".join(map(str, finding.at))


def _finding_told(finding: PlacedFinding) -> dict[str, Any]:
    return {
        "file": str(finding.path),
        "line": finding.line,
        "key": finding.key or None,
        "place": list(finding.at),
        "rule": finding.rule,
        "severity": finding.severity,
        "detail": finding.detail,
        "detail_ko": finding.detail_ko,
    }


def _stored_told(tenant: str, name: str, finding: Finding) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "template": name,
        "place": list(finding.at),
        "rule": finding.rule,
        "severity": finding.severity,
        "detail": finding.detail,
        "detail_ko": finding.detail_ko,
    }


def _standing_told(standing: Standing) -> dict[str, Any]:
    return {
        "name": standing.name,
        "state": standing.state,
        "code": standing.there.code if standing.there else None,
        "status": standing.there.status if standing.there else None,
        "differs": [
            {"rule": each.rule, "detail": each.detail, "detail_ko": each.detail_ko} for each in standing.differs
        ],
    }


def _print_standings(standings: Sequence[Standing]) -> None:
    rows = [(each.name, each.state, *_there(each.there)) for each in standings]
    if rows:
        print_table(["template", "state", "code", "status"], rows)
    for standing in standings:
        for finding in standing.differs:
            typer.echo(f"{standing.name}: {_place(finding)}: {finding.detail} ({finding.detail_ko}) [{finding.rule}]")


def _there(template: ProviderTemplate | None) -> tuple[str, str]:
    return (template.code, template.status) if template else ("", "")


def _did(pushed: Pushed) -> str:
    if pushed.error:
        return f"not pushed: {pushed.error.code}"
    return {"new": "registered", "changed": "changed"}.get(pushed.standing.state, "unchanged")


def _pushed_told(pushed: Pushed) -> dict[str, Any]:
    told = _standing_told(pushed.standing) | {"did": _did(pushed)}
    if pushed.there:
        told |= {"code": pushed.there.code, "status": pushed.there.status}
    return told | ({"error": pushed.error.told} if pushed.error else {})
