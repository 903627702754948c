"""The law of status: a message's state is the join of all that was ever said of it.

A message is tried one attempt after another: a retry or a fallback is a new attempt. States are totally ordered, and
the join of two is the greater one; so `merge` is commutative, associative and idempotent, and reports may come late,
twice or in any order. A later attempt is greater than an earlier one, whatever became of that; and a delivery is
greater than everything, for it is true for ever, even when it is known only after the route went on.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from shared.contracts.outcomes import Outcome


class Status(StrEnum):
    """In the order of the law, which is also that of the database's `message_status`."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    SUPPRESSED = "suppressed"
    FAILED = "failed"
    DELIVERED = "delivered"
    READ = "read"

    @property
    def rank(self) -> int:
        return _RANKS[self]

    @property
    def arrived(self) -> bool:
        """The customer has it."""
        return self in _ARRIVED

    @property
    def final(self) -> bool:
        """Nothing more is going to be done, though a late delivery report may still come."""
        return self.rank >= Status.EXPIRED.rank


_ARRIVED = frozenset({Status.DELIVERED, Status.READ})
_RANKS = {status: rank for rank, status in enumerate(Status)}


class State(NamedTuple):
    """Where a message stands: the attempt that counts and its status."""

    attempt: int
    status: Status

    @property
    def order(self) -> tuple[int, int, int]:
        """Greater is later in the lattice. Among deliveries the higher rank wins, then the earlier attempt."""
        if self.status.arrived:
            return (1, self.status.rank, -self.attempt)
        return (0, self.attempt, self.status.rank)


def merge(one: State, other: State) -> State:
    """The join: what is known when both are known."""
    return one if one.order >= other.order else other


def state_told_by(outcome: Outcome, attempt: int, *, route_goes_on: bool, may_double: bool = False) -> State:
    """What an outcome of an attempt says of the message.

    Args:
        outcome: what the provider said.
        attempt: of which attempt.
        route_goes_on: another channel follows the one that this attempt used.
        may_double: it may be taken also while this attempt may still arrive.
    """
    match outcome:
        case Outcome.DELIVERED:
            return State(attempt, Status.DELIVERED)
        case Outcome.READ:
            return State(attempt, Status.READ)
        case Outcome.SENT:
            return State(attempt, Status.SENT)
        case Outcome.UNCONFIRMED:
            goes_on = route_goes_on and may_double
            return State(attempt + 1, Status.QUEUED) if goes_on else State(attempt, Status.UNKNOWN)
        case Outcome.EXPIRED:
            return State(attempt, Status.EXPIRED)
        case Outcome.FAILED:
            return State(attempt + 1, Status.QUEUED) if route_goes_on else State(attempt, Status.FAILED)


class Standing(NamedTuple):
    """Where a message stands on its route. `may_double`: it goes on also while its last attempt may still arrive."""

    tenant: str
    id: UUID
    state: State
    position: int
    channel: str
    route: tuple[str, ...]
    may_double: bool = False


class Change(NamedTuple):
    """A message's new standing.

    requeued: frees it from its dispatch.
    settles: how its hold ends, when it does: `capture`, `release` or `hold_expiry`.
    """

    tenant: str
    id: UUID
    state: State
    position: int
    channel: str
    provider_message_id: str | None
    reason: str | None
    detail: str | None
    requeued: bool
    settles: str | None
