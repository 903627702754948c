"""`allim send`: one template to every customer of a file."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.joining import publisher_of, running_stack, with_database
from cli.output import AsJson, examples, print_json, print_table, progress_bar, say
from cli.showing import won
from shared.platform.errors import AllimError
from shared.platform.plurals import counted

if TYPE_CHECKING:
    from shared.campaigns.plan import Sample
    from shared.campaigns.sending import BulkResult, Progress
    from shared.credits.prices.estimates import Estimate
    from shared.messages.routing import Route
    from shared.platform.database import Database

EXAMPLES = examples(
    "allim send --tenant saas --template welcome --customers new.csv --dry-run   # what it would send and cost",
    "allim send --tenant saas --template welcome --customers new.csv --key welcome-2026   # once for this key",
    "allim send --tenant saas --template welcome --customers new.csv --route sms_only --json",
)
PROBLEMS_SHOWN = 20
STOPPED = 128 + 2
"""The exit status of who is interrupted (SIGINT is 2), as shells have it."""


def send(
    tenant: Annotated[str, typer.Option(help="Who sends.")],
    template: Annotated[str, typer.Option(help="The name of a template of the tenant; its active version is sent.")],
    customers: Annotated[
        Path,
        typer.Option(
            help="A CSV file with a header. Columns id and phone; also name, email, company, status, plan, locale; "
            "every other column is what the template knows as data.<column> and customer.attributes.<column>. "
            "As spreadsheets save it, at most 200 MB.",
        ),
    ],
    route: Annotated[
        str, typer.Option(help="alimtalk_first, sms_only, or channels in order: alimtalk,sms.")
    ] = "alimtalk_first",
    key: Annotated[
        str | None,
        typer.Option(
            help="A name for this send. Give it again after an interruption, or after mending bad rows: who got a "
            "message for the key gets no second one. Without it each run is a new send, with a key of its own.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Render and price everything, write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send a template to every customer of a file, some thousand at a time.

    A row that can't be sent is reported with its line and does not stop the others. Customers that are not known yet
    become known; blank cells change nothing about one who is. Wherever it is interrupted, the same command with the
    key that it tells goes on.

    Exits with 1 when nothing was written because the whole can't be done, when it was broken off, when no row could be
    sent, or when a dry run finds that something stands in the way; with 130 when you stop it.
    """
    asked_route = _route(route)
    stack = running_stack()
    reached = _Reached(tenant, template, customers, route, key)

    async def work(database: Database) -> BulkResult:
        from shared.bootstrap import collect_rarely
        from shared.campaigns.sending import preview_bulk, send_bulk
        from shared.customers.files.people import CustomerFile
        from shared.platform.clock import WallClock

        collect_rarely()  # a file's rows are many objects, and none of them cycles
        file = CustomerFile(customers)
        clock = WallClock()
        with _progress(reached, dry_run=dry_run) as on_progress:
            if dry_run:
                return await preview_bulk(
                    database,
                    clock,
                    tenant=tenant,
                    template=template,
                    customers=file,
                    route=asked_route,
                    key=key,
                    on_progress=on_progress,
                )
            return await send_bulk(
                database,
                publisher_of(stack),
                clock,
                tenant=tenant,
                template=template,
                customers=file,
                route=asked_route,
                key=key,
                on_progress=on_progress,
            )

    with_database(stack, "allim_operator", _nothing, tenant=tenant)  # the sending role sees its own tenant alone
    result = _unless_stopped(reached, lambda: with_database(stack, "allim_api", work))
    if as_json:
        print_json({"dry_run": dry_run, **asdict(result)})
    else:
        _show(result, dry_run)
    if (dry_run and not result.preflight.ready) or not (result.queued or result.already):
        raise typer.Exit(1)


@dataclass
class _Reached:
    """What was asked for, and how far it came. `key`: that of the send once it has one."""

    tenant: str
    template: str
    customers: Path
    route: str
    key: str | None
    queued: int = 0

    def command(self, key: str) -> str:
        """What goes on with it."""
        given = ["--tenant", self.tenant, "--template", self.template, "--customers", str(self.customers)]
        return shlex.join(["allim", "send", *given, "--route", self.route, "--key", key])


