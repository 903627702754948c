"""How fast an account is used: the bucket of the claim (`deciding_pace`) and of a provider's pause, against the rule in
Python; and that rule, held to what it promises."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.tickets import SendTicket
from shared.messages.dispatch.fairness.pace_store import STILL_WAITS
from shared.messages.dispatch.retries_store import decide_retries
from shared.messages.dispatch.store import Claimed, decide_claims
from shared.platform.database import Connection
from shared.platform.ids import new_id
from shared.platform.pubsub import BULK_SEND_REQUESTS, SEND_REQUESTS
from tests.clock import NOON
from tests.credits.ledger_world import LedgerWorld
from tests.messages.dispatch.choice.numbers import sender_row
from tests.scratch import INSTANT, Row, Scratch, mostly, rows

TENANTS = ("cafe", "shop")
STRANGER = "stranger"
IDENTITY = "the same account at the provider"
TOKEN = 1_000_000
SECOND = dt.timedelta(seconds=1)
LONG = dt.timedelta(days=1)


@dataclass(frozen=True)
class Queue:
    """Messages that were put off: the last of them until then. It waits for its part since it last got some."""

    since: dt.datetime
    until: dt.datetime


def _waited(queue: Queue, now: dt.datetime) -> int:
    return max(0, (now - queue.since) // INSTANT)


@dataclass
class Bucket:
    """An account's bucket. `rate`: tokens a second, None for no limit."""

    rate: int | None
    burst: int | None
    tokens: int
    refilled_at: dt.datetime
    closed_until: dt.datetime | None = None
    queues: dict[str, Queue] = field(default_factory=dict)

    def claim(
        self, demand: Mapping[str, Sequence[UUID]], topic: str, now: dt.datetime
    ) -> tuple[set[tuple[str, UUID]], dict[str, dt.datetime]]:
        """Who may leave, and when the others of each tenant come back."""
        named = {f"{tenant}/{topic}" for tenant in demand}
        closed = self.closed_until is not None and self.closed_until > now
        others = [each for q, each in self.queues.items() if q not in named and each.until > now - STILL_WAITS]
        sharers = len(demand) + len(others)
        in_turn = sorted((at, tenant, id_) for tenant, ids in demand.items() for at, id_ in enumerate(sorted(ids)))
        if closed:
            most = 0
        elif self.rate is None:
            most = len(in_turn)
        else:
            most = self._share(named, others, now)
        may = {(tenant, id_) for _, tenant, id_ in in_turn[:most]}
        late = Counter(tenant for _, tenant, _ in in_turn[most:])
        back_at: dict[str, dt.datetime] = {}
        queues = {q: each for q, each in self.queues.items() if each.until > now - STILL_WAITS}
        for tenant, count in late.items():
            queue, got_some = f"{tenant}/{topic}", count < len(demand[tenant])
            back_at[tenant] = self._back_at(queue, count, sharers, now, got_some=got_some)
            since = now if got_some or queue not in self.queues else self.queues[queue].since
            queues[queue] = Queue(since, back_at[tenant])
        if self.rate is not None:
            self.tokens = self.filled(now) - TOKEN * len(may)
            self.refilled_at = max(self.refilled_at, now)
        if self.rate is not None or closed:
            self.queues = queues
        return may, back_at

    def _share(self, named: set[str], others: Sequence[Queue], now: dt.datetime) -> int:
        """As much of what there is as those who want some have waited of all the time that was waited, and one at least
        unless somebody else is due who has waited longer."""
        assert self.rate is not None
        assert self.burst is not None
        rest = self.burst * TOKEN // self.rate
        waited = [_waited(self.queues[q], now) if q in self.queues else rest for q in named]
        theirs = sum(_waited(each, now) for each in others)
        if not theirs:
            return self.filled(now) // TOKEN
        is_next = max(waited) >= max((_waited(each, now) for each in others if each.until <= now), default=0)
        share = self.filled(now) * sum(waited) // (sum(waited) + theirs) // TOKEN
        return max(share, min(self.filled(now) // TOKEN, int(is_next)))

    def filled(self, now: dt.datetime) -> int:
        """Millionths of a token that there are now."""
        assert self.rate is not None
        assert self.burst is not None
        passed = max(dt.timedelta(0), now - self.refilled_at) // INSTANT
        return min(self.burst * TOKEN, self.tokens + passed * self.rate)

    def _back_at(self, queue: str, count: int, sharers: int, now: dt.datetime, *, got_some: bool) -> dt.datetime:
        start = max(now, self.closed_until or now)
        last_at = self.queues[queue].until if queue in self.queues else start
        if self.rate is None or self.burst is None:
            return max(start, last_at)
        parts = min(count, self.burst) * sharers if got_some or last_at > start else 1
        return max(start, last_at) - (-parts * TOKEN // self.rate) * INSTANT


moments = st.integers(-3_000_000, 3_000_000).map(lambda number: NOON + number * INSTANT)
queues = st.dictionaries(
    st.sampled_from(
        [f"{tenant}/{topic}" for tenant in (*TENANTS, STRANGER) for topic in (SEND_REQUESTS, BULK_SEND_REQUESTS)]
    ),
    st.builds(
        Queue,
        since=moments,
        until=mostly(NOON + 5 * SECOND, NOON - STILL_WAITS, NOON - STILL_WAITS + INSTANT, NOON - LONG, times=2),
    ),
    max_size=4,
)


@st.composite
def buckets(draw: st.DrawFn) -> Bucket:
    rate = draw(mostly(1, None, 3, 1_000, times=2))
    burst = None if rate is None else draw(st.integers(1, 8))
    return Bucket(
        rate,
        burst,
        tokens=draw(st.integers(0, (burst or 8) * TOKEN)),
        refilled_at=draw(moments),
        closed_until=draw(mostly(None, NOON, NOON + 7 * SECOND, NOON - SECOND)),
        queues=draw(queues),
    )


demands = st.dictionaries(
    st.sampled_from(TENANTS), st.lists(st.integers(1, 99), min_size=1, max_size=6, unique=True), min_size=1
).map(lambda demand: {tenant: [UUID(int=number) for number in numbers] for tenant, numbers in demand.items()})


def _rows_of(bucket: Bucket | None, demand: Mapping[str, Sequence[UUID]], **limits: Any) -> dict[str, list[Row]]:
    return {
        "tenants": [{"id": tenant, "name": tenant} for tenant in demand],
        "provider_accounts": [
            {
                "tenant": tenant,
                "id": "main",
                "provider": "solapi",
                "sender": "02",
                "credentials": "",
                "created_at": NOON,
                "identity": IDENTITY,
                "messages_per_second": bucket.rate if bucket else None,
                "burst": bucket.burst if bucket else None,
            }
            for tenant in demand
        ],
        "sender_numbers": [sender_row(tenant, "02") for tenant in demand],
        "account_buckets": [
            {
                "identity": IDENTITY,
                "tokens": bucket.tokens,
                "refilled_at": bucket.refilled_at,
                "closed_until": bucket.closed_until,
                "queues": {q: {"since": each.since, "until": each.until} for q, each in bucket.queues.items()},
            }
        ]
        if bucket
        else [],
        "prices": [
            {"tenant": tenant, "channel": channel, "valid_from": NOON - LONG, "price": 1}
            for tenant in demand
            for channel in ("sms", "lms")
        ],
        "credit_accounts": [{"tenant": tenant, "balance": 1_000, "held": 0} for tenant in demand],
        "messages": [
            {
                "tenant": tenant,
                "id": id_,
                "customer": "c-1",
                "recipient": "01090004000",
                "template": "hello",
                "template_version": 1,
                "variables": {},
                "route": ["sms"],
                "deadlines": [60],
                "channel": "sms",
                "status": "queued",
                **dict.fromkeys(("due_at", "created_at", "updated_at"), NOON),
                "expires_at": NOON + LONG,
            }
            for tenant, ids in demand.items()
            for id_ in ids
        ],
        **limits,
    }


async def _claimed(connection: Connection, demand: Mapping[str, Sequence[UUID]], topic: str) -> list[Claimed]:
    """What may leave now of one ticket for each tenant."""
    return await decide_claims(
        connection,
        [SendTicket(id=UUID(int=7), tenant=tenant, messages=tuple(ids)) for tenant, ids in demand.items()],
        {tenant: UUID(int=at) for at, tenant in enumerate(demand)},
        topic=topic,
        now=NOON,
        lease_until=NOON + SECOND,
    )


BUCKETS = "select tokens, refilled_at, closed_until, queues from account_buckets"


def _found(row: Mapping[str, Any]) -> dict[str, Any]:
    queues = {
        queue: Queue(**{name: dt.datetime.fromisoformat(moment) for name, moment in told.items()})
        for queue, told in row["queues"].items()
    }
    return {**row, "queues": queues}


@given(buckets(), demands, st.sampled_from([SEND_REQUESTS, BULK_SEND_REQUESTS]))
async def test_what_leaves_and_when_the_rest_comes_back_is_what_the_rule_says(
    scratch: Scratch, bucket: Bucket, demand: Mapping[str, Sequence[UUID]], topic: str
) -> None:
    after = deepcopy(bucket)
    may, back_at = after.claim(demand, topic, NOON)
    async with scratch.holding(**_rows_of(bucket, demand)) as connection:
        claimed = await _claimed(connection, demand, topic)
        [found] = await rows(connection, BUCKETS)
        tries = await rows(connection, "select tenant, id, tries, status::text from messages")
        waiting = await rows(
            connection, "select tenant, topic, body, publish_at, held_until from outbox order by tenant"
        )
    assert {(row.tenant, row.id) for row in claimed} == may
    assert _found(found) == {name: getattr(after, name) for name in ("tokens", "refilled_at", "closed_until", "queues")}
    assert {(row["tenant"], row["id"], row["tries"], row["status"]) for row in tries} == {
        (tenant, id_, *((1, "sending") if (tenant, id_) in may else (0, "queued")))
        for tenant, ids in demand.items()
        for id_ in ids
    }, "what is put off was not tried"
    assert [
        (row["tenant"], row["topic"], row["body"]["messages"], row["publish_at"], row["held_until"]) for row in waiting
    ] == [
        (tenant, topic, [str(id_) for id_ in sorted(demand[tenant]) if (tenant, id_) not in may], at, at)
        for tenant, at in sorted(back_at.items())
    ], "in the order of ids, and by the topic by which it came"


@given(demands)
async def test_an_account_without_limits_has_no_bucket_and_all_leaves(
    scratch: Scratch, demand: Mapping[str, Sequence[UUID]]
) -> None:
    async with scratch.holding(**_rows_of(None, demand)) as connection:
        claimed = await _claimed(connection, demand, SEND_REQUESTS)
        assert await rows(connection, BUCKETS) == []
    assert len(claimed) == sum(map(len, demand.values()))


@given(st.none() | buckets(), st.none() | st.integers(1, 30), st.sampled_from([SEND_REQUESTS, BULK_SEND_REQUESTS]))
async def test_a_providers_pause_closes_the_account_and_no_shorter_one_opens_it(
    scratch: Scratch, bucket: Bucket | None, seconds: int | None, topic: str
) -> None:
    [tenant], dispatch, message = TENANTS[:1], UUID(int=1), UUID(int=2)
    tables = _rows_of(bucket, {tenant: [message]})
    [row] = tables["messages"]
    tables["messages"] = [{**row, "status": "sending", "dispatch": dispatch, "tries": 1}]
    tables["dispatches"] = [
        {
            "tenant": tenant,
            "id": dispatch,
            "provider": "solapi",
            "account": "main",
            "topic": topic,
            "messages": [message],
            "state": "open",
            **dict.fromkeys(("lease_until", "created_at", "updated_at"), NOON),
        }
    ]
    pause = None if seconds is None else seconds * SECOND
    async with scratch.holding(**tables) as connection:
        requeued = await decide_retries(
            connection,
            tenant,
            dispatch,
            state="open",
            reason="provider_unavailable",
            error="busy",
            max_tries=8,
            ticket=UUID(int=3),
            retry_delay=SECOND,
            again_in=pause,
            now=NOON,
        )
        found = await rows(connection, BUCKETS)
        tickets = await rows(connection, "select topic, publish_at, held_until from outbox")
    comes_back = NOON + (pause or SECOND)
    assert (requeued, tickets) == (1, [{"topic": topic, "publish_at": comes_back, "held_until": comes_back}])
    known = bucket.closed_until if bucket else None
    closed_until = max((each for each in (known, NOON + pause if pause else None) if each), default=None)
    assert [row["closed_until"] for row in found] == ([closed_until] if bucket or pause else [])


steps = st.lists(
    st.tuples(
        st.integers(-2_000_000, 5_000_000),
        st.dictionaries(st.sampled_from(TENANTS), st.integers(1, 9), min_size=1),
        st.sampled_from([SEND_REQUESTS, BULK_SEND_REQUESTS]),
    ),
    max_size=40,
)


@given(steps, st.integers(1, 50), st.integers(1, 20))
def test_never_more_leaves_than_the_burst_and_what_came_since(
    steps: Sequence[tuple[int, Mapping[str, int], str]], rate: int, burst: int
) -> None:
    """In any stretch of time, whoever asks for however many, on a clock that goes back now and then."""
    bucket = Bucket(rate, burst, tokens=burst * TOKEN, refilled_at=NOON)
    now, latest = NOON, NOON
    left: list[tuple[dt.datetime, int]] = []
    for passed, demand, topic in steps:
        now += passed * INSTANT
        latest = max(latest, now)
        asked = {tenant: [UUID(int=number) for number in range(count)] for tenant, count in demand.items()}
        may, back_at = bucket.claim(asked, topic, now)
        assert 0 <= bucket.tokens <= burst * TOKEN
        assert all(at > now for at in back_at.values()), "who is put off does not come back at once"
        left.append((latest, len(may)))
    for at, (begin, _) in enumerate(left):
        for end in range(at, len(left)):
            passed_since = (left[end][0] - begin) // INSTANT
            assert sum(count for _, count in left[at : end + 1]) * TOKEN <= burst * TOKEN + passed_since * rate


@given(st.integers(1, 20), st.integers(1, 50), st.permutations(TENANTS))
def test_neither_of_two_that_always_have_more_than_may_leave_starves_beside_the_other(
    rate: int, burst: int, tenants: Sequence[str]
) -> None:
    """Each comes when it was told to, whoever came first."""
    bucket = Bucket(rate, burst, tokens=0, refilled_at=NOON)
    comes = dict.fromkeys(tenants, NOON)
    left: Counter[str] = Counter()
    while min(comes.values()) < NOON + 40 * burst * SECOND:
        tenant = min(comes, key=lambda each: comes[each])
        asked = {tenant: [UUID(int=number) for number in range(2 * burst)]}
        may, back_at = bucket.claim(asked, SEND_REQUESTS, comes[tenant])
        left[tenant] += len(may)
        comes[tenant] = back_at.get(tenant, comes[tenant])
    ours, theirs = (left[tenant] for tenant in TENANTS)
    assert 2 * min(ours, theirs) + 2 * burst >= max(ours, theirs)
    assert ours + theirs >= 40 * burst * rate * 2 // 5, "and what the account gives is used"


async def test_claims_at_once_share_one_bucket(ledger_world: LedgerWorld) -> None:
    """Eight instances with ten messages each: together they have the burst, and what is put off keeps its order."""
    tenant = await ledger_world.tenant()
    ledger_world.rows(
        "update provider_accounts set messages_per_second = 1, burst = 25 where tenant = %s returning id", tenant
    )
    tickets = [await ledger_world.queue(tenant, 10) for _ in range(8)]
    claimed = await asyncio.gather(*(ledger_world.claim(ticket) for ticket in tickets))
    assert sum(map(len, claimed)) == 25
    [bucket] = ledger_world.rows(
        "select tokens, queues from account_buckets b join provider_accounts a"
        " on b.identity = coalesce(a.identity, a.tenant || '/' || a.id) where a.tenant = %s",
        tenant,
    )
    assert bucket["tokens"] == 0
    left = ledger_world.rows("select publish_at from outbox where tenant = %s order by publish_at", tenant)
    moments = [row["publish_at"] for row in left]
    assert len(set(moments)) == len(moments) >= 5, "they do not all come back at once"
    assert len({new_id(NOON), *bucket["queues"]}) == 2
