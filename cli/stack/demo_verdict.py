"""The demo's end: its verdict for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from cli.output import print_table
from cli.showing import clock_time, numbers, won
from shared.platform.plurals import counted

if TYPE_CHECKING:
    from local.demo.play import Played
    from local.demo.timeline import Timeline
    from local.demo.verdict import Verdict

DISCREPANCIES_SHOWN = 40
MEANINGS = {
    "3010": "wrong number",
    "1062": "refused by the provider at once",
    "missing_phone": "the customer has none",
    "invalid_phone": "a land line",
    "missing_variable": "the event does not say what the template needs",
}
"""What the demo's failures mean, for people."""

STATUSES = ("delivered", "read", "failed", "cancelled", "expired", "suppressed", "unknown", "sent", "sending", "queued")


def as_data(
    played: Played,
    verdict: Verdict,
    told: Timeline | None,
    *,
    seconds: Mapping[str, float],
    chaos: int | None,
    broker: str,
) -> dict[str, Any]:
    """The verdict and its counts, for programs."""
    return {
        "verdict": "good" if verdict.good else "bad",
        "discrepancies": verdict.discrepancies,
        "events": {"published": played.published, "kept": verdict.events},
        "messages": {
            "expected": len(played.expectation.tellings),
            "expected_delivered": verdict.expected,
            "delivered": verdict.delivered,
            "by_channel": verdict.messages,
            "failed_by_reason": verdict.failed,
            "fell_back": verdict.fell_back,
        },
        "accepted_by_provider": verdict.accepted,
        "spent_won": numbers(verdict.spent),
        "audit": numbers(asdict(verdict.audit)),
        "lateness_seconds": verdict.lateness,
        "dead_letters": verdict.dead_letters,
        "steps_waiting": verdict.waiting,
        "timeline": None if told is None else {"customer": told.customer, "chapters": told.story.chapters},
        "chaos": None if chaos is None else _chaos(played, chaos),
        "broker": broker,
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
    }


def _chaos(played: Played, seed: int) -> dict[str, Any]:
    return {"seed": seed, "kills": played.kills, "pushes_disturbed": played.pushes_disturbed}


def show(
    played: Played,
    verdict: Verdict,
    told: Timeline | None,
    *,
    seconds: Mapping[str, float],
    chaos: int | None,
    broker: str,
) -> None:
    """Print the verdict for people."""
    published = played.published
    typer.echo(f"A day of three businesses, with {broker} Pub/Sub, in {seconds['total']:.0f} s")
    typer.echo(f"{published:,} events published, some twice and some malformed; {verdict.events:,} kept\n")
    if chaos is not None:
        _show_chaos(played, chaos)
    statuses = [status for status in STATUSES if any(status in counts for counts in verdict.messages.values())]
    rows = [
        [channel, *(f"{counts.get(status, 0):,}" for status in statuses)]
        for channel, counts in verdict.messages.items()
    ]
    print_table(["messages by channel", *statuses], rows)
    typer.echo(
        f"{verdict.fell_back:,} of them went from AlimTalk to SMS or LMS; "
        f"{counted(verdict.waiting, 'step waits', 'steps wait')} for later days\n"
    )
    reasons = sorted(verdict.failed.items(), key=lambda entry: -entry[1])
    print_table(["failed because", "messages"], [(f"{reason} {MEANINGS.get(reason, '')}", n) for reason, n in reasons])
    typer.echo()
    print_table(["spent by", "won"], [(tenant, won(amount)) for tenant, amount in verdict.spent.items()])
    audit = verdict.audit
    typer.echo(
        f"audit of {audit.entries:,} ledger entries for {audit.messages:,} messages: "
        f"difference {won(audit.difference)} won, {audit.overdrafts:,} overdrafts, "
        f"{audit.missing:,} missing, {audit.untraced:,} untraced\n"
    )
    if late := verdict.lateness:
        made = ("made", _ms(late.made_p50), _ms(late.made_p99))
        taken = ("at the provider", _ms(late.accepted_p50), _ms(late.accepted_p99))
        print_table([f"lateness of {late.reminders:,} reminders", "p50, ms", "p99, ms"], [made, taken])
        typer.echo()
    print_table(["dead letters", "number"], sorted(verdict.dead_letters.items()))
    typer.echo()
    if told is not None:
        _show_story(told)
    _show_judgement(verdict, played)


def _show_chaos(played: Played, seed: int) -> None:
    typer.echo(f"Chaos {seed}: {played.kills} functions killed; the provider's answers lost, its reports repeated,")
    typer.echo("late and reordered")
    if played.pushes_disturbed:
        typer.echo("Pushes came twice and overtook each other\n")
    else:
        typer.echo(
            "Google's emulator can't be asked to disturb pushes, and forgets those that were refused: pushes were"
        )
        typer.echo("left alone, and on_subscription_event was not killed (with --broker built-in both happens)\n")


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f}"


def _show_story(told: Timeline) -> None:
    about = told.story.message
    print_table(
        [f"{about.template} for {told.customer}", "", ""],
        [(clock_time(chapter.at), chapter.what, chapter.sentence) for chapter in told.story.chapters],
    )
    typer.echo()


def _show_judgement(verdict: Verdict, played: Played) -> None:
    expected = len(played.expectation.tellings)
    if verdict.good:
        good = (
            f"GOOD: of {expected:,} messages expected, all {verdict.expected:,} that can arrive did, exactly once by\n"
            f"the provider's own account of {verdict.accepted:,} acceptances; the others failed for the right reason,\n"
            "and nobody heard what they should not"
        )
        typer.secho(good, fg=typer.colors.GREEN)
        return
    for sentence in verdict.discrepancies[:DISCREPANCIES_SHOWN]:
        typer.secho(f"- {sentence}", fg=typer.colors.RED)
    if (more := len(verdict.discrepancies) - DISCREPANCIES_SHOWN) > 0:
        typer.secho(f"- and {more:,} more (all of them with --json)", fg=typer.colors.RED)
    typer.secho(f"BAD: {len(verdict.discrepancies):,} discrepancies", fg=typer.colors.RED, bold=True)
