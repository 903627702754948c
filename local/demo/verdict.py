"""The judgement: what was expected against what came, from values alone."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from local.demo.expectation import ALIMTALK, DELIVERED, TEXT, Expectation, Telling
from local.demo.observation import Acceptance, Ledger, Message, Observation
from shared.credits.ledger.audit import Audit, disagreements

PRICES = {"ATA": 15, "SMS": 20, "LMS": 50}
"""Won that a tenant pays for what arrived, by default."""

DISAGREEMENTS = {
    "difference": "the ledger does not add up: it is {:,} won off",
    "overdrafts": "{:,} tenants spent more than they had",
    "missing": "{:,} messages of ledger entries are missing or name another entry",
    "untraced": "{:,} holds and settlements of messages are in no ledger entry",
    "disproved": "{:,} proofs of months say something else than what is there",
}

MARKER = re.compile(rb"garbage-[a-z0-9_-]+")


@dataclass(frozen=True)
class Lateness:
    """Seconds by which reminders were late: when they were made, and when the provider took them."""

    reminders: int
    made_p50: float
    made_p99: float
    accepted_p50: float
    accepted_p99: float


@dataclass(frozen=True)
class Verdict:
    """What the day came to.

    discrepancies: a sentence for everything that is not as it must be; none is the only good verdict.
    messages: by channel, then by status.
    failed: messages by the reason for which they could not arrive.
    spent: won by tenant.
    audit: the ledger recomputed.
    """

    discrepancies: Sequence[str]
    expected: int
    delivered: int
    accepted: int
    events: int
    messages: Mapping[str, Mapping[str, int]]
    failed: Mapping[str, int]
    fell_back: int
    spent: Mapping[str, Decimal]
    audit: Audit
    lateness: Lateness | None
    dead_letters: Mapping[str, int]
    waiting: int

    @property
    def good(self) -> bool:
        """Everything that should have been delivered was, exactly once, and nothing else."""
        return not self.discrepancies


def judge(expectation: Expectation, observation: Observation) -> Verdict:
    """Compare what must come of a day with what came."""
    # A message that was cancelled before it was sent is how a reminder of a changed run ends; nobody heard it.
    messages = [message for message in observation.messages if message.status != "cancelled"]
    arrived = [message for message in messages if message.status in ("delivered", "read")]
    return Verdict(
        discrepancies=[
            *_of_messages(expectation.tellings, messages),
            *_of_acceptances(expectation.tellings, observation.acceptances),
            *_of_money(observation.acceptances, observation.ledger),
            *_of_dead_letters(expectation.dead_letters, observation.dead_letters),
            *_of_waiting(expectation.waiting, observation.timers),
            *_of_events(expectation.events, observation.events),
        ],
        expected=sum(telling.reason is None for telling in expectation.tellings),
        delivered=len(arrived),
        accepted=len(observation.acceptances),
        events=observation.events,
        messages=_by_channel(observation.messages),
        failed=Counter(message.reason or "" for message in messages if message.status == "failed"),
        fell_back=sum(
            telling.reason is None and telling.way[0][0] == ALIMTALK and message.channel != "alimtalk"
            for telling, message in _pairs(expectation.tellings, arrived)
        ),
        spent=observation.ledger.captured,
        audit=observation.ledger.audit,
        lateness=_lateness(expectation.tellings, messages, observation.acceptances),
        dead_letters=Counter(reason for reason, _ in observation.dead_letters),
        waiting=sum(observation.timers.values()),
    )


Named = tuple[str, str, str]
"""Tenant, customer and template."""


def _name(telling: Telling) -> Named:
    return telling.person.tenant, telling.person.id, telling.template


def _pairs(tellings: Iterable[Telling], messages: Iterable[Message]) -> Iterator[tuple[Telling, Message]]:
    named = {_name(telling): telling for telling in tellings}
    for message in messages:
        telling = named.get((message.tenant, message.customer, message.template))
        if telling is not None:
            yield telling, message


def _of_messages(tellings: Sequence[Telling], messages: Sequence[Message]) -> Iterator[str]:
    """Each telling has one message with the right end, and there are no others."""
    rows: dict[Named, list[Message]] = defaultdict(list)
    for message in messages:
        rows[message.tenant, message.customer, message.template].append(message)
    for telling in tellings:
        found = rows.pop(_name(telling), [])
        who = _who(telling)
        if not found:
            yield f"{who}: no message was made"
        elif len(found) > 1:
            yield f"{who}: {len(found)} messages were made ({', '.join(message.status for message in found)})"
        elif telling.reason is None and found[0].status not in ("delivered", "read"):
            yield f"{who}: should have been delivered, is {_state(found[0])}"
        elif telling.reason is not None and (found[0].status, found[0].reason) != ("failed", telling.reason):
            yield f"{who}: should have failed with {telling.reason}, is {_state(found[0])}"
    for (tenant, customer, template), extra in rows.items():
        for message in extra:
            yield f"{tenant}: {template} to {customer} should not exist, is {_state(message)} ({message.id})"


def _state(message: Message) -> str:
    return f"{message.status} ({message.reason})" if message.reason else message.status


def _who(telling: Telling) -> str:
    return f"{telling.person.tenant}: {telling.template} to {telling.person.name} ({telling.person.id})"


def _of_acceptances(tellings: Sequence[Telling], acceptances: Sequence[Acceptance]) -> Iterator[str]:
    """By the provider's own account each telling went its way once, and nothing else was sent."""
    taken: dict[tuple[str, str, str | None], list[Acceptance]] = defaultdict(list)
    for acceptance in acceptances:
        taken[acceptance.tenant, acceptance.to, acceptance.template].append(acceptance)
    for telling in tellings:
        found = taken.pop((telling.person.tenant, telling.person.digits or "", telling.template), [])
        found.sort(key=lambda acceptance: acceptance.at)
        way = tuple((ALIMTALK if each.kind == "ATA" else TEXT, each.status) for each in found)
        if Counter(way) == Counter(telling.way):
            continue
        arrivals = sum(status == DELIVERED for _, status in way)
        who, told = _who(telling), _way(way)
        if telling.reason is None and arrivals != 1:
            yield f"{who}: arrived {arrivals} times by the provider's account ({told})"
        else:
            yield f"{who}: the provider accepted {told}, expected {_way(telling.way)}"
    for (tenant, to, template), extra in taken.items():
        named = template or f"“{extra[0].text[:40]}…”"
        yield f"{tenant}: the provider was given {named} for {to}, which should not have been sent"


