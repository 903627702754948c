"""What the database tells of the platform, as values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import takewhile


@dataclass(frozen=True, slots=True)
class Gauges:
    """The whole platform's. Moments are None where there is nothing, or nothing yet.

    last_tick_at, last_sweeps_at, last_callback_at: when a tick worked, when all sweeps did, and when a provider's call
        was taken, to the minute.
    tickets: in the outbox.
    outbox_age: seconds that the oldest of them waits since it was first due, below zero where none is due; None where
        there is none.
    oldest_queued_at: when the message was due that waits longest to be sent, those left out that wait for credit,
        or of whose tenant or one of its accounts somebody has said that it sends nothing now.
    next_step_at: when the next step is due, or was.
    oldest_hold_at: when the oldest dispatch was made whose messages may still be held for.
    new_dead_letters: of ten minutes; `open_dead_letters`: all that nobody has decided on.
    payment_failures: of an hour.
    months_until: the first day that has no month of its own yet; None where there are no months.
    connections, max_connections: to the server: in use, and as many as it takes.
    """

    last_tick_at: dt.datetime | None
    last_sweeps_at: dt.datetime | None
    last_callback_at: dt.datetime | None
    tickets: int
    outbox_age: float | None
    oldest_queued_at: dt.datetime | None
    next_step_at: dt.datetime | None
    oldest_hold_at: dt.datetime | None
    new_dead_letters: int
    open_dead_letters: int
    payment_failures: int
    months_until: dt.date | None
    connections: int
    max_connections: int


@dataclass(frozen=True, slots=True)
class Account:
    """An active account at a provider.

    states, moments: of its newest decided dispatches, newest first: what became of each, and when it was made.
    left_lately: whether anything of its tenant left in the time that was asked about.
    certificate_until: the last day of its transmission certificate, in Korea; None where it is used under none.
    carries: the channels that it is for.
    opened_at: since when nothing is sent by it but what tries it, for it failed; None while it works. `error`: what it
        said last.
    tenants: how many send by the very same account at the provider.
    """

    tenant: str
    id: str
    provider: str
    states: Sequence[str]
    moments: Sequence[dt.datetime]
    left_lately: bool
    certificate_until: dt.date | None = None
    carries: Sequence[str] = ()
    opened_at: dt.datetime | None = None
    error: str | None = None
    tenants: int = 1


@dataclass(frozen=True, slots=True)
class Undecided:
    """Dispatches of an account of which nobody knows for too long whether they were sent."""

    tenant: str
    account: str
    dispatches: int
    since: dt.datetime


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """An open row of `alerts`. Of low credit: what is `available`, and below what that is low."""

    tenant: str
    kind: str
    detail: str
    available: Decimal | None
    low_balance: Decimal | None


@dataclass(frozen=True, slots=True)
class Figures:
    """All that was read at a moment. `latency`: seconds that the database took to answer nothing."""

    now: dt.datetime
    latency: float
    gauges: Gauges
    accounts: Sequence[Account]
    undecided: Sequence[Undecided]
    alerts: Sequence[OpenAlert]


def without_account(accounts: Sequence[Account]) -> dict[str, list[str]]:
    """By tenant, the channels of which every account has failed."""
    works: dict[tuple[str, str], bool] = {}
    for account in accounts:
        for leg in account.carries:
            works[account.tenant, leg] = works.get((account.tenant, leg), False) or account.opened_at is None
    found: dict[str, list[str]] = {}
    for (tenant, leg), one_does in works.items():
        if not one_does:
            found.setdefault(tenant, []).append(leg)
    return found


def failures_in_a_row(account: Account) -> int:
    """How many of an account's newest dispatches were given up, one after another."""
    return sum(1 for _ in takewhile(lambda state: state == "abandoned", account.states))
