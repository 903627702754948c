"""Whose plans are looked at, and until when nobody else looks at them, against the rule in Python."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from shared.credits.payments.rules import CHARGE_LEASE, LONGEST_WITHOUT_ASKING
from shared.credits.plans.store import Due, decide_due_plans
from tests.clock import NOON
from tests.scratch import INSTANT, Scratch, mostly, rows, waits

TENANTS = ("bakery", "cafe", "shop")


@dataclass(frozen=True)
class Plan:
    """A tenant's plan: when it is looked at, and how often it was taken since anything came of it."""

    next_try_at: dt.datetime
    takes: int

    @property
    def taken_until(self) -> dt.datetime:
        return NOON + waits(CHARGE_LEASE, LONGEST_WITHOUT_ASKING, self.takes)


@st.composite
def tenants(draw: st.DrawFn) -> dict[str, Plan]:
    """Each waits for another time than the others."""
    moments = draw(st.permutations([NOON - INSTANT, NOON, NOON + INSTANT, NOON - dt.timedelta(days=1)]))
    return {tenant: Plan(moment, draw(mostly(0, 1, 4, 15))) for tenant, moment in zip(TENANTS, moments, strict=False)}


@given(tenants(), mostly(5, 1, 2))
async def test_the_plans_are_looked_at_of_those_who_wait_longest(
    scratch: Scratch, plans: Mapping[str, Plan], limit: int
) -> None:
    due = [tenant for tenant, plan in plans.items() if plan.next_try_at <= NOON]
    chosen = sorted(due, key=lambda tenant: plans[tenant].next_try_at)[:limit]
    after = {
        tenant: (plan.taken_until, plan.takes + 1) if tenant in chosen else (plan.next_try_at, plan.takes)
        for tenant, plan in plans.items()
    }
    held = [
        {"tenant": tenant, "anchor": NOON.date(), "next_try_at": plan.next_try_at, "takes": plan.takes}
        for tenant, plan in plans.items()
    ]
    known = [{"id": tenant, "name": tenant} for tenant in plans]
    async with scratch.holding(tenants=known, tenant_plans=held) as connection:
        taken = await decide_due_plans(
            connection, now=NOON, first=CHARGE_LEASE, longest=LONGEST_WITHOUT_ASKING, limit=limit
        )
        found = await rows(connection, "select tenant, next_try_at, takes from tenant_plans")
        assert {row["tenant"]: (row["next_try_at"], row["takes"]) for row in found} == after
    assert {each.tenant: each for each in taken} == {
        tenant: Due(tenant, plans[tenant].taken_until) for tenant in chosen
    }
