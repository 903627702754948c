"""The second phase of a dispatch of two, the same after a crash as before one: have the batch sent once, and record it.

And the end of what was certainly not sent, however its provider sends."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from shared.messages.dispatch.fairness.pace_store import pause
from shared.messages.dispatch.health.measuring import Measuring
from shared.messages.dispatch.retries_store import decide_retries
from shared.messages.dispatch.submit_store import mark_sent
from shared.messages.dispatch.sweep_store import DispatchState
from shared.messages.metrics import count_sent
from shared.messages.reasons import PROVIDER_UNAVAILABLE
from shared.platform.clock import Clock
from shared.platform.database import Database
from shared.platform.ids import new_id
from shared.platform.logs import log
from shared.providers import (
    BatchState,
    ProviderAccount,
    ProviderBusy,
    ProviderError,
    ProviderRefused,
    TwoPhaseProvider,
)

LEASE = dt.timedelta(seconds=60)
"""How long a dispatch is its instance's own. Longer than a provider's slowest answer, or two would work on it."""

FIRST_CHECK = dt.timedelta(seconds=30)
"""When a dispatch is first looked at again, should reports not have come by themselves."""

MAX_TRIES = 8
RETRY_DELAY = dt.timedelta(seconds=2)
"""Before the second try; each later one waits four times as long. So messages outlive an outage of three hours, unless
their own moment is over before."""

SEND_ATTEMPTS = 3

AcceptedMessage = tuple[UUID, str, str | None]
"""Our id, the channel it took, the provider's id."""


class _Unsent(NamedTuple):
    """Why a batch was certainly not sent. The rest is as of `Dispatcher.abandon`."""

    why: str
    again_in: dt.timedelta | None = None
    tried: bool = False


