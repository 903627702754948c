"""What became of a call that sends: what its provider has taken and refused, and what nobody will ever know of it."""

from __future__ import annotations

from uuid import UUID

from shared.contracts.channels import is_reported
from shared.contracts.outcomes import Outcome
from shared.customers.devices_store import forget_devices, mark_bounced
from shared.messages.dispatch.dispatching import FIRST_CHECK, Dispatcher
from shared.messages.dispatch.submit_store import carried, customers_of, mark_sent, mark_unknown
from shared.messages.metrics import OURSELVES, count_sent
from shared.messages.reasons import ACCOUNT_AMISS, ANSWER_LOST, SENTENCES
from shared.messages.reports.reporting import Reports, Told, refusal, taken
from shared.platform.clock import Clock
from shared.platform.database import Database
from shared.platform.logs import log
from shared.platform.signals.alerts import raise_alert
from shared.providers import ProviderAccount, ProviderBusy, Submission, Submitted


class CallRecords:
    """Writes down what became of calls.

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

    async def leave(self, account: ProviderAccount, submission: Submission, submitted: Submitted) -> None:
        """Queue again what the provider has not taken of a call that it has taken in part.

        First of all: whoever ends before that leaves a call that is settled by its class.
        """
        seen = {each.message for each in submitted.accepted} | {each.message for each in submitted.refused}
        unseen = [each.message for each in submission.messages if each.message not in seen]
        if unseen:
            why = str(submitted.left or "its provider has not seen it")
            again_in = submitted.left.again_in if isinstance(submitted.left, ProviderBusy) else None
            await self._dispatcher.abandon(
                account.tenant, submission.dispatch, "prepared", why, only=unseen, again_in=again_in
            )

    async def adopt(self, account: ProviderAccount, submission: Submission, submitted: Submitted) -> None:
        """Record what the provider has taken and what it has refused.

        Refusals first: whoever ends in between leaves a call that is found again. Where nobody tells what becomes of
        what was taken, it has arrived; whoever ends before that is written leaves it to the sweep. What is gone is
        forgotten last: whoever does not come to that is told of it again.
        """
        if submitted.amiss is not None:
            detail = f"account {account.id} at {account.provider}: {submitted.amiss}"
            async with self._database.connection() as connection:
                await raise_alert(connection, account.tenant, ACCOUNT_AMISS, detail[:500], self._clock.now())
        if submitted.refused:
            await self._reports.record([Told(account.tenant, account.provider, each) for each in submitted.refused])
        if not submitted.accepted:
            await self._dispatcher.abandon(account.tenant, submission.dispatch, "prepared", "none of it was taken")
            await self._forget(account, submission, submitted)
            return
        channels = {message.message: message.channel for message in submission.messages}
        accepted = [(each.message, channels[each.message], each.provider_message_id) for each in submitted.accepted]
        now, calls = self._clock.now(), self._dispatcher.calls.due(account)
        async with self._database.connection() as connection:
            await mark_sent(
                connection,
                account.tenant,
                submission.dispatch,
                accepted,
                batch=submitted.batch,
                now=now,
                check_at=now + FIRST_CHECK,
                calls=calls,
            )
        count_sent(account.provider, (channel for _, channel, _ in accepted))
        attempts = {message.message: message.attempt for message in submission.messages}
        await self._reports.record(
            [
                Told(account.tenant, account.provider, taken(message, attempts[message], channel, named))
                for message, channel, named in accepted
                if not is_reported(channel)
            ]
        )
        await self._forget(account, submission, submitted)

    async def _forget(self, account: ProviderAccount, submission: Submission, submitted: Submitted) -> None:
        """Send nothing more to the devices and addresses that the provider found gone."""
        if not submitted.gone:
            return
        addresses = {message.to: message.message for message in submission.messages if message.channel == "email"}
        bounced = [address for address in submitted.gone if address in addresses]
        devices = [token for token in submitted.gone if token not in addresses]
        async with self._database.connection() as connection:
            if devices:
                await forget_devices(connection, account.tenant, devices)
            if bounced:
                theirs = await customers_of(connection, account.tenant, [addresses[each] for each in bounced])
                await mark_bounced(connection, account.tenant, theirs, bounced, now=self._clock.now())

    async def give_up_knowing(self, account: ProviderAccount, dispatch: UUID, why: str) -> None:
        """Nobody will know whether it was sent: its messages are `unknown`, and whoever sweeps sees to their end."""
        now = self._clock.now()
        log("sending").error("nobody can say whether it was sent: %s", why, extra={"fields": fields_of(account)})
        async with self._database.connection() as connection:
            carries = await carried(connection, account.tenant, dispatch)
            await mark_unknown(
                connection, account.tenant, dispatch, error=why[:500], now=now, check_at=now + FIRST_CHECK
            )
        await self._reports.record(
            [
                Told(
                    account.tenant,
                    OURSELVES,
                    refusal(
                        each.id,
                        each.attempt,
                        each.leg,
                        ANSWER_LOST,
                        SENTENCES[ANSWER_LOST],
                        outcome=Outcome.UNCONFIRMED,
                    ),
                )
                for each in carries
                if each.status == "sending"
            ]
        )


def fields_of(account: ProviderAccount) -> dict[str, object]:
    """Whose call it was, for a line of the log."""
    return {"tenant": account.tenant, "account": account.id, "provider": account.provider}
