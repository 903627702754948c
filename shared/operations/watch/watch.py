"""Each minute: look, write down what fires, tell people what they have not heard.

An alert is claimed before it is told and marked after. So a crash in between costs at most ten minutes of silence and
never a second message within them; and as long as it is not marked as told, it will be told, also when it is over.
"""

from __future__ import annotations

import asyncio
import datetime as dt

from shared.operations.health.checks import State, away, checks
from shared.operations.health.figures import Figures
from shared.operations.health.reading import AWAY, read_figures
from shared.operations.watch.alerts import PLATFORM, alerts, of_check
from shared.operations.watch.slack import write
from shared.operations.watch.store import (
    Notice,
    decide_changed_alerts,
    decide_due_notices,
    mark_told_and_decide_owed,
    release,
)
from shared.platform.clock import Clock
from shared.platform.database import Database
from shared.platform.ids import new_id
from shared.platform.logs import log
from shared.platform.loops.sweeps import Limits, Sweep
from shared.providers.slack import Slack, SlackAwayError, SlackUndecidedError

SPACING = dt.timedelta(minutes=10)
"""Between two messages that the same alert is open."""

REMIND = dt.timedelta(days=1)
"""An alert that is still open is told again."""

NOTICES_A_WATCH = 20
"""Slack takes about one message a second. What is left over is told a minute later."""

LIMITS = Limits(at_once=1, patience=dt.timedelta(seconds=20), work_for=dt.timedelta(seconds=100))
"""Of telling. One by one, for Slack shows them in the order in which they come."""

LONGEST_LOOK_SECONDS = 20.0

NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)


class Watch:
    """Watches.

    Args:
        database: a role that reads figures and keeps notices.
        slack: where people are told; None: in the log only.
        runbook_url: the folder or address that holds the pages.
        clock: the time.
    """

    def __init__(self, database: Database, slack: Slack | None, runbook_url: str, clock: Clock) -> None:
        self._database = database
        self._slack = slack
        self._runbook_url = runbook_url
        self._clock = clock
        self._away_since: dt.datetime | None = None
        self._away_told_at = NEVER

    async def look(self) -> None:
        """Look once. It is fine to look twice at once, or to miss a minute."""
        try:
            async with asyncio.timeout(LONGEST_LOOK_SECONDS):
                figures = await read_figures(self._database, self._clock)
            await self._told_that_it_is_back()
            await self._tell(figures)
        except AWAY as error:
            await self._tell_that_it_is_away(type(error).__name__)

    async def _tell(self, figures: Figures) -> None:
        looked = checks(figures)
        _count(figures)
        for check in looked:
            if check.state is not State.OK:
                log("watch").warning("%s: %s", check.name, check.sentence, extra={"fields": {"state": check.state}})
        async with self._database.connection() as connection:
            changed = await decide_changed_alerts(connection, alerts(looked, figures), figures.now)
        for change in changed:
            fields = {"kind": change.kind, "tenant": change.tenant or None}
            if change.firing:
                log("notices").warning("alert opened", extra={"fields": fields})
            else:
                log("watch").info("alert is over", extra={"fields": fields})
        await self._post_due(figures.now)

    async def _post_due(self, now: dt.datetime) -> None:
        """Tell what is due, one by one, until there is no more of it or Slack wants silence."""
        claim = new_id(now)
        left = NOTICES_A_WATCH

        async def take(limit: int) -> list[Notice]:
            nonlocal left
            async with self._database.connection() as connection:
                due = await decide_due_notices(
                    connection, claim, now, spacing=SPACING, remind=REMIND, limit=min(limit, left)
                )
            left -= len(due)
            return due

        async def tell(notice: Notice) -> None:
            nonlocal left
            try:
                await self._post(notice)
            except SlackUndecidedError as error:
                # Ours for ten minutes more, then it is told again: late rather than twice.
                log("watch").error("%s", error, extra={"fields": _fields(notice)})
                return
            except SlackAwayError as error:
                log("watch").error("%s", error, extra={"fields": _fields(notice)})
                left = 0
                async with self._database.connection() as connection:
                    await release(connection, [notice], claim, self._clock.now() + error.wait)
                return
            async with self._database.connection() as connection:
                await mark_told_and_decide_owed(connection, notice, claim, self._clock.now())

        await Sweep("notices", take, tell, _fields, self._clock, LIMITS).run()

    async def _post(self, notice: Notice) -> None:
        text = write(notice, self._runbook_url)
        if self._slack is None:
            log("watch").warning("SLACK_WEBHOOK_URL is not set, so nobody is told: %s", text)
        else:
            await self._slack.post(text)

    async def _tell_that_it_is_away(self, error: str) -> None:
        """Without the database nothing can be claimed: this instance, of which there is one, keeps the ten minutes."""
        now = self._clock.now()
        log("watch").error("the database does not answer: %s", error)
        self._away_since = self._away_since or now
        if now - self._away_told_at >= SPACING and await self._posted(self._about_the_database(error, firing=True)):
            self._away_told_at = now

    async def _told_that_it_is_back(self) -> None:
        if self._away_since is None:
            return
        was_told = self._away_told_at >= self._away_since
        if not was_told or await self._posted(self._about_the_database("", firing=False)):
            self._away_since = None

    def _about_the_database(self, error: str, *, firing: bool) -> Notice:
        alert = of_check(away(error))
        assert alert is not None, "it is an alert by its nature"  # noqa: S101
        since = (self._away_since if firing else None) or self._clock.now()
        detail = alert.detail if firing else ""
        return Notice(PLATFORM, alert.kind, firing, not firing, since, "", "", detail)

    async def _posted(self, notice: Notice) -> bool:
        """Whether it was, or may have been; where it was not, the next minute tries again."""
        try:
            await self._post(notice)
        except (SlackAwayError, SlackUndecidedError) as error:
            log("watch").error("%s", error, extra={"fields": {"kind": notice.kind}})
            return isinstance(error, SlackUndecidedError)
        return True


def _fields(notice: Notice) -> dict[str, object]:
    return {"kind": notice.kind, "tenant": notice.tenant}


def _count(figures: Figures) -> None:
    """A line for each gauge, for the charts."""
    gauges, now = figures.gauges, figures.now
    waited = {
        "last_tick": gauges.last_tick_at,
        "last_sweeps": gauges.last_sweeps_at,
        "callbacks": gauges.last_callback_at,
        "oldest_queued": gauges.oldest_queued_at,
        "reminder": gauges.next_step_at,
        "hold": gauges.oldest_hold_at,
    }
    values: dict[str, float] = {
        **{f"{name}_seconds": max(0.0, (now - at).total_seconds()) if at else 0.0 for name, at in waited.items()},
        "outbox_seconds": max(0.0, gauges.outbox_age or 0.0),
        "database_seconds": figures.latency,
        "tickets": gauges.tickets,
        "open_dead_letters": gauges.open_dead_letters,
        "payment_failures_of_an_hour": gauges.payment_failures,
        "undecided_dispatches": sum(each.dispatches for each in figures.undecided),
        "connections": gauges.connections,
    }
    for name, value in values.items():
        log("gauges").info("gauge", extra={"fields": {"gauge": name, "value": round(value, 3)}})
