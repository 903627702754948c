"""What has waited too long: tickets that nobody consumed, calls that nobody finished, reports that never came."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

from shared.contracts import ProviderReport
from shared.messages.dispatch.dispatching import Dispatcher
from shared.messages.dispatch.sweep_store import (
    close,
    take_to_check,
    take_unconsumed_tickets,
    take_undecided,
    unsettled,
)
from shared.messages.outbox import PATIENCE, publish_committed
from shared.messages.reports.reporting import NO_REPORT, Reports, Told, refusal
from shared.platform.clock import Clock
from shared.platform.database import Database
from shared.platform.database.revisions import RevisionCache
from shared.platform.logs import log
from shared.platform.pubsub import Outgoing, Publisher
from shared.providers import Provider, ProviderAccount, ProviderError
from shared.tenants.accounts import Accounts

LEASE = dt.timedelta(seconds=60)
TICKETS_A_SWEEP = 500
DISPATCHES_A_SWEEP = 20
PATIENCE_WITH_REPORTS = dt.timedelta(hours=72)
"""Kakao may report three days late; after that nothing more is expected."""


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

    async def sweep(self) -> None:
        """Look once at everything that may have waited too long."""
        await self.republish()
        await self.decide()
        await self.check()

    async def republish(self) -> None:
        """Publish again the tickets that nobody consumed. One that was merely slow is consumed once all the same."""
        now = self._clock.now()
        async with self._database.connection() as connection:
            tickets = await take_unconsumed_tickets(connection, now=now, patience=PATIENCE, limit=TICKETS_A_SWEEP)
        by_topic: dict[str, list[Outgoing]] = defaultdict(list)
        for ticket in tickets:
            by_topic[ticket["topic"]].append(Outgoing(orjson.dumps(ticket["body"])))
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
            accounts = await self._accounts.get(connection, {row["tenant"]: row["revision"] for row in left})
        for row in left:
            if row["state"] == "open":
                await self._dispatcher.abandon(row["tenant"], row["id"], "open", "its instance ended before sending")
                continue
            if (account := self._account(accounts, row)) is None:
                continue
            try:
                await self._dispatcher.settle(account, row["id"], row["provider_batch_id"])
            except ProviderError as error:
                log("sweeping").warning("still undecided: %s", error, extra={"fields": {"dispatch": row["id"]}})

    def _account(self, accounts: Mapping[str, Accounts], dispatch: Mapping[str, Any]) -> ProviderAccount | None:
        """The account that made a dispatch, or None where nobody can be asked in its name just now."""
        account = accounts[dispatch["tenant"]].get(dispatch["account"])
        if account is None or account.provider not in self._providers:
            fields = {"tenant": dispatch["tenant"], "dispatch": dispatch["id"]}
            log("sweeping").error("its account can't be used, so nobody can be asked", extra={"fields": fields})
            return None
        return account

    async def check(self) -> None:
        """Ask about sent dispatches whose reports are missing, move on past deadlines, and close what has its end."""
        now = self._clock.now()
        async with self._database.connection() as connection:
            due = await take_to_check(connection, now=now, limit=DISPATCHES_A_SWEEP)
            if not due:
                return
            accounts = await self._accounts.get(connection, {row["tenant"]: row["revision"] for row in due})
            open_messages = await unsettled(connection, [(row["tenant"], row["id"]) for row in due])
        waiting: dict[tuple[str, UUID], list[Mapping[str, Any]]] = defaultdict(list)
        for message in open_messages:
            waiting[message["tenant"], message["dispatch"]].append(message)
        for row in due:
            messages = waiting.get((row["tenant"], row["id"]))
            if messages and (account := self._account(accounts, row)):
                await self._ask(account, row, messages, now)
        settled = [key for row in due if (key := (row["tenant"], row["id"])) not in waiting]
        if settled:
            async with self._database.connection() as connection:
                await close(connection, settled, now)

    async def _ask(
        self,
        account: ProviderAccount,
        dispatch: Mapping[str, Any],
        messages: Sequence[Mapping[str, Any]],
        now: dt.datetime,
    ) -> None:
        try:
            reports = await self._providers[account.provider].batch_reports(account, dispatch["provider_batch_id"])
        except ProviderError as error:
            log("sweeping").warning("could not ask: %s", error, extra={"fields": {"dispatch": dispatch["id"]}})
            return
        said = {(report.message, report.attempt): report for report in reports}
        told = [
            Told(account.tenant, account.provider, report)
            for message in messages
            if (report := overdue(message, said.get((message["id"], message["attempt"])), dispatch["created_at"], now))
        ]
        await self._reports.record(told)


def overdue(
    message: Mapping[str, Any], report: ProviderReport | None, sent_at: dt.datetime, now: dt.datetime
) -> ProviderReport | None:
    """What a look-up comes to for one message.

    Args:
        message: its id, attempt, channel, status, `deadline_at`, and whether its route goes on.
        report: the provider's newest word, if it knows the message.
        sent_at: when it was sent.
        now: the moment.

    Returns:
        The provider's word where it is final; a failure of ours where the channel's time is over and another channel
        follows, unless the provider says that it may still arrive; a failure where nothing more is to be expected.
    """
    if report is not None and report.outcome not in ("sent", "unconfirmed"):
        return report
    if report is not None and report.outcome == "unconfirmed" and message["status"] != "unknown":
        return report
    id_, attempt, channel = message["id"], message["attempt"], message["channel"]
    if message["status"] != "unknown" and message["route_goes_on"] and now >= message["deadline_at"]:
        return refusal(id_, attempt, channel, "deadline", "no final report came before the channel's deadline")
    if now >= sent_at + PATIENCE_WITH_REPORTS:
        return refusal(id_, attempt, channel, NO_REPORT, "the provider gave no final report within three days")
    return None
