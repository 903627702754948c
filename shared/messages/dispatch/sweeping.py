"""What has waited too long: calls that nobody finished, reports that never came, channels whose time is over."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple
from uuid import UUID

from shared.contracts.channels import is_reported
from shared.contracts.outcomes import Outcome
from shared.contracts.reports import ProviderReport
from shared.messages.dispatch.dispatching import FIRST_CHECK, LEASE, Dispatcher
from shared.messages.dispatch.submitting import Submitter
from shared.messages.dispatch.sweep_store import (
    OpenMessage,
    TakenDispatch,
    close,
    decide_checks,
    decide_deadlines,
    decide_leases,
    unsettled,
)
from shared.messages.dispatch.unasked import NOT_USABLE, Unasked
from shared.messages.metrics import OURSELVES
from shared.messages.reasons import (
    ACCOUNT_AMISS,
    ACCOUNT_NOT_ASKED,
    ANSWER_LOST,
    DEADLINE,
    NO_REPORT,
    SENTENCES,
    WORDS_REFUSED,
)
from shared.messages.reports.naming import told_by
from shared.messages.reports.reporting import Reports, Told, refusal, taken
from shared.messages.status import Status
from shared.platform.clock import Clock
from shared.platform.database import Database
from shared.platform.database.revisions import RevisionCache
from shared.platform.logs import log
from shared.platform.loops.sweeps import Limits, Sweep
from shared.platform.loops.turns import InTurn
from shared.platform.signals.alerts import resolve_raised_before
from shared.providers import Provider, ProviderAccount, ProviderError, Settlement
from shared.tenants.accounts import Accounts

LIMITS = Limits(at_once=32, patience=dt.timedelta(seconds=20), work_for=dt.timedelta(seconds=20))
"""Of asking a provider what became of dispatches."""

LONGEST_WITHOUT_CHECK = dt.timedelta(hours=1)
"""A dispatch that nobody finishes or says anything of is looked at again after twice as long each time, and this at
most."""

TOLD_FOR = dt.timedelta(days=1)
"""How long alerts stay open whose end nobody tells."""


class _Undecided(NamedTuple):
    """A dispatch that was begun and left. `account`: None where nobody can be asked in its name just now."""

    dispatch: TakenDispatch
    account: ProviderAccount | None


class _Unreported(NamedTuple):
    """A sent dispatch with those of its messages that have no end, as of `now`. `account`: as of an undecided one."""

    dispatch: TakenDispatch
    account: ProviderAccount | None
    messages: Sequence[OpenMessage]
    now: dt.datetime


class Sweeper:
    """Mends what crashes and losses leave behind.

    Args:
        database: for claims.
        providers: by name.
        accounts: the tenants' accounts.
        dispatcher: ends dispatches.
        reports: takes what look-ups find.
        clock: the time.
    """

    def __init__(
        self,
        database: Database,
        providers: Mapping[str, Provider],
        accounts: RevisionCache[Accounts],
        dispatcher: Dispatcher,
        reports: Reports,
        clock: Clock,
    ) -> None:
        self._database = database
        self._providers = providers
        self._accounts = accounts
        self._dispatcher = dispatcher
        self._reports = reports
        self._clock = clock
        self._unasked = Unasked(database, reports, clock)
        self._submitter = Submitter(database, dispatcher, reports, clock)
        undecided = InTurn(self._take_undecided, _tenant)
        unreported = InTurn(partial(self._take_sent, decide_checks), _tenant)
        overdue = InTurn(partial(self._take_sent, decide_deadlines), _tenant)
        self._undecided = Sweep("decide", undecided.take, self._settle, _fields, clock, LIMITS)
        self._unreported = Sweep("check", unreported.take, self._ask, _fields, clock, LIMITS)
        self._overdue = Sweep("deadlines", overdue.take, self._ask, _fields, clock, LIMITS)

    async def sweep(self) -> None:
        """Look once at everything that may have waited too long."""
        await self.decide()
        await self.deadlines()
        await self.check()
        await self.end_alerts()

    async def decide(self) -> None:
        """Finish dispatches that were begun and left.

        An `open` one was never sent, for the provider is told to send only after the row says `prepared`. What became
        of a `prepared` one is settled as its provider's class says.
        """
        await self._undecided.run()

    async def _take_undecided(self, limit: int, without: Sequence[str]) -> list[_Undecided]:
        now = self._clock.now()
        async with self._database.connection() as connection:
            left = await decide_leases(
                connection, now=now, first=LEASE, longest=LONGEST_WITHOUT_CHECK, limit=limit, without=without
            )
            accounts = await self._accounts.get(connection, {each.tenant: each.revision for each in left})
        return [_Undecided(each, self._account(accounts, each) if each.state == "prepared" else None) for each in left]

    async def _settle(self, left: _Undecided) -> None:
        dispatch, account = left.dispatch, left.account
        if dispatch.state == "open":
            await self._dispatcher.abandon(dispatch.tenant, dispatch.id, "open", "its instance ended before sending")
        elif account is None:
            await self._unasked.note(dispatch, NOT_USABLE)
        else:
            try:
                await self._settle_as(self._providers[account.provider], account, dispatch)
            except ProviderError as error:
                await self._unasked.note(dispatch, str(error))
                raise

    async def _settle_as(self, provider: Provider, account: ProviderAccount, dispatch: TakenDispatch) -> None:
        if provider.settlement is not Settlement.TWO_PHASE:
            await self._submitter.settle(provider, account, dispatch)
        else:
            assert dispatch.batch is not None, "what is prepared in two phases has its name"  # noqa: S101
            await self._dispatcher.settle(provider, account, dispatch.id, dispatch.batch)

    def _account(self, accounts: Mapping[str, Accounts], dispatch: TakenDispatch) -> ProviderAccount | None:
        """The account that made a dispatch, or None where nobody can be asked in its name just now."""
        account = accounts[dispatch.tenant].get(dispatch.account)
        if account is None or account.provider not in self._providers:
            fields = {"tenant": dispatch.tenant, "dispatch": dispatch.id}
            log("sweeping").error("its account can't be used, so nobody can be asked", extra={"fields": fields})
            return None
        return account

    async def check(self) -> None:
        """Ask about sent dispatches whose reports are missing."""
        await self._unreported.run()

    async def deadlines(self) -> None:
        """Ask about sent dispatches that carry messages whose channel's time is over, and let those go on."""
        await self._overdue.run()

    async def end_alerts(self) -> None:
        """End the alerts of refused words, and of accounts that can't be asked or are set up wrong, a day after: nobody
        can say that the next message will leave, or that every account of the tenant was asked."""
        now = self._clock.now()
        async with self._database.connection() as connection:
            for kind in (WORDS_REFUSED, ACCOUNT_NOT_ASKED, ACCOUNT_AMISS):
                await resolve_raised_before(connection, kind, now - TOLD_FOR, now)

    async def _take_sent(
        self, take: Callable[..., Awaitable[list[TakenDispatch]]], limit: int, without: Sequence[str]
    ) -> list[_Unreported]:
        now = self._clock.now()
        async with self._database.connection() as connection:
            due = await take(
                connection, now=now, first=FIRST_CHECK, longest=LONGEST_WITHOUT_CHECK, limit=limit, without=without
            )
            accounts = await self._accounts.get(connection, {each.tenant: each.revision for each in due})
            waiting: dict[tuple[str, UUID], list[OpenMessage]] = defaultdict(list)
            for message in await unsettled(connection, due):
                waiting[message.tenant, message.dispatch].append(message)
        return [
            _Unreported(each, self._account(accounts, each), waiting.get((each.tenant, each.id), ()), now)
            for each in due
        ]

    async def _ask(self, unreported: _Unreported) -> None:
        dispatch, account, now = unreported.dispatch, unreported.account, unreported.now
        if not unreported.messages:  # the last two came to their ends at once: neither report could close it
            async with self._database.connection() as connection:
                await close(connection, [dispatch], self._clock.now())
            return
        if accepted := [each for each in unreported.messages if _is_taken(each)]:
            # Its instance ended before it wrote down that they have arrived.
            by = account.provider if account else OURSELVES
            await self._reports.record(
                [Told(dispatch.tenant, by, taken(each.id, each.attempt, each.channel, None)) for each in accepted]
            )
            unreported = unreported._replace(messages=[each for each in unreported.messages if not _is_taken(each)])
            if not unreported.messages:
                return
        if dispatch.batch is None:
            await self._reports.record(
                [
                    Told(dispatch.tenant, OURSELVES, report)
                    for message in unreported.messages
                    if (report := unheard_of(message, dispatch.created_at + message.last_word, now))
                ]
            )
            return
        if account is None:
            await self._unasked.note(dispatch, NOT_USABLE)
            return
        try:
            found = await self._providers[account.provider].batch_reports(account, dispatch.batch)
        except ProviderError as error:
            await self._unasked.note(dispatch, str(error))
            raise
        told_of = [each.report for each in await told_by(self._database, account, found)]
        said = {(report.message, report.attempt): report for report in told_of}
        told = [
            Told(account.tenant, account.provider, report)
            for message in unreported.messages
            if (
                report := overdue(
                    message,
                    said.get((message.id, message.attempt)),
                    dispatch.created_at + message.last_word,
                    now,
                )
            )
        ]
        await self._reports.record(told)


def _is_taken(message: OpenMessage) -> bool:
    """Whether its provider has taken it, and tells no more."""
    return message.status is Status.SENT and not is_reported(message.channel)


def _tenant(due: _Undecided | _Unreported) -> str:
    return due.dispatch.tenant


def _fields(due: _Undecided | _Unreported) -> dict[str, object]:
    return {"tenant": due.dispatch.tenant, "dispatch": due.dispatch.id}


def unheard_of(message: OpenMessage, last_word_at: dt.datetime, now: dt.datetime) -> ProviderReport | None:
    """What becomes of a message of which nobody can say whether it was sent: it is `unknown`, whatever its route, until
    no report can come any more, and then it ends. Arguments as of `overdue`."""
    if now >= last_word_at:
        outcome = Outcome.EXPIRED
    elif message.status is Status.SENDING:
        outcome = Outcome.UNCONFIRMED
    else:
        return None
    return refusal(message.id, message.attempt, message.channel, ANSWER_LOST, SENTENCES[ANSWER_LOST], outcome=outcome)


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
