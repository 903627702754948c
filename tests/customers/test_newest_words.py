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

from shared.customers.filing import file_customers
from shared.customers.store import decide_newest_words, save_customers
from shared.customers.words import FIELDS, Telling
from shared.platform.database import Connection
from tests.clock import NOON
from tests.scratch import INSTANT, Row, Scratch, mostly, rows

TENANTS, CUSTOMERS = ("cafe", "shop"), ("c-1", "c-2")
PLAIN = FIELDS[:-1]
UNTOLD: Mapping[str, Any] = {**dict.fromkeys(PLAIN), "locale": "ko"}
"""What is taken for a field of which nobody has said anything."""
CLEARED = "all attributes cleared"


@dataclass(frozen=True)
class Word:
    """What was said of something, and as of when."""

    at: dt.datetime
    value: Any


@dataclass
class Known:
    """All that was ever said of a customer, in the order in which it came."""

    as_of: dt.datetime
    said: dict[str, list[Word]] = field(default_factory=dict)
    attributes: list[tuple[str, Word]] = field(default_factory=list)
    filed: Mapping[str, Any] | None = None

    def hear(self, at: dt.datetime, told: Mapping[str, Any]) -> None:
        self.as_of = max(self.as_of, at)
        for name, value in told.items():
            if name in PLAIN:
                self.said.setdefault(name, []).append(Word(at, value))
            elif value is None:
                self.attributes.append((CLEARED, Word(at, None)))
            else:
                self.attributes += [(key, Word(at, each)) for key, each in value.items()]

    def value(self, name: str) -> Any:
        """Of a field the newest word counts, and of two as old the one that came last."""
        newest = max(reversed(self.said.get(name, [])), key=lambda word: word.at, default=Word(NOON, None))
        return UNTOLD[name] if newest.value is None else newest.value

    @property
    def attributes_now(self) -> dict[str, Any]:
        """Each is a word of its own, and to clear them all is one about each."""
        found = {}
        for key in {key for key, _ in self.attributes} - {CLEARED}:
            about = [word for about, word in self.attributes if about in (key, CLEARED)]
            newest = max(reversed(about), key=lambda word: word.at)
            if newest.value is not None:
                found[key] = newest.value
        return found

    @property
    def person(self) -> dict[str, Any]:
        return {name: self.value(name) for name in PLAIN} | {"attributes": self.attributes_now}


class Memory:
    """Customers by tenant and id."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], Known] = {}

    def hear(self, who: tuple[str, str], at: dt.datetime, told: Mapping[str, Any]) -> Known:
        known = self.known.setdefault(who, Known(at))
        known.hear(at, told)
        return known

    def send(self, tenant: str, customers: Sequence[Row], at: dt.datetime) -> int:
        """Customers of a send: how many of them are written. What is known already is not even said again."""
        written = 0
        for customer in customers:
            who, told = (tenant, customer["id"]), {name: customer[name] for name in PLAIN if customer.get(name)}
            if who not in self.known or any(self.known[who].value(name) != told[name] for name in told):
                self.hear(who, at, told)
                written += 1
        return written

    def file(self, tenant: str, customers: Sequence[Row], at: dt.datetime) -> int:
        """Customers of a file: how many say something. What it said before, it does not say again."""
        saying = 0
        for customer in customers:
            row = {name: value for name, value in customer.items() if name != "id"}
            known = self.known.get((tenant, customer["id"]))
            before = known.filed if known and known.filed is not None else {}
            told = {n: v for n, v in row.items() if n in PLAIN and (n not in before or before[n] != v)}
            old = before.get("attributes", {})
            keys = {k: v for k, v in row.get("attributes", {}).items() if k not in old or old[k] != v}
            if told or keys or known is None:
                saying += 1
                self.hear((tenant, customer["id"]), at, {**told, "attributes": keys}).filed = row
        return saying


@dataclass(frozen=True)
class Sending:
    tenant: str
    customers: Sequence[Row]
    at: dt.datetime


@dataclass(frozen=True)
class Filing:
    tenant: str
    customers: Sequence[Row]
    at: dt.datetime


moments = st.integers(0, 3).map(lambda steps: NOON + steps * INSTANT)
tenants = mostly(*TENANTS, times=3)
ids = mostly(*CUSTOMERS, times=3)
attributes = st.dictionaries(st.sampled_from(("seats", "동")), st.sampled_from((1, "가", None)))
words: Mapping[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(PLAIN, st.sampled_from(("가", "나", None))),
    "locale": st.sampled_from(("ko", "en", None)),
}


def told(attributes: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Some fields of a customer."""
    return st.fixed_dictionaries(
        {}, optional={"name": words["name"], "locale": words["locale"], "attributes": attributes}
    )


