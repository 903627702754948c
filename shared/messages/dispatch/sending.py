"""From tickets to the provider: claim ▸ render ▸ dispatch ▸ record.

The dispatch row is written with the claim. A provider of two phases is handed the batch, the row is told its name
there, and only then is the provider told to send; so after a crash at any point, asking decides. One that sends with
the call by which it is handed messages is called in `submitting.py`.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from uuid import UUID

from shared.contracts.reports import ProviderReport
from shared.contracts.tickets import MAX_TICKET_MESSAGES, SendTicket
from shared.messages.composing import recipient_now
from shared.messages.dispatch.dispatching import LEASE, Dispatcher
from shared.messages.dispatch.fairness.turns import Turns
from shared.messages.dispatch.store import Claimed, decide_claims, decide_claims_unless_locked
from shared.messages.dispatch.submit_store import mark_prepared
from shared.messages.dispatch.submitting import Submitter
from shared.messages.known_templates import KnownTemplates
from shared.messages.lawful import forbidden, leaves_before
from shared.messages.metrics import OURSELVES
from shared.messages.reasons import (
    ACCOUNT_UNREADABLE,
    CHANNEL_NOT_CARRIED,
    SENTENCES,
    TEMPLATE_UNREADABLE,
    UNKNOWN_PROVIDER,
    UNSUBSCRIBED,
)
from shared.messages.reports.reporting import Reports, Told, refusal
from shared.platform.clock import Clock
from shared.platform.database import PASSING_ERRORS, Database
from shared.platform.database.revisions import RevisionCache
from shared.platform.ids import new_id
from shared.platform.logs import log
from shared.platform.loops.coalescer import Coalescer
from shared.platform.loops.lanes import Lanes
from shared.platform.pubsub import BULK_SEND_REQUESTS, SEND_REQUESTS
from shared.providers import (
    OutboundMessage,
    Prepared,
    Provider,
    ProviderAccount,
    ProviderBusy,
    ProviderError,
    ProviderRefused,
    Settlement,
    TwoPhaseProvider,
    carried_by,
)
from shared.templates.errors import MessageError
from shared.templates.rendering import render
from shared.templates.template import TemplateContent
from shared.tenants.accounts import Accounts

HELD_UP_FOR = dt.timedelta(seconds=0.25)
"""So long the tickets that come next wait for the providers' answers, and become one batch meanwhile: longer than most
answers take. An account that answers more slowly keeps its own waiting, and nobody else's."""

CROWD_OF_SINGLES = 5
"""So many messages of one tenant under way at once, on an instance, are few still. With a ticket for each that is half
of the pushes that it gets (infra/terraform/functions.tf)."""

MAX_PARTS = 32
"""Asked about in search of the culprits: enough for three among 500. Is it the account that is refused, all are."""

UnderWay = set[asyncio.Task[None]]
"""Dispatches whose provider has not answered yet."""


