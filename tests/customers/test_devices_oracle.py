"""Whose a device is: of whom it was told last, whoever tells it, in any order. The oracle of `decide_devices`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.customers.devices_store import (
    add_device,
    decide_devices,
    forget_devices,
    mark_bounced,
    read_devices,
)
from shared.customers.store import decide_newest_words
from shared.customers.words import Telling
from shared.platform.database import Connection
from tests.clock import NOON
from tests.scratch import INSTANT, Scratch, rows

TENANTS, CUSTOMERS, TOKENS = ("cafe", "shop"), ("c-1", "c-2", "c-3"), ("a:1", "b", "c", "d")
EVERYBODY = [(tenant, customer) for tenant in TENANTS for customer in CUSTOMERS]


class Memory:
    """What was told: by tenant and token the owner and since when; by customer as of when the list is."""

    def __init__(self) -> None:
        self.owners: dict[tuple[str, str], tuple[str, dt.datetime]] = {}
        self.lists: dict[tuple[str, str], dt.datetime] = {}

    def hear(self, batch: Sequence[Telling]) -> None:
        heard = [
            each
            for each in batch
            if each.devices is not None and self.lists.get((each.tenant, each.customer), each.at) <= each.at
        ]
        given_now = {(each.tenant, token) for each in heard for token in each.devices or ()}
        for each in heard:
            self.lists[each.tenant, each.customer] = each.at
            for key, (customer, at) in list(self.owners.items()):
                if (key[0], customer) == (each.tenant, each.customer) and at <= each.at and key not in given_now:
                    del self.owners[key]
        for each in sorted(heard, key=lambda each: each.at):
            for token in each.devices or ():
                if self.owners.get((each.tenant, token), ("", each.at))[1] <= each.at:
                    self.owners[each.tenant, token] = each.customer, each.at


lists = st.none() | st.lists(st.sampled_from(TOKENS), unique=True)
moments = st.integers(0, 4).map(lambda number: NOON + number * INSTANT)


@st.composite
def batches(draw: st.DrawFn) -> list[Telling]:
    """Of a customer one telling."""
    return [
        Telling(
            tenant,
            customer,
            draw(moments),
            {},
            devices=draw(st.none() | st.lists(st.sampled_from(TOKENS), unique=True)),
        )
        for tenant, customer in draw(st.lists(st.sampled_from(EVERYBODY), unique=True, max_size=4))
    ]


async def _devices(connection: Connection) -> dict[tuple[str, str], tuple[str, dt.datetime]]:
    found = await rows(connection, "select tenant, token, customer, added_at from customer_devices")
    return {(row["tenant"], row["token"]): (row["customer"], row["added_at"]) for row in found}


def _people() -> list[dict[str, object]]:
    return [{"tenant": tenant, "id": customer, "as_of": NOON} for tenant, customer in EVERYBODY]


@given(st.lists(batches(), min_size=1, max_size=6))
async def test_a_device_is_whose_it_was_told_to_be_last(scratch: Scratch, story: list[list[Telling]]) -> None:
    memory = Memory()
    async with scratch.holding(customers=_people()) as connection:
        for batch in story:
            await decide_devices(connection, batch)
            memory.hear(batch)
            assert await _devices(connection) == memory.owners


async def test_a_person_gives_a_device_and_takes_it_away(scratch: Scratch) -> None:
    async with scratch.holding(customers=_people()) as connection:
        await add_device(connection, "cafe", "c-1", "t", "ios", now=NOON)
        await add_device(connection, "cafe", "c-2", "t", None, now=NOON + INSTANT)
        await add_device(connection, "shop", "c-1", "t", "web", now=NOON)
        assert await read_devices(connection, "cafe", "c-1") == []
        assert [(each.token, each.platform) for each in await read_devices(connection, "cafe", "c-2")] == [("t", "ios")]
        assert await forget_devices(connection, "cafe", ["t", "unknown"]) == 1
        assert len(await read_devices(connection, "shop", "c-1")) == 1


@pytest.mark.parametrize(
    ("told", "bounced"),
    [("A@Example.com ", True), ("b@example.com", False), (None, False)],
    ids=["the very address", "another by now", "none by now"],
)
async def test_an_address_that_bounced_is_marked_until_another_is_told(
    scratch: Scratch, told: str | None, bounced: bool
) -> None:
    people = [{"tenant": "cafe", "id": "c-1", "as_of": NOON, "email": told}]
    mark = "select email_bounced_at is not null as bounced from customers"
    async with scratch.holding(customers=people) as connection:
        await mark_bounced(connection, "cafe", ["c-1"], ["a@example.com"], now=NOON)
        assert await rows(connection, mark) == [{"bounced": bounced}]
        await decide_newest_words(connection, [Telling("cafe", "c-1", NOON, {"email": told, "name": "x"})])
        assert await rows(connection, mark) == [{"bounced": bounced}], "the same word is no other address"
        await decide_newest_words(connection, [Telling("cafe", "c-1", NOON, {"email": "c@example.com"})])
        assert await rows(connection, mark) == [{"bounced": False}]
