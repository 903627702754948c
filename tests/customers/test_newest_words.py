"""Which word about a customer counts: of each field the newest, whoever tells it, and of two as old the last.

The oracle of `deciding_newest_words`, through both statements that it is a part of.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import SubscriptionEvent
from shared.customers.store import FIELDS, save_customers
from shared.platform.database import Connection
from shared.workflows.events.store import receive_events
from tests.clock import NOON
from tests.scratch import INSTANT, Row, Scratch, mostly, rows
from tests.world import SOURCE, event

TENANTS, CUSTOMERS = ("cafe", "shop"), ("c-1", "c-2")
UNTOLD: Mapping[str, Any] = {**dict.fromkeys(FIELDS), "locale": "ko", "attributes": {}}
"""What is taken for a field of which nobody has said anything."""


@dataclass(frozen=True)
class Word:
    """What was said of a field, and as of when."""

    at: dt.datetime
    value: Any


@dataclass
class Known:
    """All that was ever said of a customer, in the order in which it came."""

    as_of: dt.datetime
    said: dict[str, list[Word]] = field(default_factory=dict)
    before_moments_were_kept: bool = False

    def newest(self, name: str) -> Word | None:
        """Of a field the newest word counts, and of two as old the one that came last."""
        return max(reversed(self.said.get(name, [])), key=lambda word: word.at, default=None)

    def value(self, name: str) -> Any:
        newest = self.newest(name)
        return UNTOLD[name] if newest is None or newest.value is None else newest.value

    def told_at(self, name: str) -> dt.datetime | None:
        newest = self.newest(name)
        return newest.at if newest else None

    @property
    def state(self) -> tuple[list[Any], list[dt.datetime | None]]:
        return [self.value(name) for name in FIELDS], [self.told_at(name) for name in FIELDS]


class Memory:
    """Customers by tenant and id."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], Known] = {}

    def hear(self, who: tuple[str, str], at: dt.datetime, told: Mapping[str, Any]) -> bool:
        """Take in what is told of a customer's fields. Gives whether that is news."""
        known = self.known.get(who)
        before = known and known.state
        known = self.known.setdefault(who, Known(at))
        for name, value in told.items():
            known.said.setdefault(name, []).append(Word(at, value))
        if known.state == before:
            return False
        known.as_of = max(known.as_of, at)
        known.before_moments_were_kept = False
        return True

    def save(self, tenant: str, customers: Sequence[Row], at: dt.datetime, *, blanks_tell: bool) -> int:
        """Customers of a file, as of a moment: how many of them are written."""
        written = 0
        for customer in customers:
            who = tenant, customer["id"]
            if blanks_tell:
                told = {name: customer.get(name) for name in FIELDS}
            else:
                told = {name: customer[name] for name in FIELDS if customer.get(name) is not None}
                # What is known already is not even said again: whoever speaks of the customer would have to wait.
                if who in self.known and all(self.known[who].value(name) == told[name] for name in told):
                    continue
            written += self.hear(who, at, told)
        return written

    def receive(self, events: Sequence[SubscriptionEvent], seen: set[tuple[str, str]]) -> list[bool]:
        """Events tell all that their source knew of the customer, each once. Gives which of them are fresh."""
        fresh = []
        for each in events:
            fresh.append(each.tenant in TENANTS and (each.tenant, each.id) not in seen)
            if fresh[-1]:
                seen.add((each.tenant, each.id))
                told = each.customer.model_dump()
                self.hear((each.tenant, told["id"]), each.time, {name: told[name] for name in FIELDS})
        return fresh


@dataclass(frozen=True)
class Saving:
    """A file's customers. It blanks what it does not name, or says nothing of it."""

    tenant: str
    customers: Sequence[Row]
    at: dt.datetime
    blanks_tell: bool


moments = st.integers(0, 2).map(lambda steps: NOON + steps * INSTANT)
tenants = mostly(*TENANTS, times=3)
words: Mapping[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(FIELDS, st.sampled_from(("가", "나", None))),
    "locale": st.sampled_from(("ko", "en")),
    "attributes": st.sampled_from(({}, {"seats": 1}, {"seats": 2})),
}


