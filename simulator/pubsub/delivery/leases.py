"""Messages that pull subscribers hold until their ack deadline."""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Final

from simulator.pubsub.delivery.backlog import Backlog, Delivery
from simulator.pubsub.errors import InvalidArgumentError

MAX_RESPONSE_BYTES: Final = 10_000_000


@dataclass(slots=True, eq=False)
class Stream:
    """What one streaming pull may hold at a time, and holds. A limit of 0 means none."""

    max_messages: int
    max_bytes: int
    ack_deadline: int
    messages: int = 0
    bytes: int = 0

    @property
    def room(self) -> int:
        """How many more messages it takes."""
        if self.max_bytes > 0 and self.bytes >= self.max_bytes:
            return 0
        return self.max_messages - self.messages if self.max_messages > 0 else 1000


@dataclass(slots=True, eq=False)
class Lease:
    """A delivery in a subscriber's hands until `deadline` (monotonic seconds)."""

    ack_id: str
    delivery: Delivery
    deadline: float
    stream: Stream | None


class Leases:
    """Grants, prolongs and ends the leases of one subscription. Times are monotonic seconds, as in Backlog."""

    def __init__(self, subscription: str, backlog: Backlog) -> None:
        self._prefix = f"{subscription}:"
        self._backlog = backlog
        self._held: dict[str, Lease] = {}
        self._deadlines: list[tuple[float, str]] = []
        self._serial = count(1)

    def grant(self, limit: int, now: float, stream: Stream | None = None) -> list[Lease]:
        """Take up to `limit` messages out of the backlog, and no more bytes than a response should have."""
        granted: list[Lease] = []
        seconds = stream.ack_deadline if stream and stream.ack_deadline else self._backlog.policy.ack_deadline
        room = MAX_RESPONSE_BYTES
        while len(granted) < limit and room > 0 and (stream is None or stream.room > 0):
            delivery = self._backlog.take(now)
            if delivery is None:
                break
            room -= delivery.message.size
            lease = Lease(f"{self._prefix}{next(self._serial)}", delivery, now + seconds, stream)
            self._held[lease.ack_id] = lease
            heapq.heappush(self._deadlines, (lease.deadline, lease.ack_id))
            if stream:
                stream.messages += 1
                stream.bytes += delivery.message.size
            granted.append(lease)
        return granted

    def acknowledge(self, ack_ids: Iterable[str], now: float) -> None:
        """End leases for good. Ids whose lease is over are passed by: their message comes again.

        Raises InvalidArgumentError for an id that this subscription never gave.
        """
        for lease in self._ended(ack_ids):
            self._backlog.acknowledge(lease.delivery, now)

    def modify(self, ack_ids: Iterable[str], seconds: int, now: float) -> None:
        """Move deadlines to `seconds` from now; 0 gives the messages back at once. Raises as `acknowledge` does."""
        if seconds == 0:
            for lease in self._ended(ack_ids):
                self._backlog.refuse(lease.delivery, now)
            return
        for ack_id in self._known(ack_ids):
            lease = self._held[ack_id]
            lease.deadline = now + seconds
            heapq.heappush(self._deadlines, (lease.deadline, ack_id))

    def expire(self, now: float) -> None:
        """Give back what was held past its deadline."""
        while self._deadlines and self._deadlines[0][0] <= now:
            deadline, ack_id = heapq.heappop(self._deadlines)
            lease = self._held.get(ack_id)
            if lease is not None and lease.deadline == deadline:
                self._end(lease)
                self._backlog.refuse(lease.delivery, now)

    def next_deadline(self) -> float | None:
        """When `expire` has something to look at."""
        return self._deadlines[0][0] if self._deadlines else None

    def _known(self, ack_ids: Iterable[str]) -> list[str]:
        ids = list(ack_ids)
        for ack_id in ids:
            if not ack_id.startswith(self._prefix):
                raise InvalidArgumentError(f"You have passed an invalid ack ID to the service (ack_id={ack_id}).")
        return [ack_id for ack_id in dict.fromkeys(ids) if ack_id in self._held]

    def _ended(self, ack_ids: Iterable[str]) -> list[Lease]:
        leases = [self._held[ack_id] for ack_id in self._known(ack_ids)]
        for lease in leases:
            self._end(lease)
        if len(self._deadlines) > 4 * len(self._held) + 1000:
            # Mostly of leases that ended before their deadline, which may be minutes away.
            self._deadlines = [(lease.deadline, lease.ack_id) for lease in self._held.values()]
            heapq.heapify(self._deadlines)
        return leases

    def _end(self, lease: Lease) -> None:
        del self._held[lease.ack_id]
        if lease.stream:
            lease.stream.messages -= 1
            lease.stream.bytes -= lease.delivery.message.size
