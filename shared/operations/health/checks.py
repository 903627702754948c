"""Is it well? Figures from the database become checks: a state, a value beside its limit, and a sentence.

The database is asked about all of it, also about what waits in Pub/Sub to be sent: that waits in the outbox, too. Of
events and callbacks that wait there it knows nothing. Cloud Monitoring counts them, some minutes late, and its alert
`backlog` speaks of them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shared.contracts.channels import LAST_WORD
from shared.operations.health.figures import Account, Figures, Undecided, failures_in_a_row, without_account
from shared.platform.clock import SEOUL, month_of
from shared.platform.plurals import counted

LATENCY = (0.5, 3.0)
CONNECTIONS = (0.8, 0.95)
"""Of those that the server takes."""

OUTBOX_AGE = (60.0, 300.0)
QUEUED_AGE = (120.0, 600.0)
LATENESS = (10.0, 30.0)
TICK_AGE = (240.0, 300.0)
"""In production one ends its work each minute, at the smallest size each third; so it is with sweeps."""

CALLBACKS_AGE = 3600.0
LEFT_BETWEEN = (dt.timedelta(hours=1), dt.timedelta(minutes=10))
"""Ago. Providers have had time to report on what left then."""

TICKET_PATIENCE = dt.timedelta(seconds=10)
"""How long a ticket waits to be published again: `PATIENCE` of `shared.messages.outbox`, without importing all that."""

UNDECIDED_AGE = dt.timedelta(minutes=5)
HOLD_AGE = LAST_WORD.total_seconds() + 2 * 3600
"""So long after its sending the last hold is settled, reports or none; and then the sweeps may take its time."""

RENEWAL_DAYS = 60
"""Before the end of a transmission certificate: to renew one takes papers and an inspection."""

FAILURES = 3
FAILURES_WITHIN = dt.timedelta(hours=3)
PAYMENT_FAILURES = 10
MONTHS_AHEAD = 1
"""There are three, made each night."""


class State(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: stable.
        state: `fail` means that messages don't go, or may not; `warn` that somebody should look.
        value: as found, in `unit`; None where there is nothing to measure.
        limit: beyond it the state is what it is.
        unit: `seconds`, `share`, or what is counted.
        sentence: for a person.
        alert: the kind of alert that it raises now.
    """

    name: str
    state: State
    value: float | None
    limit: float
    unit: str
    sentence: str
    alert: str | None = None


def overall(checks: Sequence[Check]) -> State:
    """The worst of the checks."""
    states = {check.state for check in checks}
    return State.FAIL if State.FAIL in states else State.WARN if State.WARN in states else State.OK


def checks(figures: Figures) -> list[Check]:
    """Each check, of figures that were read."""
    now, gauges = figures.now, figures.gauges
    return [
        _measured("database", figures.latency, LATENCY, "the database answers in {}", "database-slow"),
        _connections(gauges.connections, gauges.max_connections),
        _measured("ticks", _age(gauges.last_tick_at, now), TICK_AGE, "no tick for {}", "ticks-stopped"),
        _measured("sweeps", _age(gauges.last_sweeps_at, now), TICK_AGE, "not all sweeps for {}", "sweeps-stopped"),
        _measured(
            "reminders", _age(gauges.next_step_at, now), LATENESS, "the oldest step is due for {}", "reminders-late"
        ),
        _measured(
            "outbox", max(0.0, gauges.outbox_age or 0.0), OUTBOX_AGE, "the oldest ticket waits for {}", "outbox-old"
        ),
        _measured(
            "queued",
            _age(gauges.oldest_queued_at, now),
            QUEUED_AGE,
            "the oldest queued message is due for {}",
            "queued-old",
        ),
        _callbacks(figures),
        *_providers(figures.accounts, now),
        _certificates(figures.accounts, now),
        _breakers(figures.accounts, now),
        _undecided(figures.undecided, now),
        _holds(_age(gauges.oldest_hold_at, now)),
        _dead_letters(gauges.new_dead_letters, gauges.open_dead_letters),
        _payments(gauges.payment_failures),
        _months(gauges.months_until, now),
    ]


