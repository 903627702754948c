"""Reports of providers that do not call, or whose calls got lost: each account is asked for what has ended since it was
asked last, no faster than its provider allows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shared.messages.reports.naming import told_by
from shared.messages.reports.poll_store import DuePoll, decide_polls, mark_polled
from shared.messages.reports.reporting import Reports
from shared.platform.clock import Clock
from shared.platform.database import Database
from shared.platform.database.revisions import RevisionCache
from shared.platform.logs import log
from shared.platform.loops.sweeps import Limits, Sweep
from shared.platform.loops.turns import InTurn
from shared.providers import PolledProvider, Provider, ProviderAccount
from shared.tenants.accounts import Accounts

LIMITS = Limits(at_once=16, patience=dt.timedelta(seconds=50), work_for=dt.timedelta(seconds=20))

OVERLAP = dt.timedelta(minutes=2)
"""Asked for again each time: lists are late, and a report that is known already changes nothing."""


class _Ask(NamedTuple):
    due: DuePoll
    account: ProviderAccount | None


class Poller:
    """Asks accounts for reports.

    Args:
        database: for what is due, and what is known.
        providers: by name; those that can be polled are.
        accounts: the tenants' accounts.
        reports: takes what is said.
        clock: the time.
    """

    def __init__(
        self,
        database: Database,
        providers: Mapping[str, Provider],
        accounts: RevisionCache[Accounts],
        reports: Reports,
        clock: Clock,
    ) -> None:
        self._database = database
        self._polled: Mapping[str, PolledProvider] = {
            name: provider for name, provider in providers.items() if isinstance(provider, PolledProvider)
        }
        self._accounts = accounts
        self._reports = reports
        self._clock = clock
        in_turn = InTurn(self._take, lambda ask: ask.due.tenant)
        self._sweep = Sweep("polls", in_turn.take, self._ask, _fields, clock, LIMITS)

    async def poll(self) -> None:
        """Ask each account that is due."""
        await self._sweep.run()

    async def _take(self, limit: int, without: Sequence[str]) -> list[_Ask]:
        pace = {name: provider.polling.every for name, provider in self._polled.items()}
        async with self._database.connection() as connection:
            due = await decide_polls(connection, pace, now=self._clock.now(), limit=limit, without=without)
            accounts = await self._accounts.get(connection, {each.tenant: each.revision for each in due})
        return [_Ask(each, accounts[each.tenant].get(each.account)) for each in due]

    async def _ask(self, ask: _Ask) -> None:
        due, account = ask
        if account is None or account.provider not in self._polled:
            log("polling").error("its account can't be used, so it is not asked", extra={"fields": _fields(ask)})
            return
        provider = self._polled[account.provider]
        since = due.since - OVERLAP
        until = min(self._clock.now(), since + provider.polling.span)
        said = await provider.poll(account, since, until)
        await self._reports.record(await told_by(self._database, account, said))
        async with self._database.connection() as connection:
            await mark_polled(connection, due.identity, until)


def _fields(ask: _Ask) -> dict[str, object]:
    return {"tenant": ask.due.tenant, "account": ask.due.account}
