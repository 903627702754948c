"""Whose cards are charged, and whether any is, against the rule in Python."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from shared.credits.payments.rules import CHARGE_LEASE, LONGEST_WITHOUT_ASKING
from shared.credits.topups.store import Due, decide_due_charges
from tests.clock import NOON
from tests.scratch import INSTANT, Row, Scratch, mostly, rows, waits

MIDNIGHT = NOON - dt.timedelta(hours=12)
"""Midnight in Seoul, where it is noon now."""

SEALED = b"a sealed card"
TENANTS = ("bakery", "cafe", "shop")
STATUSES = ("created", "confirming", "waiting_for_deposit", "paid", "partly_cancelled", "cancelled", "failed")


@dataclass(frozen=True)
class Order:
    """A payment that was begun before."""

    purpose: str
    status: str
    amount: Decimal
    created_at: dt.datetime

    @property
    def counts_today(self) -> bool:
        return self.created_at >= MIDNIGHT and self.status != "failed"


@dataclass(frozen=True)
class Wish:
    """A tenant who wants its card charged when less than `threshold` is available; `daily_cap` won a day at most."""

    enabled: bool
    card: bool
    available: Decimal
    threshold: Decimal
    amount: Decimal
    daily_cap: Decimal
    next_try_at: dt.datetime
    takes: int
    orders: Sequence[Order]

    @property
    def is_due(self) -> bool:
        charges = [order for order in self.orders if order.purpose == "automatic_topup"]
        today = sum(order.amount for order in charges if order.counts_today)
        under_way = any(order.status == "confirming" for order in charges)
        low = self.available < self.threshold
        within_cap = today + self.amount <= self.daily_cap
        return self.enabled and self.card and low and within_cap and not under_way and self.next_try_at <= NOON

    @property
    def taken_until(self) -> dt.datetime:
        return NOON + waits(CHARGE_LEASE, LONGEST_WITHOUT_ASKING, self.takes)


def next_charged(wishes: Mapping[str, Wish], limit: int) -> list[str]:
    """Of those who are due, the ones that wait longest."""
    due = [tenant for tenant, wish in wishes.items() if wish.is_due]
    return sorted(due, key=lambda tenant: wishes[tenant].next_try_at)[:limit]


orders = st.builds(
    Order,
    purpose=mostly("automatic_topup", "topup", "plan", times=4),
    status=mostly("paid", "confirming", "confirming", *STATUSES, times=4),
    amount=st.sampled_from((10_000, 20_000)).map(Decimal),
    created_at=mostly(MIDNIGHT, MIDNIGHT - INSTANT, NOON, times=2),
)


@st.composite
def wishes(draw: st.DrawFn, next_try_at: dt.datetime) -> Wish:
    """One that is due, most often, and otherwise by little not."""
    before = draw(st.lists(orders, max_size=3))
    threshold, amount = Decimal(5_000), Decimal(10_000)
    today = sum((order.amount for order in before if order.counts_today), Decimal(0))
    cap = max(amount, today + amount + draw(mostly(0, -1, -20_000)))
    available = threshold + Decimal(draw(mostly("-0.01", "0", "0.01")))
    return Wish(
        draw(mostly(True, False)),
        draw(mostly(True, False)),
        available,
        threshold,
        amount,
        cap,
        next_try_at,
        draw(mostly(0, 1, 4, 15)),
        before,
    )


@st.composite
def tenants(draw: st.DrawFn) -> dict[str, Wish]:
    """Each waits for another time than the others."""
    moments = draw(st.permutations([NOON - INSTANT, NOON, NOON + INSTANT, NOON - dt.timedelta(days=1)]))
    return {tenant: draw(wishes(moment)) for tenant, moment in zip(TENANTS, moments, strict=False)}


def _rows_of(wishes: Mapping[str, Wish], held: Decimal) -> dict[str, list[Row]]:
    every = wishes.items()
    return {
        "tenants": [{"id": tenant, "name": tenant} for tenant in wishes],
        "credit_accounts": [
            {"tenant": tenant, "balance": wish.available + held, "held": held} for tenant, wish in every
        ],
        "billing_keys": [
            {"tenant": tenant, "customer_key": f"key-{tenant}", "billing_key": SEALED, "created_at": MIDNIGHT}
            for tenant, wish in every
            if wish.card
        ],
        "automatic_topups": [
            {
                "tenant": tenant,
                "threshold": wish.threshold,
                "amount": wish.amount,
                "daily_cap": wish.daily_cap,
                "enabled": wish.enabled,
                "next_try_at": wish.next_try_at,
                "takes": wish.takes,
            }
            for tenant, wish in every
        ],
        "payment_orders": [
            {
                "tenant": tenant,
                "id": f"{tenant}_order_{at}",
                "amount": order.amount,
                "purpose": order.purpose,
                "status": order.status,
                "created_at": order.created_at,
                "updated_at": order.created_at,
            }
            for tenant, wish in every
            for at, order in enumerate(wish.orders)
        ],
    }


@given(tenants(), st.sampled_from((Decimal(0), Decimal(700))), mostly(5, 1, 2))
async def test_the_cards_are_charged_of_those_who_wait_longest_of_all_that_are_due(
    scratch: Scratch, wishes: Mapping[str, Wish], held: Decimal, limit: int
) -> None:
    chosen = next_charged(wishes, limit)
    after = {
        tenant: (wish.taken_until, wish.takes + 1) if tenant in chosen else (wish.next_try_at, wish.takes)
        for tenant, wish in wishes.items()
    }
    async with scratch.holding(**_rows_of(wishes, held)) as connection:
        due = await decide_due_charges(
            connection, now=NOON, since=MIDNIGHT, first=CHARGE_LEASE, longest=LONGEST_WITHOUT_ASKING, limit=limit
        )
        found = await rows(connection, "select tenant, next_try_at, takes from automatic_topups")
        assert {row["tenant"]: (row["next_try_at"], row["takes"]) for row in found} == after
    assert {each.tenant: each for each in due} == {
        tenant: Due(tenant, wishes[tenant].taken_until, wishes[tenant].amount, f"key-{tenant}", SEALED)
        for tenant in chosen
    }
