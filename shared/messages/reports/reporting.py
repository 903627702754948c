"""Reports: joined to what is known, kept, and acted on where a route goes on."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from shared.contracts.channels import leg_of
from shared.contracts.outcomes import Outcome
from shared.contracts.reports import ProviderReport, ReportBatch
from shared.messages.metrics import count_changes
from shared.messages.outbox import CROWD, PATIENCE, cut_tickets, publish_tickets, topics_of
from shared.messages.reasons import ACCEPTED, REFUSED_HERE, UNHEARD_OF, WORDS_REFUSED
from shared.messages.reports.plain_store import PlainArrival, decide_plain_arrivals
from shared.messages.reports.store import (
    Asked,
    lock_states,
    owners_by_account,
    record_reports_and_decide_charges,
)
from shared.messages.status import Change, Standing, State, Status, merge, state_told_by
from shared.platform.clock import Clock
from shared.platform.database import PASSING_ERRORS, Database
from shared.platform.loops.lanes import Lanes
from shared.platform.pubsub import Publisher
from shared.platform.signals.alerts import raise_alerts
from shared.platform.signals.dead_letters import DeadLetter, keep_dead_letters
from shared.platform.signals.heartbeats import beat

MAX_REPORTS_A_STATEMENT = 2_000
BEAT_EVERY = dt.timedelta(minutes=1)
"""How often an instance leaves a trace that providers call."""

_ARRIVALS = frozenset({Outcome.DELIVERED, Outcome.READ})

STORED_TEXT = 500
"""Characters kept of a provider's sentence."""


class Told(NamedTuple):
    """A report with whose it is and who said it.

    provider: that of our own refusals is `allim`.
    account: the tenant's account to whose address it came; empty where we asked for it, or found it ourselves.
    """

    tenant: str
    provider: str
    report: ProviderReport
    account: str = ""


class Reports:
    """Takes reports in, as many at a time as there are.

    Args:
        database: for the transaction that keeps them.
        publisher: for the tickets of messages that go on to their next channel.
        clock: the time.
    """

    def __init__(self, database: Database, publisher: Publisher, clock: Clock) -> None:
        self._database = database
        self._publisher = publisher
        self._clock = clock
        self._beat_at = dt.datetime.min.replace(tzinfo=dt.UTC)
        # A crowd's reports wait for its claims, which hold its credit; nobody else's wait with them.
        self._batches: Lanes[ReportBatch, None] = Lanes(
            self._record_batches,
            whose=lambda batch: batch.tenant,
            weigh=lambda batch: len(batch.reports),
            crowd=CROWD,
            max_weight=MAX_REPORTS_A_STATEMENT,
            max_running=2,
            may_pass=PASSING_ERRORS,
        )

    async def record_batch(self, batch: ReportBatch) -> None:
        """Record a batch; batches that wait together share a transaction. Recording one again changes nothing."""
        await self._batches.submit(batch)

    async def _record_batches(self, batches: Sequence[ReportBatch]) -> list[None]:
        await self.record(
            [Told(batch.tenant, batch.provider, report, batch.account) for batch in batches for report in batch.reports]
        )
        if (now := self._clock.now()) - self._beat_at >= BEAT_EVERY:
            async with self._database.connection() as connection:
                await beat(connection, "callbacks", now)
            self._beat_at = now
        return [None] * len(batches)

    async def record(self, told: Sequence[Told]) -> None:
        """Keep reports, move their messages, and send on those whose channel has failed.

        An account at a provider reports to one address, whoever of several tenants sends by it, so a report is taken
        for another tenant's message where that was sent by the very same account. One on any other message that is
        not the tenant's own becomes a dead letter, and does not hold up the others.
        """
        for start in range(0, len(told), MAX_REPORTS_A_STATEMENT):
            if left := await self._record_plain(told[start : start + MAX_REPORTS_A_STATEMENT]):
                await self._record(left)

    async def _record_plain(self, told: Sequence[Told]) -> Sequence[Told]:
        """Record arrivals of messages that wait for nothing else, by one statement. Gives the reports that are left."""
        if not (arrivals := plain_arrivals(told)):
            return told
        async with self._database.connection() as connection:
            recorded = await decide_plain_arrivals(connection, arrivals, now=self._clock.now())
        count_changes(
            (arrival.provider, arrival.change)
            for arrival in arrivals
            if (arrival.change.tenant, arrival.change.id) in recorded
        )
        return [entry for entry in told if (entry.tenant, entry.report.message) not in recorded]

    async def _record(self, told: Sequence[Told]) -> None:
        now = self._clock.now()
        by_message: dict[tuple[str, UUID], list[Told]] = defaultdict(list)
        for entry in told:
            by_message[entry.tenant, entry.report.message].append(entry)
        async with self._database.transaction() as connection:
            standings = await lock_states(connection, list(by_message))
            known: list[Told] = []
            unknown: list[Told] = []
            for entry in told:
                (known if (entry.tenant, entry.report.message) in standings else unknown).append(entry)
            changes = [
                change
                for key, standing in standings.items()
                if (change := decide(standing, [entry.report for entry in by_message[key]])) is not None
            ]
            tickets = cut_tickets(((change.tenant, change.id) for change in changes if change.requeued), now)
            topics = topics_of(tickets)
            await record_reports_and_decide_charges(
                connection,
                [(entry.tenant, entry.provider, _stored(entry.report)) for entry in known],
                changes,
                tickets,
                topics=topics,
                now=now,
                publish_at=now + PATIENCE,
            )
            owners = await owners_by_account(connection, _asked(unknown)) if unknown else {}
            lost = [entry for entry in unknown if _asked_of(entry) not in owners]
            await keep_dead_letters(connection, [_unknown(entry) for entry in lost], now)
            if refused := _refused_here(changes):
                await raise_alerts(connection, WORDS_REFUSED, refused, now)
        count_changes((by_message[change.tenant, change.id][-1].provider, change) for change in changes)
        await publish_tickets(self._publisher, tickets, topics)
        if owners:
            # In a transaction of their own: rows are locked in one order, and these come after.
            await self._record(
                [entry._replace(tenant=owners[_asked_of(entry)]) for entry in unknown if _asked_of(entry) in owners]
            )


