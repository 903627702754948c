"""`allim plans`: what plans there are, which one a tenant has, and changing it with the price shown before."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from cli.credits.database import DatabaseUrl, Tenant, with_credits, with_ledger
from cli.errors import CommandError
from cli.joining import owners_database_url
from cli.output import AsJson, examples, print_json, print_table
from cli.showing import clock_time, numbers, won

if TYPE_CHECKING:
    from shared.credits.plans.plans import Part, Quote, Subscription
    from shared.credits.plans.quota import Quota
    from shared.credits.plans.store import HistoryEntry
    from shared.credits.plans.subscribing import Plans
    from shared.platform.database import Connection, Database
    from shared.platform.settings import Settings

Result = TypeVar("Result")
HISTORY_SHOWN = 20

app = typer.Typer(
    help="Plans FREE, BASIC and PRO: quotas, upgrades by the day, downgrades at the period's end, refunds.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask whether the price is right.")]


@app.command("list", epilog=examples("allim plans list", "allim plans list --json"))
def list_plans(as_json: AsJson = False) -> None:
    """Show the plans: what a month costs, and what each allows."""
    from shared.credits.plans.plans import PLANS

    if as_json:
        print_json(numbers([asdict(plan) for plan in PLANS.values()]))
        return
    print_table(
        ["plan", "won a month", "messages a month"],
        [(plan.name, won(plan.fee), f"{plan.messages:,}") for plan in PLANS.values()],
    )


@dataclass(frozen=True)
class _Shown:
    """A tenant's plan, with all that `show` tells of it. `next_try_at`: of one that is past due, when its card is
    charged again; None when it is not any more."""

    subscription: Subscription
    next_try_at: dt.datetime | None
    quota: Quota
    history: list[HistoryEntry]

    def fields(self) -> dict[str, Any]:
        return {
            **asdict(self.subscription),
            "next_try_at": self.next_try_at,
            "quota": {**asdict(self.quota), "left": self.quota.left},
            "history": [asdict(entry) for entry in self.history],
        }


@app.command(epilog=examples("allim plans show --tenant saas", "allim plans show --tenant saas --json"))
def show(tenant: Tenant, as_json: AsJson = False, database_url: DatabaseUrl = None) -> None:
    """Show a tenant's plan: what it has paid, what comes next, the messages left, and what happened to it."""

    async def work(database: Database) -> _Shown:
        from shared.credits.plans.plans import due_at
        from shared.credits.plans.quota import read_quota
        from shared.credits.plans.store import read_history, read_subscriptions
        from shared.platform.clock import WallClock

        async with database.transaction() as connection:
            quota = await read_quota(connection, tenant, WallClock().now())
            [has] = await read_subscriptions(connection, tenant)
            return _Shown(
                subscription=has,
                next_try_at=due_at(has) if has.status == "past_due" else None,
                quota=quota,
                history=await read_history(connection, tenant, HISTORY_SHOWN),
            )

    found = with_credits(database_url, work, tenant=tenant, pool_size=2)
    if as_json:
        print_json(numbers(found.fields()))
        return
    has, quota = found.subscription, found.quota
    print_table(
        ["what", "value"],
        [
            ("plan", has.plan + (", past due" if has.status == "past_due" else "")),
            ("paid", _paid(has)),
            ("then", "FREE" if has.granted_until else has.next_plan or has.plan),
            ("messages", f"{quota.used:,} of {quota.allowed:,} until {_last(quota.period.end)}"),
            *([("charged again", clock_time(found.next_try_at))] if found.next_try_at else []),
            *([("under way", has.pending_order)] if has.pending_order else []),
        ],
        title=tenant,
    )
    if found.history:
        print_table(
            ["time (Seoul)", "what", "from", "to", "won", "detail"],
            [
                (
                    clock_time(entry.created_at),
                    entry.reason.replace("_", " "),
                    entry.from_plan,
                    entry.to_plan,
                    won(entry.amount) if entry.amount else None,
                    entry.detail,
                )
                for entry in found.history
            ],
            title="\nHistory",
        )


