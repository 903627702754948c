"""`allim tenants`: the businesses that send."""

from __future__ import annotations

import getpass
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from cli.credits.database import DatabaseUrl, with_ledger
from cli.operations import tenant_files
from cli.output import AsJson, examples, print_json, print_table
from cli.showing import clock_time, numbers, won

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.platform.database import Connection
    from shared.tenants.overview_store import AccountLine, HistoryLine, Overview

Result = TypeVar("Result")
HISTORY_SHOWN = 20

app = typer.Typer(
    help="The businesses that send: look at them, add and check their files, suspend and resume them.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

TenantId = Annotated[str, typer.Argument(help="The tenant's id.", metavar="TENANT")]
By = Annotated[str | None, typer.Option(help="Who does it. (Default: who is logged in here.)", show_default=False)]


@app.command(
    "list",
    epilog=examples("allim tenants list", "allim tenants list --json"),
)
def list_(as_json: AsJson = False, database_url: DatabaseUrl = None) -> None:
    """List the tenants: their plan, what they can spend, how much they have, and whether they may send."""
    from shared.tenants.overview_store import read_overviews

    found = with_ledger(database_url, read_overviews)
    if as_json:
        print_json(numbers([asdict(tenant) for tenant in found]))
    elif found:
        columns = ["tenant", "name", "state", "plan", "won", "workflows", "templates", "customers", "waiting"]
        print_table(columns, [_row(tenant) for tenant in found])
    else:
        typer.echo("no tenants; `allim tenants new FOLDER` and `allim tenants add FOLDER` make one")


def _row(tenant: Overview) -> tuple[object, ...]:
    return (
        tenant.id,
        tenant.name,
        "suspended" if tenant.suspended_at else "active",
        tenant.plan,
        won(tenant.available),
        f"{tenant.workflows:,}",
        f"{tenant.templates:,}",
        f"{tenant.customers:,}",
        f"{tenant.waiting:,}",
    )


@dataclass(frozen=True)
class _Shown:
    """A tenant with all that `show` tells of it."""

    tenant: Overview
    accounts: Sequence[AccountLine]
    history: Sequence[HistoryLine]


@app.command(epilog=examples("allim tenants show saas", "allim tenants show saas --json"))
def show(tenant: TenantId, as_json: AsJson = False, database_url: DatabaseUrl = None) -> None:
    """Show one tenant: what it sends by, what it has, and who suspended and resumed it, and why."""

    async def work(connection: Connection) -> _Shown:
        from shared.tenants.overview_store import read_accounts, read_history, read_overviews

        [found] = await read_overviews(connection, tenant)
        accounts = [account for account in await read_accounts(connection, tenant) if account.active]
        return _Shown(found, accounts, await read_history(connection, tenant, limit=HISTORY_SHOWN))

    shown = with_ledger(database_url, work, tenant=tenant)
    if as_json:
        accounts, history = ([asdict(line) for line in lines] for lines in (shown.accounts, shown.history))
        print_json(numbers({**asdict(shown.tenant), "accounts": accounts, "history": history}))
        return
    found = shown.tenant
    sends_by = "; ".join(f"{a.provider}, account {a.id}, from {a.sender}" for a in shown.accounts) or "nothing"
    suspended = f"suspended since {clock_time(found.suspended_at)}" if found.suspended_at else "active"
    rows = [
        ("name", found.name),
        ("since", clock_time(found.created_at)),
        ("state", suspended),
        ("plan", found.plan),
        ("can spend", f"{won(found.available)} won"),
        ("sends by", sends_by),
        ("how fast", _how_fast(found.messages_per_second, found.burst)),
        ("Kakao channel", found.kakao_channel or "none"),
        ("workflows", f"{found.workflows:,}"),
        ("templates", f"{found.templates:,}"),
        ("customers", f"{found.customers:,}, in {found.groups:,} groups"),
        ("waiting to be sent", f"{found.waiting:,} messages"),
    ]
    print_table(["", ""], rows, title=found.id)
    if shown.history:
        lines = [(clock_time(line.created_at), line.what, line.done_by, line.why) for line in shown.history]
        print_table(["when (Seoul)", "what", "by", "why"], lines)


def _how_fast(messages_per_second: int | None, burst: int | None) -> str:
    if messages_per_second is None:
        return "as fast as its provider takes"
    return f"{messages_per_second:,} messages a second at most, {burst:,} at once after a rest"


@app.command(
    epilog=examples(
        "allim tenants rate saas --per-second 50",
        "allim tenants rate saas --per-second 50 --burst 1000 --account main",
        "allim tenants rate saas --no-limit",
    )
)
def rate(
    tenant: TenantId,
    per_second: Annotated[int | None, typer.Option(help="Messages a second at most.", show_default=False)] = None,
    burst: Annotated[
        int | None,
        typer.Option(help="Messages at once after a rest. (Default: ten seconds' worth.)", show_default=False),
    ] = None,
    no_limit: Annotated[bool, typer.Option("--no-limit", help="As fast as its provider takes them.")] = False,
    account: Annotated[str, typer.Option(help="Its account at the provider.")] = "main",
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Say how fast messages leave by a tenant's account; those beyond that wait, and are not tried in vain.

    Tenants that send by the very same account at the provider share its rate, each as much as the others.
    """
    if (per_second is None) != no_limit or (burst is not None and no_limit):
        raise typer.BadParameter("give --per-second, with --burst or without, or --no-limit")

    async def work(connection: Connection) -> list[str]:
        from shared.tenants.pacing import limit_rate

        return await limit_rate(connection, tenant, account, per_second, burst)

    tenants = with_ledger(database_url, work, tenant=tenant)
    if as_json:
        print_json({"tenants": tenants, "account": account, "messages_per_second": per_second})
    else:
        typer.echo(
            f"{', '.join(tenants)}: {'no limit' if no_limit else f'{per_second:,} messages a second'} from now on"
        )


@app.command(
    epilog=examples(
        'allim tenants suspend saas --why "미납 2개월"',
        'allim tenants suspend saas --why "spam reported by KISA" --by kim --json',
    )
)
def suspend(
    tenant: TenantId,
    why: Annotated[str, typer.Option(help="Why, for whoever looks later.")],
    by: By = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Let nothing of a tenant leave until it is resumed. Sends are refused; messages of workflows wait.

    Its events are kept and its runs go on. A message whose moment is over before it is resumed ends as expired
    (tenant_suspended). What a provider has already is reported, charged and given back as ever.
    """

    async def work(connection: Connection) -> None:
        from shared.platform.clock import WallClock
        from shared.tenants.suspending import suspend as suspend_now

        await suspend_now(connection, tenant, why=why, by=by or getpass.getuser(), now=WallClock().now())

    with_ledger(database_url, work, tenant=tenant)
    _done(tenant, "suspended", "nothing of it leaves until `allim tenants resume`", as_json)


@app.command(epilog=examples("allim tenants resume saas", "allim tenants resume saas --by kim --json"))
def resume(tenant: TenantId, by: By = None, as_json: AsJson = False, database_url: DatabaseUrl = None) -> None:
    """Let a tenant send again. What waits and is still in time leaves within seconds; what is late stays silent."""

    async def work(connection: Connection) -> None:
        from shared.messages.resuming import resume_sending
        from shared.platform.clock import WallClock

        await resume_sending(connection, tenant, by=by or getpass.getuser(), now=WallClock().now())

    with_ledger(database_url, work, tenant=tenant)
    _done(tenant, "resumed", "what waits and is still in time leaves now", as_json)


def _done(tenant: str, what: str, meaning: str, as_json: bool) -> None:
    if as_json:
        print_json({"tenant": tenant, "state": what})
    else:
        typer.echo(f"{tenant} is {what}: {meaning}")


app.command(epilog=tenant_files.NEW)(tenant_files.new)
app.command(epilog=tenant_files.CHECK)(tenant_files.check)
app.command(epilog=tenant_files.DIFF)(tenant_files.diff)
app.command(epilog=tenant_files.ADD)(tenant_files.add)
