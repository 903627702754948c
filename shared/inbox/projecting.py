"""The inbox's copy at Firestore: what is to be made there, and what apps have marked there.

Here is the truth, so Firestore may be away for as long as it likes: what it does not know waits, and what it was told
is not lost.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from shared.contracts.outcomes import Outcome
from shared.contracts.reports import ProviderReport
from shared.inbox.firestore import MOST_WRITES, Firestore
from shared.inbox.store import (
    Document,
    Mark,
    copy_again,
    let_go,
    mark_read,
    settle_documents,
    take_documents,
    tenant_of,
)
from shared.messages.reports.reporting import Reports, Told
from shared.platform.clock import Clock
from shared.platform.database import Database
from shared.platform.logs import log
from shared.platform.loops.turns import InTurn
from shared.providers import ProviderError

PROVIDER, CHANNEL, READ = "inapp", "inapp", "read"

FIRST, LONGEST = dt.timedelta(seconds=10), dt.timedelta(minutes=10)
"""Until what was not written is tried again: longer each time."""

LIFE = dt.timedelta(days=90)
"""How long an inbox keeps a message."""

MOST_MARKS = 300
WORK_FOR = dt.timedelta(seconds=20)


class Projection:
    """Makes documents of messages.

    Args:
        database: of the inbox.
        firestore: where the documents are; None: nowhere, so there is nothing to be made.
        clock: the time.
    """

    def __init__(self, database: Database, firestore: Firestore | None, clock: Clock) -> None:
        self._database = database
        self._firestore = firestore
        self._clock = clock
        self._due = InTurn(self._take, lambda document: document.tenant)

    async def project(self) -> None:
        """Take away what is old, and make all documents as their messages are; those that fail are left to later."""
        leave_at = self._clock.now() + WORK_FOR
        while self._clock.now() < leave_at:
            async with self._database.connection() as connection:
                if await let_go(connection, self._clock.now() - LIFE, MOST_WRITES) < MOST_WRITES:
                    break
        while self._clock.now() < leave_at and (documents := await self._due.take(MOST_WRITES)):
            try:
                made = await self._firestore.write(documents) if self._firestore else documents
            except ProviderError as error:
                log("inbox").warning("not copied, and tried again later: %s", error)
                return
            if left := len(documents) - len(made):
                log("inbox").warning("not copied, and tried again later", extra={"fields": {"documents": left}})
            async with self._database.connection() as connection:
                await settle_documents(connection, made)

    async def _take(self, limit: int, without: Sequence[str]) -> list[Document]:
        async with self._database.connection() as connection:
            return await take_documents(
                connection, now=self._clock.now(), first=FIRST, longest=LONGEST, limit=limit, without=without
            )


class Marks:
    """Tells what was read, whoever marks it.

    Args:
        database: of the inbox.
        firestore: where apps mark it; None: nowhere.
        reports: take it.
        clock: the time.
    """

    def __init__(self, database: Database, firestore: Firestore | None, reports: Reports, clock: Clock) -> None:
        self._database = database
        self._firestore = firestore
        self._reports = reports
        self._clock = clock

    async def collect(self) -> None:
        """Report what apps have marked since. A document is noted as told only after that, so that none is missed."""
        while self._firestore is not None:
            try:
                documents = await self._firestore.read(MOST_MARKS)
                await self._report([each.mark for each in documents if each.mark is not None])
                if documents:
                    await self._firestore.tell([each.name for each in documents])
            except ProviderError as error:
                log("inbox").warning("what was read is asked for later: %s", error)
                return
            if len(documents) < MOST_MARKS:
                return

    async def mark(self, message: UUID) -> bool:
        """Somebody has read a message here: its document says so, too. False: no inbox has it."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            tenant = await tenant_of(connection, message)
            if tenant is None:
                return False
            await mark_read(connection, [Mark(tenant, message, now)])
            await copy_again(connection, tenant, message, now)
        await self._report([Mark(tenant, message, now)])
        return True

    async def _report(self, marks: Sequence[Mark]) -> None:
        if not marks:
            return
        async with self._database.connection() as connection:
            found = await mark_read(connection, sorted(set(marks)))
        await self._reports.record(
            [
                Told(
                    each.tenant,
                    PROVIDER,
                    ProviderReport(
                        message=each.message,
                        attempt=each.attempt,
                        channel=CHANNEL,
                        provider_message_id=str(each.message),
                        code=READ,
                        outcome=Outcome.READ,
                        at=each.read_at,
                    ),
                )
                for each in found
            ]
        )