def customers(attributes: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Row]]:
    people = st.builds(lambda id_, fields: {"id": id_, **fields}, ids, told(attributes))
    return st.lists(people, min_size=1, max_size=2, unique_by=lambda person: str(person["id"]))


tellings = st.builds(Telling, tenants, ids, moments, told(st.none() | attributes), st.none())
batches = st.lists(tellings, max_size=4, unique_by=lambda telling: (telling.tenant, telling.customer))
sendings = st.builds(Sending, tenants, customers(st.just({})), moments)
filings = st.builds(Filing, tenants, customers(attributes), moments)


@st.composite
def rows_from_before(draw: st.DrawFn) -> list[Row]:
    """Customers who were kept before the moment of each word was."""
    kept = draw(st.lists(st.sampled_from([(tenant, id_) for tenant in TENANTS for id_ in CUSTOMERS]), unique=True))
    fields = st.fixed_dictionaries(dict(words))
    some = attributes.map(lambda each: {key: value for key, value in each.items() if value is not None})
    return [
        {"tenant": tenant, "id": id_, "as_of": draw(moments), **draw(fields), "locale": "en", "attributes": draw(some)}
        for tenant, id_ in kept[:2]
    ]


def _remembered(before: Sequence[Row]) -> Memory:
    memory = Memory()
    for row in before:
        who = row["tenant"], row["id"]
        memory.hear(who, row["as_of"], {"attributes": None})
        memory.hear(who, row["as_of"], {name: row[name] for name in FIELDS})
    return memory


async def _customers(connection: Connection) -> Sequence[Row]:
    found = await rows(connection, "select * from customers order by tenant, id")
    return [{name: row[name] for name in ("tenant", "id", *FIELDS, "as_of", "filed")} for row in found]


def _expected(memory: Memory) -> list[Row]:
    return [
        {"tenant": tenant, "id": id_, **known.person, "as_of": known.as_of, "filed": known.filed}
        for (tenant, id_), known in sorted(memory.known.items())
    ]


@given(rows_from_before(), st.lists(sendings | filings | batches, min_size=1, max_size=5))
async def test_of_each_field_the_newest_word_counts_whoever_tells_it_in_any_order_and_batches(
    scratch: Scratch, before: list[Row], story: list[Sending | Filing | list[Telling]]
) -> None:
    memory = _remembered(before)
    async with scratch.holding(customers=before) as connection:
        for step in story:
            if isinstance(step, Sending):
                people = [{name: row.get(name) for name in ("id", *PLAIN)} for row in step.customers]
                written = await save_customers(connection, step.tenant, people, as_of=step.at)
                assert written == memory.send(step.tenant, step.customers, step.at)
            elif isinstance(step, Filing):
                filed = await file_customers(connection, step.tenant, step.customers, changed_at=step.at)
                assert filed.added + filed.changed == memory.file(step.tenant, step.customers, step.at)
            else:
                people_now = await decide_newest_words(connection, step)
                heard = {(each.tenant, each.customer) for each in step}
                for each in step:
                    memory.hear((each.tenant, each.customer), each.at, each.told)
                assert people_now == {who: {"id": who[1], **memory.known[who].person} for who in heard}
            assert await _customers(connection) == _expected(memory)
