"""How many messages a plan has left in its period. Counted when somebody asks; sending itself never does."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from shared.credits.errors import CreditError, unknown_tenant
from shared.credits.plans.errors import quota_exceeded
from shared.credits.plans.plans import PLANS, Period, PlanName, is_upgrade
from shared.credits.plans.store import count_messages, read_subscriptions
from shared.platform.clock import day_of, first_moment
from shared.platform.database import Connection


@dataclass(frozen=True, slots=True)
class Quota:
    """Messages of a tenant's running period.

    used: sent, or waiting to be.
    allowed: by its plan.
    """

    tenant: str
    plan: PlanName
    period: Period
    used: int
    allowed: int

    @property
    def left(self) -> int:
        return max(self.allowed - self.used, 0)

    def shortage(self, messages: int) -> CreditError | None:
        """What stands in the way of sending so many more: `quota_exceeded`, or None."""
        if messages <= self.left:
            return None
        needed = self.used + messages
        room = (plan.name for plan in PLANS.values() if is_upgrade(self.plan, plan.name) and plan.messages >= needed)
        larger = next(room, None)
        return quota_exceeded(self.tenant, self.left, self.plan, self.period.end, larger)


async def read_quota(connection: Connection, tenant: str, now: dt.datetime) -> Quota:
    """What a tenant's plan has left.

    Args:
        connection: as a role that sees the tenant.
        tenant: whose.
        now: the moment.

    Raises:
        CreditError: `unknown_tenant`.
    """
    found = await read_subscriptions(connection, tenant)
    if not found:
        raise unknown_tenant(tenant)
    period = found[0].counted(day_of(now))
    used = await count_messages(connection, tenant, first_moment(period.start))
    return Quota(tenant, found[0].plan, period, used, PLANS[found[0].plan].messages)