class Sender:
    """Sends what tickets ask for.

    Args:
        database: for claims and records.
        providers: by name.
        accounts: the tenants' accounts.
        dispatcher: ends what is begun here.
        reports: takes refusals, which are reports of a kind.
        clock: the time.
        turns: of tenants with crowds, where it is their tickets that come.
    """

    def __init__(
        self,
        database: Database,
        providers: Mapping[str, Provider],
        accounts: RevisionCache[Accounts],
        dispatcher: Dispatcher,
        reports: Reports,
        clock: Clock,
        turns: Turns | None = None,
    ) -> None:
        self._database = database
        self._providers = providers
        self._accounts = accounts
        self._dispatcher = dispatcher
        self._reports = reports
        self._clock = clock
        self._turns = turns
        self._topic = BULK_SEND_REQUESTS if turns else SEND_REQUESTS
        self._submitter = Submitter(database, dispatcher, reports, clock)
        self._templates = KnownTemplates()
        # Who has many single messages shares batches with others that have.
        # The function of crowds has crowds alone, and takes turns.
        self._tickets: Lanes[SendTicket, UnderWay | None] = Lanes(
            self._send,
            whose=lambda ticket: ticket.tenant,
            weigh=lambda ticket: len(ticket.messages),
            crowd=0 if turns else CROWD_OF_SINGLES,
            max_weight=MAX_TICKET_MESSAGES,
            max_running=2,
            may_pass=PASSING_ERRORS,
        )
        # Whose credit is locked waits for it here: by one connection, so that the others have the rest of the pool.
        self._held_up = Coalescer(
            self._send_patiently,
            max_weight=MAX_TICKET_MESSAGES,
            weigh=lambda ticket: len(ticket.messages),
            may_pass=PASSING_ERRORS,
        )

    async def send(self, ticket: SendTicket) -> None:
        """Send a ticket's messages; tickets that wait together share a claim. Taking one again does nothing."""
        slow = await self._tickets.submit(ticket)
        if slow is None:
            slow = await self._held_up.submit(ticket)
        if slow:
            # An instance works for as long as it is asked to: whoever asked waits, and the next batch does not.
            await asyncio.wait(slow)

    async def _send(self, tickets: Sequence[SendTicket]) -> Sequence[UnderWay | None]:
        """Send what tickets ask for. Gives, for each of them, what is still under way; None: it is held up."""
        if self._turns is None:
            slow, held_up = await self._claim(tickets, patient=False)
            return [None if ticket.tenant in held_up else slow for ticket in tickets]
        slow = set()
        async for in_turn in self._turns.instead_of(tickets):
            slow |= (await self._claim(in_turn, patient=True))[0]
        return [slow] * len(tickets)

    async def _send_patiently(self, tickets: Sequence[SendTicket]) -> list[UnderWay]:
        """Send what is free by now, and wait for the others' credit one after another: a claim that waits for one
        tenant's would keep that of the tenants before it locked."""
        slow, held_up = await self._claim(tickets, patient=False)
        for tenant in sorted(held_up):
            theirs = [ticket for ticket in tickets if ticket.tenant == tenant]
            slow |= (await self._claim(theirs, patient=True))[0]
        return [slow] * len(tickets)

    async def _claim(self, tickets: Sequence[SendTicket], *, patient: bool) -> tuple[UnderWay, Set[str]]:
        """Send what can be claimed. Gives what is still under way, and the tenants that are held up; none of them is
        when the claim is patient and waits."""
        now = self._clock.now()
        dispatches = {tenant: new_id(now) for tenant in sorted({ticket.tenant for ticket in tickets})}
        held_up: Set[str] = frozenset()
        async with self._database.connection() as connection:
            if patient:
                claimed = await decide_claims(
                    connection, tickets, dispatches, topic=self._topic, now=now, lease_until=now + LEASE
                )
            else:
                claimed, held_up = await decide_claims_unless_locked(
                    connection, tickets, dispatches, topic=self._topic, now=now, lease_until=now + LEASE
                )
            if claimed:
                accounts = await self._accounts.get(connection, {row.tenant: row.revision for row in claimed})
                await self._templates.learn(connection, map(_template_of, claimed))
        by_dispatch: dict[UUID, list[Claimed]] = defaultdict(list)
        for row in claimed:
            by_dispatch[row.dispatch].append(row)
        if not by_dispatch:
            return set(), held_up
        under_way = [
            asyncio.create_task(self._dispatch_or_leave(rows, accounts[rows[0].tenant]))
            for rows in by_dispatch.values()
        ]
        ended, slow = await asyncio.wait(under_way, timeout=HELD_UP_FOR.total_seconds())
        for task in ended:
            task.result()
        return slow, held_up

    async def _dispatch_or_leave(self, rows: Sequence[Claimed], accounts: Accounts) -> None:
        """The claim is committed, so an error is neither the ticket's nor the other dispatches': the sweep mends it."""
        tenant, dispatch = rows[0].tenant, rows[0].dispatch
        account = accounts.get(rows[0].account)
        try:
            if account is None:
                why = SENTENCES[ACCOUNT_UNREADABLE]
                await self._dispatcher.abandon(tenant, dispatch, "open", why, reason=ACCOUNT_UNREADABLE, tried=True)
            elif account.provider not in self._providers:
                why = f"{account.provider}: {SENTENCES[UNKNOWN_PROVIDER]}"
                await self._dispatcher.abandon(tenant, dispatch, "open", why, reason=UNKNOWN_PROVIDER, tried=True)
            else:
                if any(row.on_trial for row in rows):
                    self._dispatcher.calls.begin_trial(account)
                await self._dispatch(rows, account)
        except Exception:
            fields = {"tenant": tenant, "dispatch": dispatch}
            log("sending").exception("a dispatch is left to the sweep", extra={"fields": fields})

    async def _dispatch(self, rows: Sequence[Claimed], account: ProviderAccount) -> None:
        """Messages of one tenant, by one provider."""
        dispatch, provider = rows[0].dispatch, self._providers[account.provider]
        if not (rows := await self._readable(rows)):
            return
        now = self._clock.now()
        ready, refused = self._rendered(rows, carried_by(provider, account), now)
        before = leaves_before(((self._content(row), row.leg) for row in rows), now)
        if ready and provider.settlement is Settlement.TWO_PHASE:
            await self._hand_over(provider, account, dispatch, ready, refused, before)
            return
        # Refusals are recorded before anything is sent: a crash later leaves nothing but that to ask about.
        if refused:
            await self._reports.record([Told(account.tenant, OURSELVES, report) for report in refused])
        if not ready:
            await self._dispatcher.abandon(account.tenant, dispatch, "open", "every message was refused")
        elif provider.settlement is not Settlement.TWO_PHASE:
            await self._submitter.submit(provider, account, dispatch, ready, before=before)

    async def _hand_over(
        self,
        provider: TwoPhaseProvider,
        account: ProviderAccount,
        dispatch: UUID,
        ready: Sequence[OutboundMessage],
        refused: Sequence[ProviderReport],
        before: dt.datetime | None,
    ) -> None:
        """One batch, prepared and then sent."""
        tenant = account.tenant
        began = self._clock.now()
        try:
            prepared, refused_alone = await hand_over(provider, account, ready)
        except ProviderBusy as busy:
            await self._dispatcher.calls.failed(account, began, busy)
            await self._dispatcher.abandon(tenant, dispatch, "open", str(busy), again_in=busy.again_in)
            return
        except ProviderError as error:
            await self._dispatcher.calls.failed(account, began, error)
            await self._dispatcher.abandon(tenant, dispatch, "open", str(error), tried=True)
            return
        told = [Told(tenant, OURSELVES, report) for report in (*refused, *refused_alone)]
        told += [Told(tenant, account.provider, report) for report in prepared.refused]
        if told:
            await self._reports.record(told)
        if prepared.batch is None:
            await self._dispatcher.calls.went_well(account, began)
            await self._dispatcher.abandon(tenant, dispatch, "open", "every message was refused")
            return
        now = self._clock.now()
        async with self._database.connection() as connection:
            ours = await mark_prepared(
                connection, tenant, dispatch, batch=prepared.batch, now=now, lease_until=now + LEASE
            )
        if not ours:
            log("sending").warning("dispatch was taken over before it was sent", extra={"fields": {"tenant": tenant}})
            return
        channels = {message.message: message.channel for message in ready}
        accepted = [(entry.message, channels[entry.message], entry.provider_message_id) for entry in prepared.accepted]
        await self._dispatcher.complete(
            provider, account, dispatch, prepared.batch, accepted, began=began, before=before
        )

    async def _readable(self, rows: Sequence[Claimed]) -> list[Claimed]:
        """Those of a dispatch whose templates are known. The others are given up by themselves."""
        unreadable = [row.id for row in rows if self._templates.get(_template_of(row)) is None]
        if unreadable:
            await self._dispatcher.abandon(
                rows[0].tenant,
                rows[0].dispatch,
                "open",
                SENTENCES[TEMPLATE_UNREADABLE],
                only=unreadable,
                reason=TEMPLATE_UNREADABLE,
            )
        return [row for row in rows if row.id not in unreadable]

    def _content(self, row: Claimed) -> TemplateContent:
        content = self._templates.get(_template_of(row))
        assert content is not None, "only what is readable is sent"  # noqa: S101
        return content

    def _rendered(
        self, rows: Sequence[Claimed], carried: frozenset[str], now: dt.datetime
    ) -> tuple[list[OutboundMessage], list[ProviderReport]]:
        """What may leave now, and why the rest may not or can't."""
        ready: list[OutboundMessage] = []
        refused: list[ProviderReport] = []
        for row in rows:
            content = self._content(row)
            try:
                if error := forbidden(content, (row.leg,), now):
                    raise error
                if row.unsubscribed and row.leg == "email" and content.is_advertising:
                    raise MessageError(UNSUBSCRIBED, SENTENCES[UNSUBSCRIBED])
                to = recipient_now(row.leg, row.reach, customer_known=row.customer_known)
                message = self._written(row, content, to)
                obstacle = row.obstacle or (CHANNEL_NOT_CARRIED if message.channel not in carried else None)
                if obstacle:
                    detail = f"{SENTENCES[obstacle]}: {message.channel}"
                    refused.append(refusal(row.id, row.attempt, message.channel, obstacle, detail))
                else:
                    ready.append(message)
            except MessageError as error:
                refused.append(refusal(row.id, row.attempt, row.leg, error.code, error.both))
        return ready, refused

    def _written(self, row: Claimed, content: TemplateContent, to: str) -> OutboundMessage:
        message = render(
            content,
            row.leg,
            row.variables,
            message=row.id,
            attempt=row.attempt,
            to=to,
            pictures=self._templates.pictures(_template_of(row)),
        )
        if row.leg == "alimtalk" and content.alimtalk:
            return replace(message, template_code=content.alimtalk.code_at(row.account))
        return replace(message, devices=row.devices) if row.devices else message