def _unless_stopped(reached: _Reached, work: Callable[[], BulkResult]) -> BulkResult:
    """Do it. Who stops it, or is stopped, is told in a line what is queued, and the command that goes on."""
    from shared.campaigns.errors import BrokenOffError

    try:
        return work()
    except BrokenOffError as error:
        go_on = reached.command(error.key)
        raise AllimError(error.code, f"{error.detail}; go on with: {go_on}", error.detail_ko) from error
    except KeyboardInterrupt:
        if reached.queued and reached.key:
            told = f"stopped: {counted(reached.queued, 'message')} queued; go on with: {reached.command(reached.key)}"
            told += f" ({reached.queued:,}건 접수 후 중단. 위 명령으로 이어서 보낼 수 있습니다.)"
        else:
            told = "stopped: nothing was queued (접수된 메시지 없이 중단되었습니다.)"
        typer.secho(told, fg=typer.colors.RED, err=True)
        raise typer.Exit(STOPPED) from None


async def _nothing(_: Database) -> None:
    """Asked of a database only to see whether there is such a tenant."""


def _route(given: str) -> Route:
    from shared.messages.routing import parse_route

    try:
        return parse_route(given.split(",") if "," in given else given)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--route") from error


@contextmanager
def _progress(reached: _Reached, *, dry_run: bool) -> Iterator[Callable[[Progress], None]]:
    """Shows how far it is, and remembers it. A key that nobody gave is told as it begins, for who is killed can't."""
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rows]:,} rows"))
    with progress_bar(*columns, TimeElapsedColumn()) as bar:
        task = bar.add_task("rendering", total=1.0, rows=0)

        def show(progress: Progress) -> None:
            if progress.doing == "queueing":
                if progress.key != reached.key:
                    bar.console.print(f"the key of this send is {progress.key}", highlight=False)
                reached.key, reached.queued = progress.key, progress.queued
            doing = "rendering" if dry_run else progress.doing
            bar.update(task, description=doing, completed=progress.share, rows=progress.asked)

        yield show


def _show(result: BulkResult, dry_run: bool) -> None:
    what = (
        f"{result.template} (version {result.template_version}) for {result.tenant}, by {', then '.join(result.route)}"
    )
    if result.left_out:
        what += f"; without {', '.join(result.left_out)}, for which it has no approved words"
    say(what)
    rows: list[tuple[str, object]] = [
        ("rows", f"{result.asked:,}"),
        ("would be queued" if dry_run else "queued", f"{result.queued:,}"),
    ]
    if result.key and not dry_run:
        rows.insert(0, ("key", result.key))
    if result.already:
        rows.append((f"sent before with key {result.key}", f"{result.already:,}"))
    rows += [(f"failed: {reason}", f"{count:,}") for reason, count in result.failed.items()]
    rows += [(f"refused: {code}", f"{count:,}") for code, count in result.refused.items()]
    print_table(["", "messages"], rows)
    if result.preflight.estimate and result.preflight.estimate.messages:
        _show_cost(result.preflight.estimate)
    _show_checks(result)
    if result.problems:
        _show_problems(result)
    if dry_run and result.samples:
        samples = [(one.line, one.customer, one.to, one.channel, _text(one)) for one in result.samples]
        typer.echo("\nThe first of them")
        print_table(["line", "customer", "to", "channel", "text"], samples)


def _show_cost(estimate: Estimate) -> None:
    least, most = won(estimate.at_least), won(estimate.at_most)
    say(f"\nEstimated cost: {least} won" if least == most else f"\nEstimated cost: {least} to {most} won")
    say(f"As recent messages went: {won(estimate.expected)} won")
    costs = [
        (one.channel, won(one.price), f"{one.messages:,}", f"{one.expected_messages:,}", won(one.expected_won))
        for one in estimate.by_channel
    ]
    print_table(["channel", "won each", "leave on it", "will it deliver", "won"], costs)


def _show_checks(result: BulkResult) -> None:
    checks = [
        (check.name, check.verdict, check.code, f"{check.detail}\n({check.detail_ko})")
        for check in result.preflight.checks
    ]
    print_table(["check", "verdict", "code", ""], checks, title="\nBefore it leaves")


def _show_problems(result: BulkResult) -> None:
    shown = result.problems[:PROBLEMS_SHOWN]
    count = sum(result.failed.values()) + sum(result.refused.values())
    title = "\nRows that can't be sent" + (f", the first {len(shown)} of {count:,}" if count > len(shown) else "")
    print_table(
        ["line", "column", "customer", "code", ""],
        [
            (p.line, p.column, p.customer, p.code, f"{p.detail} ({p.detail_ko})" if p.detail_ko else p.detail)
            for p in shown
        ],
        title=title,
    )


def _text(sample: Sample) -> str:
    return f"[{sample.subject}] {sample.text}" if sample.subject else sample.text
