"""Takes note of how calls to providers go.

What fails or is slow is written down at once: it is rare, and the next claim must know. Of what goes well an instance
keeps count, and writes that down every few seconds as a part of the statement that says what was sent: so an account
that is well costs no statement. What an instance has not written when it ends is lost, and nothing hangs on it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from shared.messages.dispatch.health.health_store import Known, Tally, count, follow, read
from shared.messages.dispatch.health.rules import (
    NO_CALLS,
    SLOW_FROM,
    Breaker,
    Health,
    breaker,
    judged,
    latency_bucket,
    tried,
)
from shared.platform.clock import Clock
from shared.platform.database import PASSING_ERRORS, Database
from shared.platform.logs import log
from shared.providers import ProviderAccount, ProviderBusy, ProviderError, ProviderRefused
from shared.tenants.accounts import identity_of

WRITTEN_EVERY = dt.timedelta(seconds=5)
"""Counts of what went well, for each account."""

TIMES = 3
"""That somebody else may be faster to write what follows; what they wrote was of the same calls, or of more."""

MAX_ERROR = 300


@dataclass(slots=True)
class _Counts:
    """Calls by an account that this instance has not written down."""

    latencies: list[int] = field(default_factory=lambda: list(NO_CALLS))
    failures: int = 0
    in_a_row: int = 0
    went_well: bool = False
    error: str | None = None
    written_at: dt.datetime | None = None


class Measuring:
    """The calls of one instance.

    Args:
        database: where accounts' health is.
        clock: the time.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._counts: dict[str, _Counts] = {}
        self._on_trial: set[str] = set()

    def begin_trial(self, account: ProviderAccount) -> None:
        """The next call by an account is the trial that a claim has taken."""
        self._on_trial.add(identity_of(account))

    async def went_well(self, account: ProviderAccount, began: dt.datetime) -> None:
        """A call that began at that moment has ended, and the provider has done what it was asked to, or refused it for
        what it was: it works."""
        took, identity = self._clock.now() - began, identity_of(account)
        counts = self._counts.setdefault(identity, _Counts())
        counts.latencies[latency_bucket(took)] += 1
        counts.went_well, counts.in_a_row = True, 0
        if identity in self._on_trial or latency_bucket(took) >= SLOW_FROM:
            await self._tell(account, identity, well=True)

    async def failed(self, account: ProviderAccount, began: dt.datetime, error: ProviderError) -> None:
        """A call that began at that moment came to an error. A pause that was asked for, and a refusal, are none of the
        account's."""
        if isinstance(error, ProviderBusy | ProviderRefused):
            await self.went_well(account, began)
            return
        identity = identity_of(account)
        counts = self._counts.setdefault(identity, _Counts())
        counts.latencies[latency_bucket(self._clock.now() - began)] += 1
        counts.failures, counts.in_a_row, counts.error = counts.failures + 1, counts.in_a_row + 1, str(error)
        await self._tell(account, identity, well=False)

    def due(self, account: ProviderAccount) -> Tally | None:
        """What is to be written down now with what is written anyway; it is taken for written. None: nothing yet."""
        identity, now = identity_of(account), self._clock.now()
        counts = self._counts.get(identity)
        if counts is None or not any(counts.latencies):
            return None
        if counts.written_at is not None and now - counts.written_at < WRITTEN_EVERY:
            return None
        return self._taken(account, identity)

    def _taken(self, account: ProviderAccount, identity: str) -> Tally:
        counts = self._counts[identity]
        self._counts[identity] = _Counts(written_at=self._clock.now())
        error = None if counts.error is None else counts.error[:MAX_ERROR]
        return Tally(
            account.tenant, account.id, counts.latencies, counts.failures, counts.in_a_row, counts.went_well, error
        )

    async def _tell(self, account: ProviderAccount, identity: str, *, well: bool) -> None:
        """Write down what was counted, and what follows. The call has its end whether that can be written or not."""
        on_trial = identity in self._on_trial
        self._on_trial.discard(identity)
        try:
            async with self._database.connection() as connection:
                known = await count(connection, self._taken(account, identity), self._clock.now())
                for _ in range(TIMES):
                    if known is None:
                        return
                    follows = self._following(known, well=well, on_trial=on_trial)
                    if follows is known.health or await follow(connection, known, follows):
                        _log(account, known.health, follows, self._clock.now())
                        return
                    known = await read(connection, known.identity)
        except PASSING_ERRORS:
            log("health").warning("an account's calls were not counted", extra={"fields": _fields(account)})

    def _following(self, known: Known, *, well: bool, on_trial: bool) -> Health:
        now = self._clock.now()
        return tried(known.health, now, well=well) if on_trial else judged(known.health, now)


def _log(account: ProviderAccount, was: Health, follows: Health, now: dt.datetime) -> None:
    if was is follows:
        return
    state = breaker(follows, now)
    fields = {**_fields(account), "breaker": state, "weight": follows.weight, "until": follows.open_until}
    if state is Breaker.OPEN:
        log("health").warning("nothing is sent by this account for a while", extra={"fields": fields})
    else:
        log("health").info("an account is sent by more or less", extra={"fields": fields})


def _fields(account: ProviderAccount) -> dict[str, object]:
    return {"tenant": account.tenant, "account": account.id, "provider": account.provider}
