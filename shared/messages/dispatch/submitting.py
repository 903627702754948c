"""Calls that hand over and send at once, and what a lost answer of theirs means: the provider's class says so.

The row says `prepared` before the call, so a crash at any point leaves either nothing that was sent (`open`), or a call
that is settled by its class (`shared.providers.base.Settlement`). What nobody can ever know is `unknown`: it is never
sent again, its hold stays for as long as a report may come, and then it ends.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never
from uuid import UUID

from shared.messages.dispatch.dispatching import LEASE, SEND_ATTEMPTS, Dispatcher
from shared.messages.dispatch.recording import CallRecords, fields_of
from shared.messages.dispatch.submit_store import (
    Carried,
    begin_call,
    carried,
    named_by_another,
    split,
)
from shared.messages.dispatch.sweep_store import TakenDispatch, close_undecided
from shared.messages.known_templates import KnownTemplates
from shared.messages.reports.reporting import Reports, Told, refusal
from shared.platform.clock import Clock
from shared.platform.database import Database
from shared.platform.ids import new_id
from shared.platform.logs import log
from shared.providers import (
    OneCallProvider,
    OutboundMessage,
    ProviderAccount,
    ProviderAmbiguous,
    ProviderBusy,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    ProviderUndecided,
    Settlement,
    Submission,
    Submitted,
)
from shared.templates.errors import MessageError
from shared.templates.rendering import render

CALLS_AT_ONCE = 8
"""Of one dispatch that goes by several."""

MOST_SPLITS = 32
"""Of a dispatch whose calls are refused whole, in search of the culprits. Is the account refused, all of them are."""

AT_ONCE = dt.timedelta(seconds=10)
"""From writing that a call is begun to making it. Who was held up for longer makes none: others ask about it soon."""


Parts = Mapping[UUID, Sequence[OutboundMessage]]
"""Messages by the dispatch that carries them."""


class Submitter:
    """Makes calls that send, and settles those whose answers were lost.

    Args:
        database: for the records.
        dispatcher: gives up what was certainly not sent.
        reports: takes refusals.
        clock: the time.
    """

    def __init__(self, database: Database, dispatcher: Dispatcher, reports: Reports, clock: Clock) -> None:
        self._database = database
        self._dispatcher = dispatcher
        self._reports = reports
        self._clock = clock
        self._records = CallRecords(database, dispatcher, reports, clock)
        self._templates = KnownTemplates()

    async def submit(
        self,
        provider: OneCallProvider,
        account: ProviderAccount,
        dispatch: UUID,
        messages: Sequence[OutboundMessage],
        *,
        before: dt.datetime | None,
    ) -> None:
        """Send the messages of an `open` dispatch, by as many calls as the provider's rules ask for.

        Each call has a dispatch of its own, so that its answer can be lost alone.

        Args:
            provider: the account's.
            account: whose.
            dispatch: our record of them.
            messages: at least one.
            before: at that moment or later nothing of it is sent any more; None: at any time.
        """
        parts = provider.calls(messages)
        calls = {dispatch: parts[0]}
        if len(parts) > 1:
            others = {new_id(self._clock.now()): part for part in parts[1:]}
            if not await self._split(account.tenant, dispatch, others):
                return
            calls |= others
        run = _Run(provider, account, before)
        await self._all_of(run, calls)

    async def _all_of(self, run: _Run, calls: Parts) -> None:
        """Make calls, several at a time. What one raises is raised when all have come to their ends."""
        ends = await asyncio.gather(
            *(self._call(run, dispatch, messages) for dispatch, messages in calls.items()), return_exceptions=True
        )
        for error in ends:
            if error is not None:
                raise error

    async def _call(self, run: _Run, dispatch: UUID, messages: Sequence[OutboundMessage]) -> None:
        async with run.turns:
            halves = await self._called(run, dispatch, messages)
        await self._all_of(run, halves)

    async def _called(self, run: _Run, dispatch: UUID, messages: Sequence[OutboundMessage]) -> Parts:
        """Make a call and record its end. Gives what is to be tried apart."""
        account, tenant = run.account, run.account.tenant
        if run.before is not None and self._clock.now() >= run.before:
            await self._dispatcher.abandon(tenant, dispatch, "open", "its hours were over")
            return {}
        if (begun_at := await self._begin(account, dispatch)) is None:
            return {}
        submission = Submission(dispatch, begun_at, messages)
        try:
            submitted = await self._submitted(run, submission)
        except ProviderUndecided as error:
            await self._undecided(run, dispatch, error)
        except ProviderUnavailable as error:
            again_in = error.again_in if isinstance(error, ProviderBusy) else None
            await self._dispatcher.abandon(
                tenant,
                dispatch,
                "prepared",
                str(error),
                again_in=again_in,
                tried=again_in is None,
            )
        except ProviderRefused as error:
            if len(messages) > 1 and run.may_split():
                return await self._halved(tenant, dispatch, messages)
            await self._refused(account, dispatch, messages, error)
        else:
            await self._records.leave(account, submission, submitted)
            await self._records.adopt(account, submission, submitted)
        return {}

    async def _submitted(self, run: _Run, submission: Submission) -> Submitted:
        """What came of a call; under its key it is made again at once where the answer was lost."""
        tries = SEND_ATTEMPTS if run.provider.settlement is Settlement.KEYED else 1
        for _ in range(tries - 1):
            try:
                return await self._measured(run, submission)
            except ProviderUndecided as error:
                log("sending").info("called again under the same key: %s", error)
        return await self._measured(run, submission)

    async def _measured(self, run: _Run, submission: Submission) -> Submitted:
        began = self._clock.now()
        try:
            submitted = await run.provider.submit(run.account, submission)
        except ProviderError as error:
            await self._dispatcher.calls.failed(run.account, began, error)
            raise
        await self._dispatcher.calls.went_well(run.account, began)
        return submitted

    async def _begin(self, account: ProviderAccount, dispatch: UUID) -> dt.datetime | None:
        """Write down that a call is made now. None: it must not be made."""
        now = self._clock.now()
        async with self._database.connection() as connection:
            ours = await begin_call(connection, account.tenant, dispatch, now=now, lease_until=now + LEASE)
        if not ours:
            log("sending").warning("dispatch was taken over before it was sent", extra={"fields": fields_of(account)})
        return now if ours and self._clock.now() - now <= AT_ONCE else None

    async def _undecided(self, run: _Run, dispatch: UUID, error: ProviderUndecided) -> None:
        """The answer was lost just now."""
        match run.provider.settlement:
            case Settlement.KEYED | Settlement.ASKED | Settlement.MATCHED:
                fields = {**fields_of(run.account), "dispatch": dispatch}
                log("sending").warning("undecided, will be asked about: %s", error, extra={"fields": fields})
            case Settlement.COLLAPSE:
                await self._dispatcher.abandon(run.account.tenant, dispatch, "prepared", str(error), tried=True)
            case Settlement.NONE:
                await self._records.give_up_knowing(run.account, dispatch, str(error))
            case never:
                assert_never(never)

    async def _halved(self, tenant: str, dispatch: UUID, messages: Sequence[OutboundMessage]) -> Parts:
        """Give both halves of a refused call dispatches of their own; nothing, where it is not ours any more."""
        middle, now = len(messages) // 2, self._clock.now()
        halves = {new_id(now): messages[:middle], new_id(now): messages[middle:]}
        if not await self._split(tenant, dispatch, halves):
            return {}
        await self._dispatcher.abandon(tenant, dispatch, "prepared", "refused whole, and tried in halves")
        return halves

    async def _refused(
        self, account: ProviderAccount, dispatch: UUID, messages: Sequence[OutboundMessage], error: ProviderRefused
    ) -> None:
        """Each of these messages was refused, with the whole call."""
        reports = [refusal(each.message, each.attempt, each.channel, error.code, error.detail) for each in messages]
        await self._reports.record([Told(account.tenant, account.provider, report) for report in reports])
        await self._dispatcher.abandon(account.tenant, dispatch, "prepared", str(error))

    async def settle(self, provider: OneCallProvider, account: ProviderAccount, dispatch: TakenDispatch) -> None:
        """Decide what became of a `prepared` dispatch whose answer nobody has read, as its provider's class says.

        Raises:
            ProviderError: the provider could not be asked; it is asked again later.
        """
        if provider.settlement is Settlement.NONE:
            await self._records.give_up_knowing(account, dispatch.id, "its answer was lost")
        elif provider.settlement is Settlement.COLLAPSE:
            why = "its answer was lost, and to send it twice is harmless"
            await self._dispatcher.abandon(account.tenant, dispatch.id, "prepared", why)
        else:
            await self._look_for(provider, account, dispatch)

    async def _look_for(self, provider: OneCallProvider, account: ProviderAccount, dispatch: TakenDispatch) -> None:
        assert dispatch.begun_at is not None, "one call is begun with `prepared`"  # noqa: S101
        if not (carries := await self._carried(account.tenant, dispatch.id)):
            async with self._database.connection() as connection:
                why = "its reports were faster than its answer"
                await close_undecided(connection, dispatch, why, self._clock.now())
            return
        submission = Submission(dispatch.id, dispatch.begun_at, [self._written(account, each) for each in carries])
        if provider.settlement is Settlement.MATCHED and not all(each.to for each in submission.messages):
            await self._records.give_up_knowing(
                account, dispatch.id, "what was sent can't be written again to look for it"
            )
            return
        try:
            found = await provider.find(account, submission)
        except ProviderAmbiguous as ambiguous:
            await self._records.give_up_knowing(account, dispatch.id, str(ambiguous))
            return
        if found and provider.settlement is Settlement.MATCHED and await self._is_anothers(account, dispatch, found):
            await self._records.give_up_knowing(account, dispatch.id, "what looks like it is another call's")
            return
        is_sure = self._clock.now() >= dispatch.begun_at + provider.look_up_after
        seen = {each.message for each in found.accepted} | {each.message for each in found.refused} if found else set()
        unseen = [each.id for each in carries if each.id not in seen and each.status == "sending"]
        if unseen and not is_sure:
            return
        why = "its provider has not seen it"
        if found is None:
            await self._dispatcher.abandon(account.tenant, dispatch.id, "prepared", why)
            return
        if unseen:
            await self._dispatcher.abandon(account.tenant, dispatch.id, "prepared", why, only=unseen)
        await self._records.adopt(account, submission, found)

    async def _is_anothers(self, account: ProviderAccount, dispatch: TakenDispatch, found: Submitted) -> bool:
        async with self._database.connection() as connection:
            return await named_by_another(connection, account.tenant, account.id, dispatch.id, found.batch)

    async def _split(self, tenant: str, dispatch: UUID, parts: Parts) -> bool:
        now = self._clock.now()
        async with self._database.connection() as connection:
            return await split(
                connection,
                tenant,
                dispatch,
                {part: [message.message for message in messages] for part, messages in parts.items()},
                now=now,
                lease_until=now + LEASE,
            )

    async def _carried(self, tenant: str, dispatch: UUID) -> list[Carried]:
        async with self._database.connection() as connection:
            carries = await carried(connection, tenant, dispatch)
            await self._templates.learn(
                connection, [(tenant, each.template, each.template_version) for each in carries]
            )
        return carries

    def _written(self, account: ProviderAccount, message: Carried) -> OutboundMessage:
        """A message as it was handed over; without recipient and words where nobody can write it again."""
        key = account.tenant, message.template, message.template_version
        content = self._templates.get(key)
        if content is not None and message.recipient is not None:
            try:
                return render(
                    content,
                    message.leg,
                    message.variables,
                    message=message.id,
                    attempt=message.attempt,
                    to=message.recipient,
                    pictures=self._templates.pictures(key),
                )
            except MessageError:
                pass
        return OutboundMessage(message.id, message.attempt, message.leg, "", "")


@dataclass
class _Run:
    """The calls of one dispatch, and of the halves that it falls into."""

    provider: OneCallProvider
    account: ProviderAccount
    before: dt.datetime | None
    splits: int = 0
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CALLS_AT_ONCE))

    def may_split(self) -> bool:
        """Counts it if so."""
        self.splits += 1
        return self.splits <= MOST_SPLITS