def away(error: str) -> Check:
    """The one check that is left when the database can't be asked."""
    return Check(
        "database", State.FAIL, None, LATENCY[1], "seconds", f"the database does not answer: {error}", "database-away"
    )


def as_json(checks: Sequence[Check], now: dt.datetime) -> Mapping[str, Any]:
    """What `health` answers."""
    return {
        "state": overall(checks),
        "at": now.isoformat(),
        "checks": [
            {
                "name": check.name,
                "state": check.state,
                "value": check.value,
                "limit": check.limit,
                "unit": check.unit,
                "sentence": check.sentence,
            }
            for check in checks
        ],
    }


def duration(seconds: float) -> str:
    """`0.004` → `4 ms`, `75` → `75 s`, `7300` → `2 h 1 min`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def written(value: float | None, unit: str) -> str | None:
    """A check's value or limit for people: `75 s`, `80%`, `3`; None where there is nothing to measure."""
    if value is None:
        return None
    if unit == "seconds":
        return duration(value)
    return f"{value:.0%}" if unit == "share" else f"{value:g}"


def _age(moment: dt.datetime | None, now: dt.datetime) -> float:
    return 0.0 if moment is None else max(0.0, (now - moment).total_seconds())


def _measured(name: str, seconds: float, limits: tuple[float, float], sentence: str, alert: str) -> Check:
    warn, fail = limits
    state = State.FAIL if seconds > fail else State.WARN if seconds > warn else State.OK
    told = sentence.format(duration(seconds)) if seconds else "nothing waits"
    limit = warn if state is State.WARN else fail
    return Check(name, state, round(seconds, 3), limit, "seconds", told, alert if state is State.FAIL else None)


def _connections(used: int, most: int) -> Check:
    warn, fail = CONNECTIONS
    share = used / most
    state = State.FAIL if share > fail else State.WARN if share > warn else State.OK
    sentence = f"{used} of the server's {most} connections are in use"
    alert = "connections-full" if state is State.FAIL else None
    return Check("connections", state, round(share, 3), warn if state is State.WARN else fail, "share", sentence, alert)


def _callbacks(figures: Figures) -> Check:
    age = _age(figures.gauges.last_callback_at, figures.now)
    silent = age > CALLBACKS_AGE and any(account.left_lately for account in figures.accounts)
    sentence = f"no provider has called for {duration(age)}"
    if silent:
        sentence += ", and messages left meanwhile"
    state, alert = (State.FAIL, "callbacks-stopped") if silent else (State.OK, None)
    return Check("callbacks", state, round(age, 3), CALLBACKS_AGE, "seconds", sentence, alert)


def failing(account: Account, now: dt.datetime) -> bool:
    """Whether calls to its provider come to nothing, one after another, and lately."""
    return failures_in_a_row(account) >= FAILURES and account.moments[0] > now - FAILURES_WITHIN


def _providers(accounts: Sequence[Account], now: dt.datetime) -> list[Check]:
    """A check for each provider. One tenant's wrong key is a warning; a provider that nobody reaches is a failure."""
    found = []
    for provider in sorted({account.provider for account in accounts}):
        ours = [account for account in accounts if account.provider == provider]
        used = [account for account in ours if account.moments]
        bad = [account for account in used if failing(account, now)]
        well = [account for account in used if account not in bad and account.moments[0] > now - FAILURES_WITHIN]
        last = max((account.moments[0] for account in used), default=None)
        sentence = f"its last call was {duration(_age(last, now))} ago" if last else "it has not been called yet"
        if bad:
            named = ", ".join(f"{account.tenant}/{account.id}" for account in bad[:5])
            which = f"{len(bad)} of {counted(len(used), 'account')}: {named}"
            sentence = f"the last {FAILURES} calls or more came to nothing for {which}"
        # One account among many that were idle says nothing about the provider.
        nobody = bad and not well and (len(bad) > 1 or len(ours) == 1)
        state = State.FAIL if nobody else State.WARN if bad else State.OK
        found.append(Check(f"provider {provider}", state, len(bad), 0, "accounts", sentence))
    return found


