"""`allim dead-letters`: what could not be understood or done, why, and what becomes of it."""

from __future__ import annotations

import getpass
import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar
from uuid import UUID

import typer

from cli.errors import CommandError
from cli.joining import run_with_database, running_stack_if_any
from cli.output import AsJson, examples, print_json, print_table, progress_bar, room, say
from cli.showing import clock_time
from shared.platform.plurals import counted

if TYPE_CHECKING:
    from shared.operations.dead_letters.store import Letter, Which
    from shared.platform.database import Database
    from shared.platform.pubsub import PubSubPublisher

ROLE = "allim_replayer"
DIGITS_SHOWN = 8
Result = TypeVar("Result")

app = typer.Typer(
    help="What could not be understood or done: list it with the reason, replay it, or drop it.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Ids = Annotated[list[str] | None, typer.Argument(help="Ids, or the beginnings of some.", show_default=False)]
Tenant = Annotated[str | None, typer.Option(help="Only this tenant's.")]
Source = Annotated[str | None, typer.Option(help="Only those that this function refused.")]
ReasonCode = Annotated[str | None, typer.Option("--reason", help="Only those with this reason, such as undeliverable.")]
All = Annotated[bool, typer.Option("--all", help="All open ones, or with the filters, all of these.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before many are changed.")]
State = Literal["open", "replayed", "dropped", "any"]


@app.command(
    "list",
    epilog=examples(
        "allim dead-letters list                             # what waits for a decision, newest first",
        "allim dead-letters list --reason undeliverable --tenant saas",
        "allim dead-letters list --state dropped --json      # what was put aside, by whom and why",
    ),
)
def list_(
    tenant: Tenant = None,
    source: Source = None,
    reason: ReasonCode = None,
    state: Annotated[State, typer.Option(help="What was decided about them.")] = "open",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="So many at most.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List dead letters, the most recently refused first, and say what their reasons mean and what to do."""
    from shared.operations.dead_letters.letters import explain, readable
    from shared.operations.dead_letters.store import Which, neighbours, read_letters
    from shared.platform.ids import beginnings

    which = Which(tenant, source, reason, None if state == "any" else state)

    async def work(database: Database) -> tuple[list[Letter], dict[UUID, str]]:
        await _require_reason(database, reason)
        async with database.connection() as connection:
            letters = await read_letters(connection, which, limit)
            ids = [letter.id for letter in letters]
            if room() is None:
                return letters, {id_: str(id_) for id_ in ids}
            return letters, beginnings(ids, await neighbours(connection, ids), least=DIGITS_SHOWN)

    letters, ids = _with_database(work)
    if not letters and tenant is not None:
        _require_tenant(tenant)
    if as_json:
        print_json([_told(letter) for letter in letters])
        return
    if not letters:
        typer.echo("no dead letters")
        return
    rows = [
        (
            ids[one.id],
            clock_time(one.received_at),
            one.tenant,
            one.source,
            one.reason,
            one.state,
            one.failures,
            readable(one.detail),
        )
        for one in letters
    ]
    print_table(["id", "refused (Seoul)", "tenant", "source", "reason", "state", "times", "detail"], rows)
    for code in sorted({one.reason for one in letters}):
        say(f"\n{code}: {explain(code).means}\n  {explain(code).means_ko}")


@app.command(
    epilog=examples(
        "allim dead-letters show 0f9c1c2e-8d65-4f0e-9b8e-0a6c0d5d8f11",
        "allim dead-letters show 0f9c --json       # the beginning of an id is enough, as long as it is one letter's",
    )
)
def show(
    letter: Annotated[str, typer.Argument(help="An id, or the beginning of it.")],
    as_json: AsJson = False,
) -> None:
    """Show one dead letter with its data, of which 4,000 characters are printed, phone numbers masked."""
    from shared.operations.dead_letters.letters import explain, printable
    from shared.operations.dead_letters.store import Which, read_body, read_letters

    async def work(database: Database) -> tuple[Letter, bytes]:
        found = await _named(database, letter)
        async with database.connection() as connection:
            [whole] = await read_letters(connection, Which(ids=[found]), 1)
            return whole, await read_body(connection, found)

    found, body = _with_database(work)
    told = _told(found)
    if as_json:
        print_json({**told, "data": printable(body)})
        return
    shown = {name: value for name, value in told.items() if value is not None and name not in ("means", "means_ko")}
    print_table(["", ""], [(name, str(value)) for name, value in shown.items()])
    say(f"\n{explain(found.reason).means}\n{explain(found.reason).means_ko}\n\nIts data")
    typer.echo(printable(body))


@app.command(
    epilog=examples(
        "allim dead-letters replay 0f9c 1a2b                        # these two",
        "allim dead-letters replay --all --reason undeliverable     # asks first; --yes does not",
        "allim dead-letters replay --tenant saas --source on_subscription_event --yes --json",
    )
)
def replay(
    letters: Ids = None,
    tenant: Tenant = None,
    source: Source = None,
    reason: ReasonCode = None,
    everything: All = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Publish open dead letters again to the topics that they came from. Twice does no harm.

    One that fails again is open again, and counted. In the cloud: DATABASE_URL and GOOGLE_CLOUD_PROJECT.
    """
    from shared.operations.dead_letters.replaying import Replayed
    from shared.operations.dead_letters.replaying import replay as publish_again
    from shared.platform.clock import WallClock

    publisher = _publisher()

    async def work(database: Database) -> Replayed:
        which, count = await _chosen(database, letters, (tenant, source, reason), everything)
        which = replace(which, state="open")
        _confirm(yes or which.ids is not None, f"Replay {counted(count, 'dead letter')}?", count)
        with progress_bar() as bar:
            task = bar.add_task("replaying", total=count)
            return await publish_again(
                database, publisher, WallClock(), which, on_progress=lambda more: bar.advance(task, more)
            )

    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    try:
        done = _with_database(work)
    except (GoogleAPIError, GoogleAuthError) as error:
        raise CommandError(f"publish_failed: {error}; what is still open can be replayed again") from error
    published = sum(done.published.values())
    if not published and not done.left and tenant is not None:
        _require_tenant(tenant)
    if as_json:
        print_json({"replayed": published, "topics": done.published, "left": done.left})
        return
    topics = ", ".join(f"{count:,} to {topic}" for topic, count in sorted(done.published.items()))
    typer.echo(f"replayed {published:,}" + (f": {topics}" if topics else ""))
    if done.left:
        say(f"left {done.left:,} whose reason no replay can mend: `allim dead-letters list` says what can")


@app.command(
    epilog=examples(
        'allim dead-letters drop 0f9c --why "the sender published it corrected"',
        'allim dead-letters drop --all --reason not_json --why "a scanner" --yes',
    )
)
def drop(
    letters: Ids = None,
    tenant: Tenant = None,
    source: Source = None,
    reason: ReasonCode = None,
    everything: All = False,
    why: Annotated[str, typer.Option(help="For whoever asks later; up to 500 characters.")] = "",
    by: Annotated[str | None, typer.Option(help="Who decides. (Default: your login.)", show_default=False)] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Put dead letters aside for good. Their rows stay, with who did it, when and why."""
    from shared.operations.dead_letters.store import drop_letters
    from shared.platform.clock import WallClock

    if not why.strip() or len(why) > 500:
        raise typer.BadParameter("say why, in up to 500 characters", param_hint="--why")

    async def work(database: Database) -> list[UUID]:
        which, count = await _chosen(database, letters, (tenant, source, reason), everything)
        if which.ids is None:
            which = replace(which, state="open")
        _confirm(yes or which.ids is not None, f"Drop {counted(count, 'dead letter')}?", count)
        async with database.connection() as connection:
            return await drop_letters(
                connection, which, by=by or getpass.getuser(), why=why.strip(), now=WallClock().now()
            )

    dropped = _with_database(work)
    if not dropped and tenant is not None:
        _require_tenant(tenant)
    if as_json:
        print_json({"dropped": len(dropped), "ids": [str(one) for one in dropped]})
    else:
        typer.echo(f"dropped {len(dropped):,}")


def _told(letter: Letter) -> dict[str, Any]:
    """A letter for programs, with what its reason means."""
    from shared.operations.dead_letters.letters import explain, readable, topic_of

    reason = explain(letter.reason)
    told = {**asdict(letter), "detail": readable(letter.detail)}
    told["attributes"] = {name: readable(str(value)) for name, value in letter.attributes.items()}
    told["topic"] = topic_of(letter.source, letter.reason, letter.attributes)
    return {**told, "means": reason.means, "means_ko": reason.means_ko}


async def _chosen(
    database: Database, ids: list[str] | None, filters: tuple[str | None, str | None, str | None], everything: bool
) -> tuple[Which, int]:
    """The letters that were asked for: those named, or those that filters let through; and how many are open."""
    from shared.operations.dead_letters.store import Which, count_letters

    if ids:
        if everything or any(filters):
            raise CommandError("both: give ids, or --all and filters, not both")
        which = Which(ids=[await _named(database, one) for one in ids])
        return which, len(ids)
    if not everything and not any(filters):
        raise CommandError("which: give ids, filters (--tenant, --source, --reason), or --all")
    which = Which(*filters)
    await _require_reason(database, which.reason)
    async with database.connection() as connection:
        return which, await count_letters(connection, replace(which, state="open"))


async def _require_reason(database: Database, reason: str | None) -> None:
    """Raises CommandError `unknown_reason`, with the nearest, for one that neither is ours nor stands in a letter."""
    from shared.contracts.text import nearest
    from shared.operations.dead_letters.letters import REASONS
    from shared.operations.dead_letters.store import Which, read_letters

    if reason is None or reason in REASONS:
        return
    async with database.connection() as connection:
        if await read_letters(connection, Which(reason=reason), 1):
            return
    found = nearest(reason, REASONS)
    meant = f"did you mean {found}?" if found else f"known are {', '.join(REASONS)}"
    raise CommandError(f"unknown_reason: there is no reason {reason}; {meant} (없는 사유입니다.)")


def _require_tenant(tenant: str) -> None:
    """Of a tenant that no letter names: is there one at all? Who replays may not see them, the stack's operator may."""
    stack = running_stack_if_any()
    if stack is not None:
        from cli.joining import require_tenant

        run_with_database(stack.role_database_urls["allim_operator"], lambda database: require_tenant(database, tenant))


async def _named(database: Database, beginning: str) -> UUID:
    """The letter whose id begins like this. Raises CommandError when there is none, or more than one."""
    from shared.operations.dead_letters.store import ids_between
    from shared.platform.ids import ids_beginning

    meant = ids_beginning(beginning)
    found: list[UUID] = []
    if meant is not None:
        async with database.connection() as connection:
            found = await ids_between(connection, *meant)
    if not found:
        raise CommandError(f"unknown_letter: no dead letter's id begins with {beginning!r}")
    if len(found) > 1:
        raise CommandError(f"ambiguous_letter: several ids begin with {beginning!r}; give more of it")
    return found[0]


def _confirm(agreed: bool, question: str, count: int) -> None:
    if not agreed and count and not typer.confirm(question, err=True):
        raise typer.Abort


def _publisher() -> PubSubPublisher:
    from cli.joining import publisher_of
    from shared.platform.pubsub import PubSubPublisher

    stack = running_stack_if_any()
    if stack is not None:
        return publisher_of(stack)
    project = os.environ.get("GOOGLE_CLOUD_PROJECT")
    if not project:
        raise CommandError("no_project: start a stack (`allim up`), or set GOOGLE_CLOUD_PROJECT")
    return PubSubPublisher(project, emulator_host=os.environ.get("PUBSUB_EMULATOR_HOST"))


def _with_database(work: Callable[[Database], Awaitable[Result]]) -> Result:
    """Run `work` with the stack's database, as the role of who replays, or else with the one of DATABASE_URL."""
    stack = running_stack_if_any()
    url = stack.role_database_urls[ROLE] if stack is not None else os.environ.get("DATABASE_URL")
    if not url:
        raise CommandError("no_database: start a stack (`allim up`), or set DATABASE_URL")
    return run_with_database(url, work)