@st.composite
def people(draw: st.DrawFn) -> Row:
    """A customer of whom some fields are told."""
    told = draw(st.lists(st.sampled_from(("name", "attributes", *FIELDS)), max_size=3, unique=True))
    return {"id": draw(mostly(*CUSTOMERS, times=3)), **{name: draw(words[name]) for name in told}}


savings = st.builds(
    Saving,
    tenant=tenants,
    customers=st.lists(people(), min_size=1, max_size=2, unique_by=lambda person: str(person["id"])),
    at=moments,
    blanks_tell=st.booleans(),
)


@st.composite
def events(draw: st.DrawFn) -> SubscriptionEvent:
    told = {
        "specversion": "1.0",
        "source": SOURCE,
        "type": "subscription.signup",
        "tenant": draw(mostly(*TENANTS, "stranger", times=9)),
        "id": f"e-{draw(mostly(*range(20), times=9))}",
        "time": draw(moments),
        "data": {"customer": draw(people())},
    }
    return SubscriptionEvent.model_validate(told)


@st.composite
def rows_from_before(draw: st.DrawFn) -> list[Row]:
    """Customers who were kept before the moment of each word was."""
    kept = draw(st.lists(st.sampled_from([(tenant, id_) for tenant in TENANTS for id_ in CUSTOMERS]), unique=True))
    every = st.fixed_dictionaries(dict(words))
    return [{"tenant": tenant, "id": id_, "as_of": draw(moments), **draw(every)} for tenant, id_ in kept[:2]]


def _remembered(before: Sequence[Row]) -> Memory:
    memory = Memory()
    for row in before:
        said = {name: [Word(row["as_of"], row[name])] for name in FIELDS}
        memory.known[row["tenant"], row["id"]] = Known(row["as_of"], said, before_moments_were_kept=True)
    return memory


async def _customers(connection: Connection) -> Sequence[Row]:
    return await rows(connection, "select * from customers order by tenant, id")


def _expected(memory: Memory) -> list[Row]:
    return [
        {
            "tenant": tenant,
            "id": id_,
            **{name: known.value(name) for name in FIELDS},
            "as_of": known.as_of,
            "told_at": [] if known.before_moments_were_kept else known.state[1],
        }
        for (tenant, id_), known in sorted(memory.known.items())
    ]


@given(rows_from_before(), st.lists(savings | st.lists(events(), min_size=2, max_size=5), min_size=1, max_size=4))
async def test_of_each_field_the_newest_word_counts_whoever_tells_it_in_any_order_and_batches(
    scratch: Scratch, before: list[Row], tellings: list[Saving | list[SubscriptionEvent]]
) -> None:
    memory, seen = _remembered(before), set[tuple[str, str]]()
    tenants = [{"id": tenant, "name": tenant} for tenant in TENANTS]
    async with scratch.holding(tenants=tenants, customers=before) as connection:
        for telling in tellings:
            if isinstance(telling, Saving):
                written = await save_customers(
                    connection,
                    telling.tenant,
                    telling.customers,
                    as_of=telling.at,
                    blanks_tell=telling.blanks_tell,
                )
                assert written == memory.save(
                    telling.tenant, telling.customers, telling.at, blanks_tell=telling.blanks_tell
                )
            else:
                received = await receive_events(connection, telling, NOON)
                assert [each.fresh for each in received] == memory.receive(telling, seen)
            assert await _customers(connection) == _expected(memory)


async def test_of_two_events_of_one_moment_and_batch_the_last_counts(scratch: Scratch) -> None:
    told = [event("cafe", f"e-{number}", customer={"name": name}) for number, name in enumerate(("홍길동", "홍길순"))]
    async with scratch.holding(tenants=[{"id": "cafe", "name": "cafe"}]) as connection:
        await receive_events(connection, told, NOON)
        assert await rows(connection, "select name from customers") == [{"name": "홍길순"}]


async def test_a_file_that_tells_of_nothing_new_but_attributes_is_heard(scratch: Scratch) -> None:
    async with scratch.holding(tenants=[{"id": "cafe", "name": "cafe"}]) as connection:
        for attributes in ({"seats": 1}, {"seats": 2}):
            told = [{"id": "c-1", "attributes": attributes}]
            assert await save_customers(connection, "cafe", told, as_of=NOON, blanks_tell=False) == 1
        assert await rows(connection, "select attributes from customers") == [{"attributes": {"seats": 2}}]
