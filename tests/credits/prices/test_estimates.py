"""What a send will cost, before anything is sent."""

from decimal import Decimal
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.credits.errors import CreditError
from shared.credits.prices.estimates import Estimate, Ways, estimate, estimate_for
from tests.credits.ledger_world import LedgerWorld, said

PRICES = {"alimtalk": Decimal(15), "sms": Decimal(20), "lms": Decimal(50)}
FALLBACK: Ways = {("alimtalk", "sms"): 8, ("alimtalk", "lms"): 2}
_numbers = count(1)


def test_a_fallback_costs_between_its_cheapest_and_its_dearest_channel() -> None:
    found = estimate(FALLBACK, PRICES, {})
    assert [found.messages, found.at_least, found.at_most, found.to_hold] == [10, 150, 260, 500]
    assert found.expected == 150, "nothing is known of failures yet"


def test_what_is_expected_goes_by_how_often_each_leg_delivered() -> None:
    found = estimate(FALLBACK, PRICES, {"alimtalk": (100, 50), "sms": (100, 90)})
    assert {part.channel: part.expected_messages for part in found.by_channel} == {"alimtalk": 5, "sms": 4, "lms": 1}
    assert found.expected == Decimal("75.00") + Decimal("72.00") + Decimal("45.00")
    assert {part.channel: part.messages for part in found.by_channel} == {"alimtalk": 10, "sms": 0, "lms": 0}


ways = st.dictionaries(
    st.lists(st.sampled_from(("alimtalk", "sms", "lms")), min_size=1, max_size=3, unique=True).map(tuple),
    st.integers(1, 100_000),
    min_size=1,
)
rates = st.dictionaries(
    st.sampled_from(("alimtalk", "sms")),
    st.integers(0, 5_000).flatmap(lambda tried: st.tuples(st.just(tried), st.integers(0, tried))),
)
prices = st.fixed_dictionaries(dict.fromkeys(("alimtalk", "sms", "lms"), st.decimals(0, 500, places=2)))


@given(ways, prices, rates)
def test_no_message_costs_more_than_at_most_and_no_more_is_held(
    ways: Ways, prices: dict[str, Decimal], rates: dict[str, tuple[int, int]]
) -> None:
    found: Estimate = estimate(ways, prices, rates)
    assert found.at_least <= found.at_most <= found.to_hold
    assert found.expected <= found.at_most + Decimal("0.02")
    assert sum(part.messages for part in found.by_channel) == found.messages == sum(ways.values())


async def test_a_missing_price_is_a_clear_error(world: LedgerWorld) -> None:
    tenant = await world.add_tenant("unpriced")
    world.rows("delete from prices where tenant = %(tenant)s and channel = 'sms'", tenant=tenant)
    async with world.owner.connection() as connection:
        with pytest.raises(CreditError, match="price_missing: there is no price for sms"):
            await estimate_for(connection, tenant, FALLBACK, world.clock.now())


async def test_the_estimate_learns_from_what_became_of_recent_messages(world: LedgerWorld) -> None:
    """Half of them fell back; also as the role of the API, which sees its own tenant only."""
    tenant = await world.add_tenant("learning", credit=10_000)
    claimed = await world.claim(await world.queue(tenant, 40, channels=["alimtalk", "sms"]))
    ids = [message.id for message in claimed]
    await world.report(tenant, *(said(id_, "delivered", channel="alimtalk") for id_ in ids[:20]))
    await world.report(tenant, *(said(id_, "failed", channel="alimtalk") for id_ in ids[20:]))
    again = await world.claim(world.ticket(tenant, ids[20:]))
    await world.report(tenant, *(said(message.id, "delivered", attempt=message.attempt) for message in again))
    async with world.as_role("allim_api").transaction(tenant=tenant) as connection:
        found = await estimate_for(connection, tenant, {("alimtalk", "sms"): 10}, world.clock.now())
    assert [found.at_least, found.expected, found.at_most] == [150, 175, 200]