def plain_arrivals(told: Sequence[Told]) -> list[PlainArrival]:
    """Those reports that each say alone of a message that it has arrived, and what they change where it is on its way,
    at the attempt and on the channel that they name. Other standings are looked at before anything is decided.

    An arrival is greater than whatever a message on its way is known to be, so which of these that is does not matter.
    """
    times = Counter((entry.tenant, entry.report.message) for entry in told)
    found = []
    for entry in told:
        report = entry.report
        if report.outcome in _ARRIVALS and times[entry.tenant, report.message] == 1:
            leg = leg_of(report.channel)
            presumed = Standing(entry.tenant, report.message, State(report.attempt, Status.SENDING), 0, leg, (leg,))
            if (change := decide(presumed, [report])) is not None:
                found.append(PlainArrival(entry.provider, _stored(report), change))
    return found


def decide(standing: Standing, reports: Sequence[ProviderReport]) -> Change | None:
    """What reports change about a message, or None when they tell nothing new.

    Args:
        standing: where the message stands.
        reports: on any of its attempts, in any order.
    """
    state, teller = standing.state, None
    for report in reports:
        # What has its end does not set out again: its hold is settled, and its moment is over.
        goes_on = not state.status.final and _leg(standing, report) + 1 < len(standing.route)
        told = state_told_by(report.outcome, report.attempt, route_goes_on=goes_on, may_double=standing.may_double)
        if (joined := merge(state, told)) != state:
            state, teller = joined, report
    if teller is None:
        return None
    requeued = state.status is Status.QUEUED
    failed = state.status in (Status.FAILED, Status.UNKNOWN, Status.EXPIRED)
    position = _leg(standing, teller) + (1 if requeued else 0)
    return Change(
        tenant=standing.tenant,
        id=standing.id,
        state=state,
        position=position,
        channel=standing.route[position] if requeued else teller.channel,
        provider_message_id=teller.provider_message_id or None,
        reason=teller.code if failed else None,
        detail=(teller.detail or "")[:STORED_TEXT] if failed else None,
        requeued=requeued,
        settles=_settles(state, teller.code),
    )


def _settles(state: State, code: str) -> str | None:
    """How a message's hold ends when the message comes to `state`; None while it goes on."""
    if state.status.arrived:
        return "capture"
    if state.status.final:
        return "hold_expiry" if code in UNHEARD_OF else "release"
    return None


def _leg(standing: Standing, report: ProviderReport) -> int:
    """Where on the route the reported attempt was. A route names a channel once, so the channel tells it, whatever
    attempt the message is at by now; a channel that is none of the route's says nothing of another leg."""
    leg = leg_of(report.channel)
    return standing.route.index(leg) if leg in standing.route else standing.position


def refusal(
    message: UUID, attempt: int, channel: str, code: str, detail: str, outcome: Outcome = Outcome.FAILED
) -> ProviderReport:
    """A failure, or another end, that we found ourselves, in the form of a report, so that it takes the same way."""
    return ProviderReport(
        message=message,
        attempt=attempt,
        channel=channel,
        provider_message_id="",
        code=code,
        outcome=outcome,
        detail=detail,
    )


def taken(message: UUID, attempt: int, channel: str, provider_message_id: str | None) -> ProviderReport:
    """The last word on a message of a channel on which nobody tells more: its provider has taken it."""
    return ProviderReport(
        message=message,
        attempt=attempt,
        channel=channel,
        provider_message_id=provider_message_id or "",
        code=ACCEPTED,
        outcome=Outcome.DELIVERED,
    )


def _refused_here(changes: Iterable[Change]) -> dict[str, str]:
    """What a person is told, by tenant, of messages that ended before a provider was asked on their last channel.

    Often it is the second: whom AlimTalk did not reach is not told at all, and nobody would see it.
    """
    return {
        change.tenant: f"{change.reason}, message {change.id}: {change.detail}"
        for change in changes
        if change.state.status is Status.FAILED and change.reason in REFUSED_HERE
    }


def _stored(report: ProviderReport) -> ProviderReport:
    """Postgres text holds no NUL, and a provider's sentence may be of any length."""
    if report.detail is None or (len(report.detail) <= STORED_TEXT and "\x00" not in report.detail):
        return report
    detail = report.detail.replace("\x00", "")[:STORED_TEXT]
    return report.model_copy(update={"detail": detail})


def _asked_of(entry: Told) -> Asked:
    return entry.tenant, entry.account, entry.report.message, entry.report.attempt


def _asked(told: Sequence[Told]) -> list[Asked]:
    return list({_asked_of(entry) for entry in told if entry.account})


def _unknown(entry: Told) -> DeadLetter:
    alone = ReportBatch(tenant=entry.tenant, provider=entry.provider, account=entry.account, reports=(entry.report,))
    return DeadLetter(
        source="on_delivery_callback",
        reason="unknown_message",
        detail=f"{entry.provider} reports {entry.report.code} on message {entry.report.message}, which does not exist,"
        " or another account sent it",
        body=alone.model_dump_json().encode(),
        tenant=entry.tenant,
        message=entry.report.message,
    )
