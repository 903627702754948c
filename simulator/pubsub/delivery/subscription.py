"""A subscription at work: its backlog, and whoever takes from it by push or pull."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simulator.clock import present
from simulator.pubsub.delivery.backlog import Backlog, Counts, Delivery, Memory, Policy
from simulator.pubsub.delivery.leases import Lease, Leases, Stream
from simulator.pubsub.delivery.push import Pusher
from simulator.pubsub.faults import Faults
from simulator.pubsub.filters import Predicate, compile_filter
from simulator.pubsub.messages import Message


def _seconds(duration: Any) -> float:
    return float(duration.seconds + duration.nanos / 1e9)


def policy_of(config: Any) -> Policy:
    """Read the policy out of a google.pubsub.v1.Subscription."""
    retry, dead_letter = config.retry_policy, config.dead_letter_policy
    return Policy(
        ack_deadline=config.ack_deadline_seconds,
        min_backoff=_seconds(retry.minimum_backoff) if config.HasField("retry_policy") else 0.0,
        max_backoff=_seconds(retry.maximum_backoff) if config.HasField("retry_policy") else 0.0,
        dead_letter_topic=dead_letter.dead_letter_topic or None,
        max_attempts=dead_letter.max_delivery_attempts,
        ordered=config.enable_message_ordering,
    )


class Subscription:
    """One subscription. All calls come from the event loop's thread.

    config: its google.pubsub.v1.Subscription, checked and with defaults filled in.
    max_outstanding: pushes under way at once, at most.
    """

    def __init__(
        self,
        config: Any,
        memory: Memory,
        faults: Faults,
        max_outstanding: int,
        forward: Callable[["Subscription", Delivery, str], bool],
    ) -> None:
        self.config = config
        self.name: str = config.name
        self.arrival = asyncio.Event()
        self.closed = False
        self._matches: Predicate | None = compile_filter(config.filter) if config.filter else None
        self._backlog = Backlog(
            policy_of(config), memory, faults, lambda delivery, topic: forward(self, delivery, topic)
        )
        self._leases = Leases(self.name, self._backlog)
        self._pusher = Pusher(self.name, self._backlog, max_outstanding, self.wake)
        self._loop = asyncio.get_running_loop()
        self._alarm: asyncio.Handle | None = None
        self._alarm_at = 0.0
        self.configure(config)

    def configure(self, config: Any) -> None:
        """Go on under another configuration."""
        self.config = config
        self._backlog.policy = policy_of(config)
        push = config.push_config
        self._pusher.configure(
            push.push_endpoint, unwrapped=push.HasField("no_wrapper"), write_metadata=push.no_wrapper.write_metadata
        )
        self.wake()

    @property
    def is_push(self) -> bool:
        """Whether messages are pushed; otherwise they are pulled."""
        return self._pusher.active

    @property
    def has_dead_letters(self) -> bool:
        """Whether deliveries state their attempt."""
        return self._backlog.policy.dead_letter_topic is not None

    def matches(self, attributes: Mapping[str, str]) -> bool:
        """Whether the filter lets a message with these attributes in."""
        return self._matches is None or self._matches(attributes)

    def add(self, messages: Sequence[Message]) -> None:
        """Take in published messages that match."""
        now = self._loop.time()
        for message in messages:
            self._backlog.add(message, now)
        self.wake()

    def lease(self, limit: int, stream: Stream | None = None) -> list[Lease]:
        """Hand up to `limit` messages to a pull subscriber."""
        now = self._loop.time()
        leases = self._leases.grant(limit, now, stream)
        self._arm(now)
        return leases

    def acknowledge(self, ack_ids: Sequence[str]) -> None:
        """End leases for good. Raises InvalidArgumentError for ids that never were."""
        self._leases.acknowledge(ack_ids, self._loop.time())
        self.wake()

    def modify_deadline(self, ack_ids: Sequence[str], seconds: int) -> None:
        """Prolong leases, or give messages back with 0. Raises InvalidArgumentError for ids that never were."""
        self._leases.modify(ack_ids, seconds, self._loop.time())
        self.wake()

    def wake(self) -> None:
        """Do what is due: give back expired leases, push, tell pull subscribers, set the next alarm."""
        if self.closed:
            return
        now = self._loop.time()
        self._leases.expire(now)
        self._backlog.mature(now)
        if self._backlog.ready:
            if self._pusher.active:
                self._pusher.pump(now)
            else:
                self.arrival.set()
        self._arm(now)

    def stop(self) -> None:
        """Deliver no more; what is under way may still be acknowledged."""
        self.closed = True
        if self._alarm:
            self._alarm.cancel()
        self._pusher.close()
        self.arrival.set()

    def delete(self) -> None:
        """Deliver no more and forget everything."""
        self.stop()
        self._backlog.close()

    async def drain(self) -> None:
        """Wait for the pushes under way."""
        await self._pusher.drain()

    def stats(self) -> dict[str, Any]:
        """Counts since creation and the present state, for people and tests."""
        counts: Counts = self._backlog.counts
        oldest = self._backlog.oldest_published_ms()
        return {
            "topic": self.config.topic,
            "published": counts.published,
            "delivered": counts.delivered,
            "acked": counts.acked,
            "nacked": counts.nacked,
            "dead_lettered": counts.dead_lettered,
            "repeated": counts.repeated,
            "backlog": len(self._backlog),
            "in_flight": counts.in_flight,
            "oldest_unacked_seconds": 0.0 if oldest is None else max(0.0, present() - oldest / 1000),
            "push_window": int(self._pusher.window.limit) if self.is_push else None,
        }

    def _arm(self, now: float) -> None:
        """Set the alarm for whatever comes due first."""
        due = [at for at in (self._backlog.next_due(), self._leases.next_deadline()) if at is not None]
        if self._pusher.active and self._backlog.ready and self._pusher.window.paused_until > now:
            due.append(self._pusher.window.paused_until)
        if not due:
            return
        # A millisecond at least: the loop's timers are no finer, and one that rings early would ring again and again.
        earliest = max(min(due), now + 0.001)
        if self._alarm is not None:
            if self._alarm_at <= earliest:
                return
            self._alarm.cancel()
        self._alarm, self._alarm_at = self._loop.call_at(earliest, self._ring), earliest

    def _ring(self) -> None:
        self._alarm = None
        self.wake()