async def hand_over(
    provider: TwoPhaseProvider, account: ProviderAccount, messages: Sequence[OutboundMessage]
) -> tuple[Prepared, list[ProviderReport]]:
    """Prepare one batch of all that the provider takes.

    Where it refuses the call as a whole, it is asked about halves of it, and halves of those, until each culprit stands
    alone; the others become the batch.

    Args:
        provider: what is handed over to it to find out can be taken back.
        account: whose.
        messages: at least one.

    Returns:
        The batch, and refusals of those that the provider refused whatever they came with.

    Raises:
        ProviderError: it could not be asked; nothing was sent.
    """
    refused: list[ProviderReport] = []
    sound: list[OutboundMessage] = []
    parts = deque([list(messages)])
    asked = 0
    while parts:
        part = parts.popleft()
        asked += 1
        try:
            prepared = await provider.prepare(account, part)
        except ProviderRefused as error:
            if len(part) > 1 and asked < MAX_PARTS:
                parts += (part[: len(part) // 2], part[len(part) // 2 :])
            else:
                refused += [_refused_alone(each, error) for each in part]
            continue
        if len(part) + len(refused) == len(messages):
            return prepared, refused
        sound += part
        if prepared.batch is not None:
            await provider.discard(account, prepared.batch)
    return await provider.prepare(account, sound) if sound else Prepared(None, (), ()), refused


def _refused_alone(message: OutboundMessage, error: ProviderRefused) -> ProviderReport:
    return refusal(message.message, message.attempt, message.channel, error.code, error.detail)


def _template_of(row: Claimed) -> tuple[str, str, int]:
    return row.tenant, row.template, row.template_version
