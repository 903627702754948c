"""Retries, dead letters, ordering and leases, on a clock that the test holds."""

from dataclasses import dataclass, field
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.pubsub.delivery.backlog import Backlog, Delivery, Memory, Policy
from simulator.pubsub.delivery.leases import Leases, Stream
from simulator.pubsub.faults import Faults, FaultSettings
from simulator.pubsub.messages import Message

_ids = count(1)


def message(key: str = "", size: int = 100) -> Message:
    return Message(str(next(_ids)), b"x", {}, key, 0, "", size)


@dataclass
class Bench:
    """A backlog, what it gave up, and what it counts as memory."""

    policy: Policy = field(default_factory=Policy)
    faults: Faults = field(default_factory=Faults)
    memory: Memory = field(default_factory=lambda: Memory(1_000_000))
    dead: list[Delivery] = field(default_factory=list)
    graveyard: bool = True

    def __post_init__(self) -> None:
        self.backlog = Backlog(self.policy, self.memory, self.faults, self._bury)

    def _bury(self, delivery: Delivery, topic: str) -> bool:
        if self.graveyard:
            self.dead.append(delivery)
        return self.graveyard

    def taken(self, now: float) -> Delivery:
        delivery = self.backlog.take(now)
        assert delivery is not None
        return delivery


def test_the_backoff_doubles_from_the_minimum_to_the_maximum() -> None:
    policy = Policy(min_backoff=10, max_backoff=600)

    assert [policy.backoff(attempt) for attempt in (1, 2, 3, 6, 7, 1000)] == [10, 20, 40, 320, 600, 600]
    assert Policy().backoff(5) == 0


def test_a_refused_message_comes_back_after_its_backoff_and_not_before() -> None:
    bench = Bench(Policy(min_backoff=10, max_backoff=600))
    bench.backlog.add(message(), 0)

    bench.backlog.refuse(bench.taken(0), 5)

    assert bench.backlog.take(14.9) is None
    assert bench.backlog.next_due() == 15
    assert bench.taken(15).attempt == 2


def test_a_message_whose_dead_letter_topic_is_gone_stays() -> None:
    bench = Bench(Policy(dead_letter_topic="t", max_attempts=5), graveyard=False)
    bench.backlog.add(message(), 0)
    for _ in range(7):
        bench.backlog.refuse(bench.taken(0), 0)

    bench.graveyard = True
    bench.backlog.refuse(bench.taken(0), 0)

    assert [delivery.attempt for delivery in bench.dead] == [8]
    assert len(bench.backlog) == 0


def test_a_dead_letter_frees_its_key() -> None:
    bench = Bench(Policy(dead_letter_topic="t", max_attempts=5, ordered=True))
    first, second = message("k"), message("k")
    bench.backlog.add(first, 0)
    bench.backlog.add(second, 0)
    for _ in range(5):
        delivery = bench.taken(0)
        assert delivery.message is first
        bench.backlog.refuse(delivery, 0)

    assert bench.taken(0).message is second


def test_a_message_acknowledged_after_deletion_changes_nothing() -> None:
    bench = Bench()
    bench.backlog.add(message(), 0)
    delivery = bench.taken(0)

    bench.backlog.close()
    bench.backlog.acknowledge(delivery, 0)

    assert bench.memory.used == 0


def test_a_repeated_message_of_a_key_comes_before_the_next_one() -> None:
    bench = Bench(Policy(ordered=True))
    bench.faults.apply(FaultSettings(duplicate_rate=1, seed=1))
    first, second = message("k"), message("k")
    bench.backlog.add(first, 0)
    bench.backlog.add(second, 0)

    bench.backlog.acknowledge(bench.taken(0), 0)
    assert bench.backlog.take(0) is None
    again = bench.taken(1)
    assert again.message is first
    bench.backlog.refuse(again, 1)

    assert bench.taken(1).message is second
    assert bench.backlog.counts.repeated == 1


def test_reordering_shuffles_and_delay_holds() -> None:
    bench = Bench()
    bench.faults.apply(FaultSettings(reorder=True, delay_ms=1000, seed=1))
    messages = [message() for _ in range(20)]
    for one in messages:
        bench.backlog.add(one, 0)

    assert bench.backlog.take(0.99) is None
    came = [bench.taken(2).message for _ in messages]

    assert came != messages
    assert set(came) == set(messages)