def _way(way: Iterable[tuple[str, str]]) -> str:
    return " then ".join(f"{kind} {status}" for kind, status in way) or "nothing"


def _of_money(acceptances: Sequence[Acceptance], ledger: Ledger) -> Iterator[str]:
    """Each tenant paid for what arrived, at the price of the channel that it arrived on, and for nothing else."""
    due: Counter[str] = Counter()
    for each in acceptances:
        if each.status == DELIVERED:
            due[each.tenant] += PRICES[each.kind]
    for tenant in sorted(due.keys() | ledger.captured.keys()):
        captured = ledger.captured.get(tenant, Decimal())
        if due[tenant] != captured:
            yield f"{tenant}: what arrived costs {due[tenant]:,} won, and {captured:,} were captured"
    for tenant, held in ledger.held.items():
        if held:
            yield f"{tenant}: {held:,} won are still held, though every message has its end"
    for figure, value in disagreements(ledger.audit).items():
        yield DISAGREEMENTS[figure].format(value)


def _of_dead_letters(expected: Mapping[str, str], letters: Sequence[tuple[str, bytes]]) -> Iterator[str]:
    """Each malformed event is a dead letter for its own reason. (A bus that delivers twice makes two of one.)"""
    found: dict[str, set[str]] = defaultdict(set)
    for reason, body in letters:
        match = MARKER.search(body)
        if match is None:
            yield f"a dead letter for {reason} that nobody sent: {body[:80]!r}"
        else:
            found[match[0].decode()].add(reason)
    for marker, reason in expected.items():
        if found.get(marker) != {reason}:
            told = ", ".join(sorted(found.get(marker, ()))) or "no dead letter"
            yield f"{marker}: should be a dead letter for {reason}, found {told}"


def _of_waiting(expected: Counter[tuple[str, str]], timers: Counter[tuple[str, str]]) -> Iterator[str]:
    for tenant, workflow in sorted(expected.keys() | timers.keys()):
        should, does = expected[tenant, workflow], timers[tenant, workflow]
        if should != does:
            yield f"{tenant}: {does:,} steps of {workflow} wait for a later day, should be {should:,}"


def _of_events(expected: int, events: int) -> Iterator[str]:
    if expected != events:
        yield f"{events:,} events were kept, should be {expected:,}"


def _by_channel(messages: Iterable[Message]) -> dict[str, dict[str, int]]:
    channels: dict[str, Counter[str]] = defaultdict(Counter)
    for message in messages:
        channels[message.channel][message.status] += 1
    return {channel: dict(sorted(statuses.items())) for channel, statuses in sorted(channels.items())}


def _lateness(
    tellings: Iterable[Telling], messages: Iterable[Message], acceptances: Iterable[Acceptance]
) -> Lateness | None:
    first_at: dict[tuple[str, str, str | None], dt.datetime] = {}
    for each in acceptances:
        key = (each.tenant, each.to, each.template)
        first_at[key] = min(each.at, first_at.get(key, each.at))
    made: list[float] = []
    accepted: list[float] = []
    for telling, message in _pairs(tellings, messages):
        if telling.due_at is None:
            continue
        made.append((message.created_at - telling.due_at).total_seconds())
        at = first_at.get((telling.person.tenant, telling.person.digits or "", telling.template))
        if at is not None:
            accepted.append((at - telling.due_at).total_seconds())
    if not made or not accepted:
        return None
    return Lateness(
        reminders=len(made),
        made_p50=percentile(made, 50),
        made_p99=percentile(made, 99),
        accepted_p50=percentile(accepted, 50),
        accepted_p99=percentile(accepted, 99),
    )


def percentile(values: Sequence[float], rank: int) -> float:
    """The smallest of `values` that at least `rank` of a hundred do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * rank // 100) - 1)]
