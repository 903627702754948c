"""What has waited too long: tickets that nobody consumed, calls that nobody finished, reports that never came."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

import orjson

from shared.contracts import Outcome, ProviderReport
from shared.messages.dispatch.dispatching import FIRST_CHECK, Dispatcher
from shared.messages.dispatch.sending import LEASE
from shared.messages.dispatch.sweep_store import (
    OpenMessage,
    TakenDispatch,
    close,
    decide_checks,
    decide_tickets_again,
    take_undecided,
    unsettled,
)
from shared.messages.outbox import LONGEST_PATIENCE, PATIENCE, publish_committed
from shared.messages.reasons import DEADLINE, NO_REPORT, SENTENCES, WORDS_REFUSED
from shared.messages.reports.reporting import Reports, Told, refusal
from shared.messages.status import Status
from shared.platform.clock import Clock
from shared.platform.database import Database
from shared.platform.database.revisions import RevisionCache
from shared.platform.logs import log
from shared.platform.pubsub import Outgoing, Publisher
from shared.platform.signals.alerts import resolve_raised_before
from shared.providers import Provider, ProviderAccount, ProviderError
from shared.tenants.accounts import Accounts

TICKETS_A_SWEEP = 500
DISPATCHES_A_SWEEP = 20

LONGEST_WITHOUT_CHECK = dt.timedelta(hours=1)
"""A dispatch of which nobody has said anything is looked at again after twice as long each time, and this at most."""


WORDS_REFUSED_FOR, ALERTS_EVERY = dt.timedelta(days=1), dt.timedelta(hours=1)
"""How long that alert stays open, and how often an instance looks whether it is over."""


class Sweeper:
    """Mends what crashes and losses leave behind.

    Args:
        database: for claims.
        publisher: for tickets.
        providers: by name.
        accounts: the tenants' accounts.
        dispatcher: ends dispatches.
        reports: takes what look-ups find.
        clock: the time.
    """

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        providers: Mapping[str, Provider],
        accounts: RevisionCache[Accounts],
        dispatcher: Dispatcher,
        reports: Reports,
        clock: Clock,
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._providers = providers
        self._accounts = accounts
        self._dispatcher = dispatcher
        self._reports = reports
        self._clock = clock
        self._alerts_at = dt.datetime.min.replace(tzinfo=dt.UTC)

    async def sweep(self) -> None:
        """Look once at everything that may have waited too long."""
        await self.republish()
        await self.decide()
        await self.check()
        await self.end_alerts()

    async def republish(self) -> None:
        """Publish again the tickets that nobody consumed. One that was merely slow is consumed once all the same."""
        now = self._clock.now()
        async with self._database.connection() as connection:
            tickets = await decide_tickets_again(
                connection, now=now, patience=PATIENCE, longest=LONGEST_PATIENCE, limit=TICKETS_A_SWEEP
            )
        by_topic: dict[str, list[Outgoing]] = defaultdict(list)
        for ticket in tickets:
            by_topic[ticket.topic].append(Outgoing(orjson.dumps(ticket.body)))
        for topic, messages in by_topic.items():
            log("sweeping").info(
                "tickets published again", extra={"fields": {"topic": topic, "tickets": len(messages)}}
            )
            await publish_committed(self._publisher, topic, messages)

    async def decide(self) -> None:
        """Finish dispatches that were begun and left.

        An `open` one was never sent, for the provider is told to send only after the row says `prepared`. Of a
        `prepared` one the provider knows.
        """
        now = self._clock.now()
        async with self._database.connection() as connection:
            left = await take_undecided(connection, now=now, lease_until=now + LEASE, limit=DISPATCHES_A_SWEEP)
            accounts = await self._accounts.get(connection, {each.tenant: each.revision for each in left})
        for each in left:
            if each.state == "open" or each.batch is None:
                await self._dispatcher.abandon(each.tenant, each.id, "open", "its instance ended before sending")
                continue
            if (account := self._account(accounts, each)) is None:
                continue
            try:
                await self._dispatcher.settle(account, each.id, each.batch)
            except ProviderError as error:
                log("sweeping").warning("still undecided: %s", error, extra={"fields": {"dispatch": each.id}})

    def _account(self, accounts: Mapping[str, Accounts], dispatch: TakenDispatch) -> ProviderAccount | None:
        """The account that made a dispatch, or None where nobody can be asked in its name just now."""
        account = accounts[dispatch.tenant].get(dispatch.account)
        if account is None or account.provider not in self._providers:
            fields = {"tenant": dispatch.tenant, "dispatch": dispatch.id}
            log("sweeping").error("its account can't be used, so nobody can be asked", extra={"fields": fields})
            return None
        return account

    async def check(self) -> None:
        """Ask about sent dispatches whose reports are missing, move on past deadlines, and close what has its end."""
        now = self._clock.now()
        async with self._database.connection() as connection:
            due = await decide_checks(
                connection, now=now, first=FIRST_CHECK, longest=LONGEST_WITHOUT_CHECK, limit=DISPATCHES_A_SWEEP
            )
            if not due:
                return
            accounts = await self._accounts.get(connection, {each.tenant: each.revision for each in due})
            open_messages = await unsettled(connection, due)
        waiting: dict[tuple[str, UUID], list[OpenMessage]] = defaultdict(list)
        for message in open_messages:
            waiting[message.tenant, message.dispatch].append(message)
        for each in due:
            messages = waiting.get((each.tenant, each.id))
            if messages and (account := self._account(accounts, each)):
                await self._ask(account, each, messages, now)
        settled = [each for each in due if (each.tenant, each.id) not in waiting]
        if settled:
            async with self._database.connection() as connection:
                await close(connection, settled, now)

    async def end_alerts(self) -> None:
        """End the alerts of refused words a day after: nobody can say that the next message's words will do."""
        now = self._clock.now()
        if now - self._alerts_at < ALERTS_EVERY:
            return
        async with self._database.connection() as connection:
            await resolve_raised_before(connection, WORDS_REFUSED, now - WORDS_REFUSED_FOR, now)
        self._alerts_at = now

    async def _ask(
        self,
        account: ProviderAccount,
        dispatch: TakenDispatch,
        messages: Sequence[OpenMessage],
        now: dt.datetime,
    ) -> None:
        assert dispatch.batch is not None, "what was sent has its provider's name"  # noqa: S101
        try:
            reports = await self._providers[account.provider].batch_reports(account, dispatch.batch)
        except ProviderError as error:
            log("sweeping").warning("could not ask: %s", error, extra={"fields": {"dispatch": dispatch.id}})
            return
        said = {(report.message, report.attempt): report for report in reports}
        last_word_at = dispatch.created_at + self._providers[account.provider].reports_within
        told = [
            Told(account.tenant, account.provider, report)
            for message in messages
            if (report := overdue(message, said.get((message.id, message.attempt)), last_word_at, now))
        ]
        await self._reports.record(told)


def overdue(
    message: OpenMessage, report: ProviderReport | None, last_word_at: dt.datetime, now: dt.datetime
) -> ProviderReport | None:
    """What a look-up comes to for one message.

    Args:
        message: as it stands.
        report: the provider's newest word, if it knows the message.
        last_word_at: after that the provider says nothing more.
        now: the moment.

    Returns:
        The provider's word where it is final; a failure of ours where the channel's time is over and another channel
        follows, unless the provider says that it may still arrive; a failure where nothing more is to be expected.
    """
    known = message.status is not Status.UNKNOWN
    if report is not None and report.outcome not in (Outcome.SENT, Outcome.UNCONFIRMED):
        return report
    if report is not None and report.outcome is Outcome.UNCONFIRMED and known:
        return report
    code = None
    if known and message.route_goes_on and now >= message.deadline_at:
        code = DEADLINE
    elif now >= last_word_at:
        code = NO_REPORT
    return refusal(message.id, message.attempt, message.channel, code, SENTENCES[code]) if code else None
