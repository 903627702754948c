"""Seeded storms: people change and cancel plans, ticks renew them, cards refuse and answers are lost, all at once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable

import pytest

from shared.credits.errors import CreditError
from shared.credits.plans.plans import PLANS, PlanName
from shared.providers import ProviderError
from tests.credits.paying import TENANT
from tests.credits.planning import CHARGE, Office

STEPS = 40
NAPS = (60, 200, 4_000, 86_400, 9 * 86_400, 32 * 86_400)
NAMES: list[PlanName] = list(PLANS)


def _act(office: Office, dice: random.Random) -> Awaitable[object]:
    """Something that a person or the scheduler does."""
    match dice.randrange(5):
        case 0 | 1:
            return office.plans().change(TENANT, dice.choice(NAMES))
        case 2:
            return office.plans().cancel(TENANT) if dice.random() < 0.5 else office.sweep()
        case _:
            return office.sweep()


async def _trouble(office: Office, dice: random.Random) -> None:
    """Something that goes wrong, or is right again."""
    match dice.randrange(6):
        case 0:
            await office.card("reject")
        case 1:
            await office.card()
        case 2 | 3:
            what = dice.choice(["accept_then_drop", "drop_before"])
            await office.shop.faults(**{what: {"count": 1, "on": dice.choice([CHARGE, "POST .*/cancel$"])}})


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_what_was_charged_and_given_back_is_what_the_history_says(office: Office, seed: int) -> None:
    dice = random.Random(seed)
    await office.card()
    for _ in range(STEPS):
        await _trouble(office, dice)
        acts = [_act(office, dice) for _ in range(dice.randint(1, 3))]
        for answer in await asyncio.gather(*acts, return_exceptions=True):
            assert answer is None or not isinstance(answer, BaseException) or _expected(answer), answer
        office.clock.advance(dice.choice(NAPS))
    await office.shop.faults()
    await office.card()
    for _ in range(3):
        office.clock.advance(240)
        await office.sweep()
    charged, given_back = await office.money()
    assert charged > 0
    assert charged - given_back == sum(won for _, won in office.history())
    assert (await office.has()).pending_order is None
    assert set(office.orders()) <= {"paid", "partly_cancelled", "cancelled", "failed"}
    unsettled = office.rows("""
        select o.id from payment_orders o join plan_orders p on p.order_id = o.id
        where o.status = case when p.applied_at is null then 'paid' else 'failed' end::order_status
        """)
    assert unsettled == []
    overlapping = office.rows("""
        select a.order_id from plan_orders a join plan_orders b on a.order_id < b.order_id
          and a.period_start < b.period_end and b.period_start < a.period_end
        where a.kind in ('renewal', 'arrears') and b.kind in ('renewal', 'arrears')
          and a.applied_at is not null and b.applied_at is not null and a.anchor = b.anchor
        """)
    assert overlapping == []
    assert [await office.balance(), await office.difference()] == [0, 0]


def _expected(error: BaseException) -> bool:
    codes = {"plan_change_under_way", "payment_refused", "no_card"}
    return isinstance(error, ProviderError) or (isinstance(error, CreditError) and error.code in codes)
