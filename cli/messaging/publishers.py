"""`allim publishers`: who may publish events for some tenants alone, on the stack that is up here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.errors import CommandError
from cli.joining import require_tenant, run_with_database, running_stack
from cli.output import AsJson, examples, print_json, print_table

if TYPE_CHECKING:
    from pathlib import Path

    from shared.platform.database import Database
    from shared.platform.pubsub.publishers import Bound

NAME = re.compile(r"[a-z][a-z0-9-]{1,39}")
SOURCE_CHARACTERS = 200

app = typer.Typer(
    help="Who may publish for some tenants and sources alone, here; in the cloud Terraform's `publishers` says it.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="The publisher's name.", metavar="PUBLISHER")]


@app.command("list", epilog=examples("allim publishers list", "allim publishers list --json"))
def list_(as_json: AsJson = False) -> None:
    """List the publishers, the topic of each, and what it may say there."""
    from local.topics import read_publishers

    running_stack()
    found = read_publishers(_file())
    if as_json:
        print_json([_told(publisher) for publisher in found])
    elif found:
        rows = [(each.name, each.topic, ", ".join(each.tenants), ", ".join(each.sources) or "any") for each in found]
        print_table(["publisher", "topic", "tenants", "sources"], rows)
    else:
        typer.echo("no publishers that are bound: who publishes to subscription-events speaks for every tenant")


@app.command(
    epilog=examples(
        "allim publishers add app --tenant saas                              # for saas, as any source",
        "allim publishers add app --tenant saas --source '//app.example/*'   # as those that begin so",
        "allim publish signup.json --topic subscription-events-app           # what it then publishes to",
    )
)
def add(
    name: Name,
    tenant: Annotated[list[str], typer.Option(help="For whom it may speak; may be given several times.")],
    source: Annotated[
        list[str] | None,
        typer.Option(help="As what, whole or its beginning and *; may be given several times. (Default: anything.)"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a publisher a topic of its own, or change what it may say there.

    What else it says is a dead letter, publisher_not_allowed.
    """
    from local.topics import read_publishers, topic_of, write_publishers
    from local.topology import create
    from shared.platform.pubsub.publishers import Bound

    stack = running_stack()
    if not NAME.fullmatch(name):
        raise CommandError(
            f"bad_publisher: {name!r} won't do; write 2 to 40 of a-z, 0-9 and -, the first a letter "
            "(영문 소문자로 시작하는 2~40자의 영문 소문자, 숫자, -로 쓰세요.)"
        )
    for one in source or []:
        if not one or len(one) > SOURCE_CHARACTERS or "*" in one[:-1]:
            raise CommandError(
                f"bad_source: {one!r} won't do; write a source, or its beginning and one * behind it "
                "(source 전체 또는 앞부분 뒤에 * 하나를 쓰세요.)"
            )

    async def look(database: Database) -> None:
        for one in tenant:
            await require_tenant(database, one)

    run_with_database(stack.role_database_urls["allim_operator"], look)
    publisher = Bound(name, tuple(sorted(set(tenant))), tuple(sorted(set(source or []))))
    file = _file()
    create(topic_of(publisher, stack.functions), stack.pubsub_emulator_host, stack.project)
    write_publishers(file, [*(each for each in read_publishers(file) if each.name != name), publisher])
    if as_json:
        print_json(_told(publisher))
    else:
        sources = ", ".join(publisher.sources) or "any source"
        typer.echo(f"{name} publishes to {publisher.topic}: for {', '.join(publisher.tenants)}, as {sources}")


@app.command(epilog=examples("allim publishers remove app"))
def remove(name: Name, as_json: AsJson = False) -> None:
    """Take a publisher's topic away. What it published and nobody has taken yet is lost."""
    from local.topics import read_publishers, topic_of, write_publishers
    from local.topology import remove as take_away

    stack = running_stack()
    file = _file()
    kept = read_publishers(file)
    gone = next((each for each in kept if each.name == name), None)
    if gone is None:
        raise CommandError(f"unknown_publisher: there is no publisher {name}; `allim publishers list` shows them")
    take_away(topic_of(gone, stack.functions), stack.pubsub_emulator_host, stack.project)
    write_publishers(file, [each for each in kept if each is not gone])
    if as_json:
        print_json({"removed": name})
    else:
        typer.echo(f"removed {name} and {gone.topic}")


def _file() -> Path:
    from local.home import Home

    return Home.default().publishers_file


def _told(publisher: Bound) -> dict[str, Any]:
    return {
        "name": publisher.name,
        "topic": publisher.topic,
        "tenants": publisher.tenants,
        "sources": publisher.sources,
    }
