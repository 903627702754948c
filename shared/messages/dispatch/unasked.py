"""What nobody can be asked about: a person is told, and a message ends once no report is to be expected any more.

Its account's key was revoked, its credentials can't be opened, it is gone, or its provider does not answer. What was
handed over is never sent again: it may have arrived. A report that comes after all is joined as ever, and then a
delivery is charged as one that comes after its hold was given back: as far as there is credit.
"""

from __future__ import annotations

import datetime as dt

from shared.contracts.outcomes import Outcome
from shared.messages.dispatch.sweep_store import TakenDispatch, close_undecided, unsettled
from shared.messages.metrics import OURSELVES
from shared.messages.reasons import ACCOUNT_NOT_ASKED, NOBODY_TO_ASK, SENTENCES
from shared.messages.reports.reporting import Reports, Told, refusal
from shared.platform.clock import Clock
from shared.platform.database import Database
from shared.platform.signals.alerts import raise_alert

ALERT_AFTER = dt.timedelta(hours=1)
"""A provider that has not answered for so long is told of; one that is away for minutes is not."""

NOT_USABLE = "its credentials can't be opened, it is gone, or this release does not know its provider"


class Unasked:
    """Ends what nobody can be asked about.

    Args:
        database: for the alert and the records.
        reports: takes the ends of messages.
        clock: the time.
    """

    def __init__(self, database: Database, reports: Reports, clock: Clock) -> None:
        self._database = database
        self._reports = reports
        self._clock = clock

    async def note(self, dispatch: TakenDispatch, why: str) -> None:
        """Take note that a dispatch could not be asked about.

        Args:
            dispatch: `prepared` or `sent`.
            why: for people; `NOT_USABLE` where there is nobody to ask in its account's name.
        """
        now = self._clock.now()
        async with self._database.connection() as connection:
            if why == NOT_USABLE or now - dispatch.created_at >= ALERT_AFTER:
                detail = (
                    f"account {dispatch.account} can't be asked what became of messages (발송 계정 확인 불가): {why}"
                )
                await raise_alert(connection, dispatch.tenant, ACCOUNT_NOT_ASKED, detail[:500], now)
            waiting = await unsettled(connection, [dispatch])
        over = [message for message in waiting if now >= dispatch.created_at + message.last_word]
        detail = f"{SENTENCES[NOBODY_TO_ASK]}: {why}"
        await self._reports.record(
            [
                Told(
                    dispatch.tenant,
                    OURSELVES,
                    refusal(
                        message.id, message.attempt, message.channel, NOBODY_TO_ASK, detail, outcome=Outcome.EXPIRED
                    ),
                )
                for message in over
            ]
        )
        if dispatch.state == "prepared" and len(over) == len(waiting):
            async with self._database.connection() as connection:
                await close_undecided(connection, dispatch, f"nobody could be asked: {why}"[:500], now)