def _certificates(accounts: Sequence[Account], now: dt.datetime) -> Check:
    """Whether an account's certificate ends soon: after its last day nothing leaves by the account. One tenant's is a
    warning, as its wrong key is."""
    today = now.astimezone(SEOUL).date()
    held = [(account.certificate_until, account) for account in accounts if account.certificate_until is not None]
    due = [(until, account) for until, account in held if (until - today).days <= RENEWAL_DAYS]
    left = min((until - today).days for until, _ in held) if held else None
    state, alert = (State.OK, None) if left is None or not due else (State.WARN, "certificate-ends")
    sentence = "no certificate ends soon"
    if due:
        named = ", ".join(f"{account.tenant}/{account.id} on {until}" for until, account in sorted(due, key=_until)[:5])
        sentence = f"{counted(len(due), 'certificate ends', 'certificates end')} soon or are over: {named}"
    return Check("certificates", state, left, RENEWAL_DAYS, "days", sentence, alert)


def _until(held: tuple[dt.date, Account]) -> dt.date:
    return held[0]


def _breakers(accounts: Sequence[Account], now: dt.datetime) -> Check:
    """Whether something is sent by each account, and by any of each channel."""
    opened = [account for account in accounts if account.opened_at is not None]
    if not opened:
        return Check("breakers", State.OK, 0, 0, "accounts", "every account is sent by")
    longest = duration(_age(min(account.opened_at for account in opened if account.opened_at), now))
    named = ", ".join(f"{account.tenant}/{account.id}" for account in opened[:5])
    sentence = f"nothing is sent by {counted(len(opened), 'account')} that failed, the first for {longest}: {named}"
    waiting = without_account(accounts)
    if waiting:
        tenants = ", ".join(sorted(waiting)[:5])
        sentence += f"; no other carries a channel of {counted(len(waiting), 'tenant')}: {tenants}"
    return Check("breakers", State.WARN, len(opened), 0, "accounts", sentence)


def _undecided(undecided: Sequence[Undecided], now: dt.datetime) -> Check:
    count = sum(each.dispatches for each in undecided)
    if not count:
        return Check("dispatches", State.OK, 0, 0, "dispatches", "each dispatch is decided")
    age = duration(_age(min(each.since for each in undecided), now))
    sentence = f"nobody knows of {counted(count, 'dispatch', 'dispatches')} whether sent, of the oldest for {age}"
    return Check("dispatches", State.WARN, count, 0, "dispatches", sentence)


def _holds(age: float) -> Check:
    old = age > HOLD_AGE
    sentence = f"the oldest open hold is {duration(age)} old" if age else "no hold is open"
    state, alert = (State.WARN, "holds-old") if old else (State.OK, None)
    return Check("holds", state, round(age, 3), HOLD_AGE, "seconds", sentence, alert)


def _dead_letters(new: int, in_all: int) -> Check:
    came = counted(new, "new dead letter")
    sentence = f"{came} within 10 minutes, {counted(in_all, 'waits', 'wait')} for a decision"
    state, alert = (State.WARN, "dead-letters") if new else (State.OK, None)
    return Check("dead letters", state, new, 0, "letters", sentence, alert)


def _payments(failed: int) -> Check:
    over = failed > PAYMENT_FAILURES
    sentence = f"{counted(failed, 'payment')} failed within an hour"
    state, alert = (State.WARN, "payment-failures") if over else (State.OK, None)
    return Check("payments", state, failed, PAYMENT_FAILURES, "payments", sentence, alert)


def _months(until: dt.date | None, now: dt.datetime) -> Check:
    """Whether what comes next month has a month of its own to lie in."""
    month = month_of(now)
    ahead = 0 if until is None else 12 * (until.year - month.year) + until.month - month.month - 1
    few = ahead < MONTHS_AHEAD
    sentence = f"{counted(max(0, ahead), 'month')} made ahead"
    state, alert = (State.WARN, "months-missing") if few else (State.OK, None)
    return Check("months", state, ahead, MONTHS_AHEAD, "months", sentence, alert)