class Dispatcher:
    """Ends dispatches, one way or the other.

    Args:
        database: for the records.
        clock: the time.

    Attributes:
        calls: how they go by which account.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.calls = Measuring(database, clock)

    async def complete(
        self,
        provider: TwoPhaseProvider,
        account: ProviderAccount,
        dispatch: UUID,
        batch: str,
        accepted: Sequence[AcceptedMessage],
        *,
        began: dt.datetime,
        before: dt.datetime | None,
    ) -> None:
        """Have a batch sent that was just prepared, and record it.

        Whenever an answer is lost, the provider is asked what became of the batch. When even that gets no answer, the
        dispatch stays `prepared`, and whoever sweeps settles it once its lease is over.

        Args:
            provider: the account's.
            account: whose batch it is.
            dispatch: our record of it, in state `prepared`.
            batch: the provider's id.
            accepted: the messages in it.
            began: when the provider was first called for it.
            before: at that moment or later it is not sent any more but taken back, and each message is claimed anew;
                None: it may leave at any time.
        """
        try:
            if unsent := await self._unsent(provider, account, batch, before):
                await self._withdraw(provider, account, dispatch, batch, unsent)
            else:
                await self.calls.went_well(account, began)
                await self._record_sent(account, dispatch, accepted)
        except ProviderError as error:
            log("dispatching").warning(
                "undecided, will be asked about: %s",
                error,
                extra={"fields": {"tenant": account.tenant, "dispatch": dispatch, "provider": account.provider}},
            )

    async def settle(self, provider: TwoPhaseProvider, account: ProviderAccount, dispatch: UUID, batch: str) -> None:
        """Decide what became of a `prepared` dispatch whose instance ended, by asking.

        A batch that still waits is taken back rather than sent: since then a message's run may have moved, or its
        moment be over, and its next claim looks at that.

        Raises:
            ProviderError: the provider could not be asked.
        """
        if await provider.batch_state(account, batch) is BatchState.SENT:
            held = await provider.batch_reports(account, batch)
            accepted = [(report.message, report.channel, report.provider_message_id) for report in held]
            await self._record_sent(account, dispatch, accepted)
        else:
            await self._withdraw(provider, account, dispatch, batch, _Unsent("its instance ended before sending"))

    def _over(self, before: dt.datetime | None) -> bool:
        return before is not None and self._clock.now() >= before

    async def _unsent(
        self, provider: TwoPhaseProvider, account: ProviderAccount, batch: str, before: dt.datetime | None
    ) -> _Unsent | None:
        """Tell the provider to send until it is certain whether it did. None: it did."""
        for attempt in range(SEND_ATTEMPTS):
            if self._over(before):
                return _Unsent("its hours were over")
            began = self._clock.now()
            try:
                await provider.send(account, batch)
            except ProviderBusy as busy:  # it did not look at the request, and what became of those before is known
                return _Unsent(str(busy), again_in=busy.again_in)
            except ProviderError as error:
                await self.calls.failed(account, began, error)
                log("dispatching").info("asking what became of a batch: %s", error)
                state = await self._asked(provider, account, batch)
                if state is BatchState.SENT:
                    return None
                if state is BatchState.ABSENT or isinstance(error, ProviderRefused):
                    break
                await self._clock.sleep(RETRY_DELAY.total_seconds() * 2**attempt)
            else:
                return None
        return _Unsent("the provider would not send the batch", tried=True)

    async def _asked(self, provider: TwoPhaseProvider, account: ProviderAccount, batch: str) -> BatchState:
        for attempt in range(SEND_ATTEMPTS - 1):
            try:
                return await provider.batch_state(account, batch)
            except ProviderError:
                await self._clock.sleep(RETRY_DELAY.total_seconds() * 2**attempt)
        return await provider.batch_state(account, batch)

    async def _withdraw(
        self, provider: TwoPhaseProvider, account: ProviderAccount, dispatch: UUID, batch: str, unsent: _Unsent
    ) -> None:
        """Take a batch back from the provider, so that nobody can send it any more, and only then queue it again."""
        try:
            await provider.discard(account, batch)
        except ProviderError:
            if unsent.again_in is not None:  # the others need not knock
                async with self._database.connection() as connection:
                    await pause(connection, account.tenant, account.id, again_in=unsent.again_in, now=self._clock.now())
            raise
        await self.abandon(
            account.tenant, dispatch, "prepared", unsent.why, again_in=unsent.again_in, tried=unsent.tried
        )

    async def _record_sent(self, account: ProviderAccount, dispatch: UUID, accepted: Sequence[AcceptedMessage]) -> None:
        now = self._clock.now()
        calls = self.calls.due(account)
        async with self._database.connection() as connection:
            await mark_sent(
                connection, account.tenant, dispatch, accepted, now=now, check_at=now + FIRST_CHECK, calls=calls
            )
        count_sent(account.provider, (channel for _, channel, _ in accepted))

    async def abandon(
        self,
        tenant: str,
        dispatch: UUID,
        state: DispatchState,
        error: str,
        *,
        only: Sequence[UUID] | None = None,
        reason: str = PROVIDER_UNAVAILABLE,
        again_in: dt.timedelta | None = None,
        tried: bool = False,
    ) -> None:
        """Give up a dispatch that was certainly never sent; its messages are queued again, or fail after the last try.

        Args:
            tenant: whose.
            dispatch: our record.
            state: the state it must still be in, or it is left alone.
            error: why, for people.
            only: give up these of its messages and go on with the others.
            reason: why, as the code of messages that fail.
            again_in: when the provider wants to be asked again; then it was no try.
            tried: whether it was the account's or its provider's fault: another account has the next turn, if there is
                one.
        """
        now = self._clock.now()
        async with self._database.connection() as connection:
            requeued = await decide_retries(
                connection,
                tenant,
                dispatch,
                only=only,
                state=state,
                reason=reason,
                error=error[:500],
                max_tries=MAX_TRIES,
                ticket=new_id(now),
                retry_delay=RETRY_DELAY,
                again_in=again_in,
                tried=tried,
                now=now,
            )
        if requeued:
            log("dispatching").warning(
                "not sent, queued again: %s", error, extra={"fields": {"tenant": tenant, "messages": requeued}}
            )
