"""The messages of one subscription, from arrival to acknowledgement: retries, dead letters, ordering keys.

Knows no network and no clock: every call takes the present time in seconds of any monotonic clock.
"""

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from simulator.pubsub.faults import Faults
from simulator.pubsub.messages import Message


@dataclass(slots=True)
class Memory:
    """What all backlogs of a broker hold together, bytes."""

    limit: int
    used: int = 0


@dataclass(frozen=True, slots=True)
class Policy:
    """What a subscription asks for.

    ack_deadline: seconds a subscriber has for a message.
    min_backoff, max_backoff: seconds before a refused message comes again; doubles from one to the other.
        Both 0: at once.
    dead_letter_topic: full name, or None. max_attempts: deliveries before a message goes there.
    ordered: messages with the same ordering key are delivered one after another.
    """

    ack_deadline: int = 10
    min_backoff: float = 0.0
    max_backoff: float = 0.0
    dead_letter_topic: str | None = None
    max_attempts: int = 5
    ordered: bool = False

    def backoff(self, attempt: int) -> float:
        """Seconds to wait after a refused attempt, counted from 1."""
        return min(self.max_backoff, self.min_backoff * 2.0 ** min(attempt - 1, 32))


@dataclass(slots=True)
class Counts:
    """What has happened so far; acked + dead_lettered + backlog = published."""

    published: int = 0
    delivered: int = 0
    acked: int = 0
    nacked: int = 0
    dead_lettered: int = 0
    repeated: int = 0
    in_flight: int = 0


@dataclass(slots=True, eq=False)
class Delivery:
    """A message on its way to one subscription. repeat: it was acknowledged before and a fault brings it again."""

    message: Message
    attempt: int = 0
    repeat: bool = False


class Backlog:
    """Unacknowledged messages of one subscription.

    forward: publishes a message that has used up its attempts to the dead-letter topic; False when it can't.
    """

    def __init__(
        self, policy: Policy, memory: Memory, faults: Faults, forward: Callable[[Delivery, str], bool]
    ) -> None:
        self.policy = policy
        self.counts = Counts()
        self._memory = memory
        self._faults = faults
        self._forward = forward
        self._unacked: dict[str, Delivery] = {}
        self._ready: deque[Delivery] = deque()
        self._delayed: list[tuple[float, int, Delivery]] = []
        self._tie = count()
        # Messages that wait behind another one of their ordering key; the key is present while one is under way.
        self._behind: dict[str, deque[Delivery]] = {}
        self._closed = False

    def __len__(self) -> int:
        return len(self._unacked)

    @property
    def ready(self) -> bool:
        """Whether something can be taken now (delayed messages that came due count after `mature`)."""
        return bool(self._ready)

    def oldest_published_ms(self) -> int | None:
        """Publish time of the oldest unacknowledged message, Unix milliseconds."""
        return next((delivery.message.published_ms for delivery in self._unacked.values()), None)

    def add(self, message: Message, now: float) -> None:
        """Take in a published message."""
        delivery = Delivery(message)
        self._unacked[message.id] = delivery
        self._memory.used += message.size
        self.counts.published += 1
        if self.policy.ordered and message.ordering_key:
            behind = self._behind.get(message.ordering_key)
            if behind is not None:
                behind.append(delivery)
                return
            self._behind[message.ordering_key] = deque()
        self._schedule(delivery, 0.0, now)

    def take(self, now: float) -> Delivery | None:
        """The next message to deliver, or None. It must be given back to `acknowledge` or `refuse`."""
        self.mature(now)
        if not self._ready:
            return None
        delivery = self._ready.popleft()
        delivery.attempt += 1
        self.counts.delivered += 1
        self.counts.in_flight += 1
        return delivery

    def acknowledge(self, delivery: Delivery, now: float) -> None:
        """The subscriber has it: forget it."""
        self.counts.in_flight -= 1
        if self._closed:
            return
        if delivery.repeat:
            self._release_key(delivery, now)
            return
        self.counts.acked += 1
        self._drop(delivery)
        repeat_after = self._faults.repeat_after()
        if repeat_after is None:
            self._release_key(delivery, now)
        else:
            # The ordering key stays held meanwhile: a redelivery never comes after later messages of its key.
            self.counts.repeated += 1
            self._schedule(Delivery(delivery.message, delivery.attempt, repeat=True), repeat_after, now)

    def refuse(self, delivery: Delivery, now: float) -> None:
        """The subscriber did not take it: bring it again after the back-off, or give it up to the dead letters."""
        self.counts.in_flight -= 1
        if self._closed:
            return
        self.counts.nacked += 1
        if delivery.repeat:
            self._release_key(delivery, now)
            return
        topic = self.policy.dead_letter_topic
        if topic is not None and delivery.attempt >= self.policy.max_attempts and self._forward(delivery, topic):
            self.counts.dead_lettered += 1
            self._drop(delivery)
            self._release_key(delivery, now)
            return
        self._schedule(delivery, self.policy.backoff(delivery.attempt), now)

    def mature(self, now: float) -> None:
        """Make ready what has waited long enough."""
        while self._delayed and self._delayed[0][0] <= now:
            self._ready.append(heapq.heappop(self._delayed)[2])

    def next_due(self) -> float | None:
        """When the next delayed message is ready."""
        return self._delayed[0][0] if self._delayed else None

    def close(self) -> None:
        """Forget everything: the subscription is deleted."""
        self._closed = True
        self._memory.used -= sum(delivery.message.size for delivery in self._unacked.values())
        self._unacked.clear()
        self._ready.clear()
        self._delayed.clear()
        self._behind.clear()

    def _drop(self, delivery: Delivery) -> None:
        del self._unacked[delivery.message.id]
        self._memory.used -= delivery.message.size

    def _schedule(self, delivery: Delivery, wait: float, now: float) -> None:
        wait += self._faults.hold_seconds()
        if wait > 0:
            heapq.heappush(self._delayed, (now + wait, next(self._tie), delivery))
        else:
            self._ready.append(delivery)

    def _release_key(self, delivery: Delivery, now: float) -> None:
        key = delivery.message.ordering_key
        behind = self._behind.get(key) if key else None
        if behind is None:
            return
        if behind:
            self._schedule(behind.popleft(), 0.0, now)
        else:
            del self._behind[key]