def test_the_same_seed_brings_the_same_faults() -> None:
    faults = Faults()
    runs = []
    for _ in range(2):
        faults.apply(FaultSettings(duplicate_rate=0.5, reorder=True, seed=7))
        runs.append([(faults.hold_seconds(), faults.repeat_after()) for _ in range(50)])

    assert runs[0] == runs[1]
    assert {repeat is None for _, repeat in runs[0]} == {True, False}


def test_a_lease_that_ran_out_gives_the_message_back_once() -> None:
    bench = Bench(Policy(ack_deadline=10))
    leases = Leases("s", bench.backlog)
    bench.backlog.add(message(), 0)
    [lease] = leases.grant(10, 0)
    leases.modify([lease.ack_id], 60, 5)

    leases.expire(64)
    assert bench.backlog.counts.nacked == 0
    leases.expire(65)
    leases.acknowledge([lease.ack_id], 66)

    assert (bench.backlog.counts.nacked, bench.backlog.counts.acked) == (1, 0)
    assert leases.grant(10, 66)[0].delivery.attempt == 2


def test_a_stream_takes_no_more_than_its_room() -> None:
    bench = Bench()
    leases = Leases("s", bench.backlog)
    for _ in range(10):
        bench.backlog.add(message(size=400), 0)
    stream = Stream(max_messages=5, max_bytes=1000, ack_deadline=10)

    granted = leases.grant(10, 0, stream)
    assert len(granted) == 3  # the third fills the bytes
    assert leases.grant(10, 0, stream) == []
    leases.acknowledge([granted[0].ack_id], 0)

    assert len(leases.grant(10, 0, stream)) == 1


def test_a_response_has_no_more_bytes_than_a_client_takes() -> None:
    bench = Bench()
    leases = Leases("s", bench.backlog)
    for _ in range(5):
        bench.backlog.add(message(size=6_000_000), 0)

    assert len(leases.grant(10, 0)) == 2


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["add", "ack", "nack", "wait"]), st.integers(0, 3)), max_size=120),
    st.sampled_from([0.0, 0.4]),
)
def test_nothing_is_lost_and_keys_keep_their_order(steps: list[tuple[str, int]], duplicate_rate: float) -> None:
    """Whatever the subscriber does: every message is in the backlog until it is acknowledged or dead, and for each
    key what was settled is a beginning of what was published."""
    bench = Bench(Policy(min_backoff=1, max_backoff=4, dead_letter_topic="t", max_attempts=5, ordered=True))
    bench.faults.apply(FaultSettings(duplicate_rate=duplicate_rate, seed=0))
    backlog, now = bench.backlog, 0.0
    published: dict[str, list[Message]] = {"": [], "a": [], "b": [], "c": []}
    settled: dict[str, list[Message]] = {key: [] for key in published}
    under_way: list[Delivery] = []
    for step, number in steps:
        key = ["", "a", "b", "c"][number]
        if step == "add":
            published[key].append(message(key))
            backlog.add(published[key][-1], now)
        elif step == "wait":
            now += number
        elif delivery := (under_way.pop(number % len(under_way)) if under_way else backlog.take(now)):
            before = len(bench.dead)
            if step == "ack":
                backlog.acknowledge(delivery, now)
            else:
                backlog.refuse(delivery, now)
            if (step == "ack" or len(bench.dead) > before) and not delivery.repeat:
                settled[delivery.message.ordering_key].append(delivery.message)
        if number == 0 and (delivery := backlog.take(now)):
            under_way.append(delivery)

    counts = backlog.counts
    assert counts.published == counts.acked + counts.dead_lettered + len(backlog)
    assert counts.in_flight == len(under_way)
    assert bench.memory.used == 100 * len(backlog)
    for key in ("a", "b", "c"):
        assert settled[key] == published[key][: len(settled[key])]
    held = [delivery.message.ordering_key for delivery in under_way if delivery.message.ordering_key]
    assert len(held) == len(set(held))