def _paid(has: Subscription) -> str:
    if has.granted:
        return f"granted until {_last(has.granted_until)}" if has.granted_until else "granted, until it is changed"
    return f"{has.period.start} to {_last(has.period.end)}" if has.period else "nothing to pay"


def _last(end: dt.date) -> dt.date:
    """The last day of what is over on `end`: people say until, and mean that day too."""
    return end - dt.timedelta(days=1)


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise CommandError(
            f"bad_until: {text!r} is not a day: write it as 2027-03-01 (날짜는 2027-03-01 형식으로 입력해 주세요.)"
        ) from error


@app.command(
    epilog=examples(
        'allim plans grant --tenant saas --plan PRO --why "pays by bank transfer"',
        'allim plans grant --tenant saas --plan BASIC --until 2027-03-01 --why "three months to try"',
        'allim plans grant --tenant saas --plan FREE --why "the trial is over" --json',
    )
)
def grant(
    tenant: Tenant,
    plan: Annotated[str, typer.Option(help="BASIC or PRO; FREE ends one that was granted.")],
    why: Annotated[str, typer.Option(help="For the plan's history.")],
    until: Annotated[
        str | None,
        typer.Option(help="The first day (Seoul) without it, such as 2027-03-01. (Default: none.)", show_default=False),
    ] = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Give a plan without a card, as the operator.

    Nobody is charged for it. It goes on from month to month until --until, until another is granted, or until the
    business changes it: then that is charged as if it had none.
    """
    end = _day(until) if until else None

    async def work(connection: Connection) -> Subscription:
        from shared.credits.plans import granting
        from shared.credits.plans.subscribing import plan_named
        from shared.platform.clock import WallClock

        return await granting.grant(connection, tenant, plan_named(plan), WallClock().now(), why=why, until=end)

    has = with_ledger(database_url, work, tenant=tenant)
    if as_json:
        print_json(numbers(asdict(has)))
    else:
        typer.echo(f"{tenant} has {has.plan}, {_paid(has)}")


@app.command(
    epilog=examples(
        "allim plans quote --tenant saas --to PRO     # what an upgrade costs today",
        "allim plans quote --tenant saas --to BASIC   # when a downgrade comes",
        "allim plans quote --tenant saas --cancel     # what would be given back",
    )
)
def quote(
    tenant: Tenant,
    to: Annotated[str | None, typer.Option(help="The plan: FREE, BASIC or PRO.")] = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="Ending the plan now.")] = False,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Show what a change would cost or give back, and from when. Nothing changes."""
    if (to is None) != cancel:
        raise typer.BadParameter("choose one of --to and --cancel")
    _tell(_with_plans(database_url, tenant, lambda plans: _quoted(plans, tenant, to)), as_json, done=False)


@app.command(
    epilog=examples(
        "allim plans change --tenant saas --to PRO      # shows the price, asks, charges the registered card",
        "allim plans change --tenant saas --to FREE     # at the end of what is paid",
        "allim plans change --tenant saas --to PRO --yes --json",
    )
)
def change(
    tenant: Tenant,
    to: Annotated[str, typer.Option(help="The plan. The one that it has undoes what was scheduled.")],
    yes: Yes = False,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Change a plan: more at once, for the days that are left; less at the end of what is paid."""
    shown = _with_plans(database_url, tenant, lambda plans: _quoted(plans, tenant, to))
    _agree(shown, yes, as_json)
    done = _with_plans(database_url, tenant, lambda plans: plans.change(tenant, shown.to_plan, shown=shown.charge))
    _tell(done, as_json, done=True)


@app.command(
    epilog=examples(
        "allim plans cancel --tenant saas               # shows the refund, asks, and gives it back",
        "allim plans cancel --tenant saas --at-end      # keeps it until the end of what is paid",
        "allim plans cancel --tenant saas --yes --json",
    )
)
def cancel(
    tenant: Tenant,
    at_end: Annotated[bool, typer.Option("--at-end", help="At the end of what is paid, without a refund.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """End a plan now and give back what was not used of it, or end it when what is paid is over."""
    shown = _with_plans(database_url, tenant, lambda plans: _quoted(plans, tenant, "FREE" if at_end else None))
    _agree(shown, yes, as_json)

    async def work(plans: Plans) -> Quote:
        if at_end:
            return await plans.change(tenant, "FREE", shown=shown.charge)
        return await plans.cancel(tenant, shown=shown.refund)

    _tell(_with_plans(database_url, tenant, work), as_json, done=True)


async def _quoted(plans: Plans, tenant: str, to: str | None) -> Quote:
    from shared.credits.plans.subscribing import plan_named

    return await (plans.quote_cancel(tenant) if to is None else plans.quote_change(tenant, plan_named(to)))


def _agree(shown: Quote, yes: bool, as_json: bool) -> None:
    if yes or shown.action == "none":
        return
    if as_json:
        raise typer.BadParameter("--json asks nothing: give --yes too, after `allim plans quote --json`")
    _tell(shown, False, done=False)
    typer.confirm("Do it?", abort=True)


def _tell(told: Quote, as_json: bool, *, done: bool) -> None:
    if as_json:
        print_json(numbers({"done": done, **asdict(told)}))
        return
    if told.action == "none":
        typer.echo(f"{told.tenant} has {told.from_plan}: nothing to change")
        return
    print_table(
        ["what", "value"],
        [
            ("plan", f"{told.from_plan} → {told.to_plan}"),
            ("from", told.on),
            ("charged" if done else "to be charged", f"{won(told.charge)} won{_how_charged(told)}"),
            ("given back" if done else "to be given back", f"{won(told.refund)} won"),
            ("then", f"{won(told.fee)} won a month from {told.renews_on}" if told.renews_on else "nothing more"),
        ],
        title=told.tenant,
    )
    if told.parts:
        print_table(
            ["payment", "won", "days left", "messages left", "given back"],
            [(number, won(part.amount), *_left(part), won(part.refund)) for number, part in enumerate(told.parts, 1)],
            title="\nOf each payment the smaller unused share (결제마다 덜 남은 쪽의 비율로 환불합니다)",
        )


def _how_charged(told: Quote) -> str:
    """How an upgrade's price comes about; nothing of everything else."""
    if not told.days:
        return ""
    return f" = ({won(told.fee)} - {won(told.from_fee)}) x {told.days_left} of {told.days} days"


def _left(part: Part) -> tuple[str, str]:
    """What is left of a payment's days and messages, and what share of them counts."""
    days = "all: within 7 days" if part.withdrawn else f"{part.days_left} of {part.days}"
    return days, f"{part.messages_left:,} of {part.messages:,}"


def _settings(database_url: str | None) -> Settings:
    """Who takes the money: the stack that is up here, else whom the environment names."""
    from local.home import Home
    from local.stack import Stack
    from shared.platform.settings import Settings

    url = database_url or owners_database_url()
    if Home.default().is_supervised():
        return replace(Stack.load().owners_settings(), database_url=url)
    if missing := [name for name in ("TOSS_SECRET_KEY", "ALLIM_ENCRYPTION_KEY") if not os.environ.get(name)]:
        raise CommandError(f"no_settings: set {missing[0]}, or start a stack (`allim up`)")
    given = {name.lower(): value for name, value in os.environ.items()}
    return Settings.of({"google_cloud_project": "", **given, "database_url": url})


def _with_plans(database_url: str | None, tenant: str, work: Callable[[Plans], Awaitable[Result]]) -> Result:
    """Run `work` with the plans of a database and a merchant at Toss."""
    import asyncio

    from cli.joining import require_tenant
    from shared.bootstrap import Parts, database, plans, toss
    from shared.platform.clock import WallClock
    from shared.providers import ProviderError

    settings = _settings(database_url)

    async def run() -> Result:
        parts = Parts(settings, WallClock())
        try:
            await require_tenant(database(parts), tenant)
            return await work(plans(parts))
        finally:
            await toss(parts).close()
            await database(parts).close()

    try:
        return asyncio.run(run())
    except ProviderError as error:
        raise CommandError(
            f"payment_undecided: {error}; a sweep decides it within minutes: `allim plans show` (결제 확인 중입니다.)"
        ) from error
