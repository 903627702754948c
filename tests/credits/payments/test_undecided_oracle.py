"""Which orders Toss is asked about, and when again, against the rules in Python: the oracle of `decide_undecided`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.credits.payments.rules import LONGEST_WITHOUT_ASKING, UNDECIDED_AFTER
from shared.credits.payments.store import UndecidedOrder, decide_undecided
from tests.clock import NOON
from tests.scratch import INSTANT, Row, Scratch, mostly, rows

TENANTS = ("cafe", "shop")
SECOND = dt.timedelta(seconds=1)
BEFORE = NOON - UNDECIDED_AFTER
ASKED = ("confirming", "waiting_for_deposit")


@dataclass(frozen=True)
class Waiting:
    """An order, or a cancel of one."""

    status: str
    purpose: str
    updated_at: dt.datetime
    ask_again_at: dt.datetime
    asks: int

    def is_due(self, *statuses: str) -> bool:
        return (
            self.status in statuses
            and self.purpose != "plan"
            and self.updated_at < BEFORE
            and self.ask_again_at <= NOON
        )

    @property
    def since(self) -> dt.datetime:
        return max(self.updated_at, self.ask_again_at)

    def found(self, *, asked: bool) -> tuple[int, dt.datetime]:
        """How often it was asked about, and when it is again."""
        if not asked:
            return self.asks, self.ask_again_at
        factor: int = 2**self.asks
        return self.asks + 1, NOON + min(UNDECIDED_AFTER * factor, LONGEST_WITHOUT_ASKING)


def waiting(*statuses: str) -> st.SearchStrategy[Waiting]:
    return st.builds(
        Waiting,
        mostly(*statuses),
        st.just("topup") if "asked" in statuses else mostly("topup", "automatic_topup", "plan"),
        mostly(BEFORE - SECOND, BEFORE, BEFORE - 2 * SECOND, NOON),
        mostly(NOON - SECOND, NOON, NOON + INSTANT, NOON - 3 * SECOND),
        st.integers(0, 14),
    )


orders = st.lists(waiting(*ASKED, "created", "paid", "failed"), min_size=1, max_size=5)
cancels = st.lists(waiting("asked", "done", "refused"), max_size=5)


def _named(kind: str, each: list[Waiting]) -> dict[tuple[str, str], Waiting]:
    return {(TENANTS[at % 2], f"{kind}_{at:04}"): one for at, one in enumerate(each)}


def _due(each: Mapping[tuple[str, str], Waiting], statuses: tuple[str, ...], limit: int) -> set[tuple[str, str]] | None:
    """Those that are asked about now, or None where two are as old as each other and either may be."""
    due = sorted((one.since, name) for name, one in each.items() if one.is_due(*statuses))
    if len(due) > limit and due[limit - 1][0] == due[limit][0]:
        return None
    return {name for _, name in due[:limit]}


@given(orders, cancels, mostly(20, 1, 2))
async def test_what_is_asked_about_is_put_off_each_time_for_longer(
    scratch: Scratch, made: list[Waiting], asked: list[Waiting], limit: int
) -> None:
    by_cancel = _named("cancelled", asked)
    paid = {name: Waiting("paid", "topup", BEFORE, NOON, 0) for name in by_cancel}
    by_order = _named("order", made) | paid
    due, due_cancels = _due(by_order, ASKED, limit), _due(by_cancel, ("asked",), limit)
    order_rows: list[Row] = [
        {
            "tenant": tenant,
            "id": id_,
            "amount": 1000,
            "purpose": one.purpose,
            "status": one.status,
            **_moments(one),
        }
        for (tenant, id_), one in by_order.items()
    ]
    cancel_rows: list[Row] = [
        {
            "tenant": tenant,
            "id": UUID(int=at),
            "order_id": id_,
            "amount": 1000,
            "reason": "고객 요청",
            "status": one.status,
            **_moments(one),
        }
        for at, ((tenant, id_), one) in enumerate(by_cancel.items())
    ]
    tenants = [{"id": tenant, "name": tenant} for tenant in TENANTS]
    async with scratch.holding(tenants=tenants, payment_orders=order_rows, payment_cancels=cancel_rows) as connection:
        taken = await decide_undecided(
            connection,
            now=NOON,
            before=BEFORE,
            first=UNDECIDED_AFTER,
            longest=LONGEST_WITHOUT_ASKING,
            limit=limit,
            without=["plan"],
        )
        found_orders = await rows(connection, "select tenant, id, asks, ask_again_at from payment_orders")
        found_cancels = await rows(connection, "select tenant, order_id as id, asks, ask_again_at from payment_cancels")
    if due is None or due_cancels is None:
        return
    assert len(taken) == len(set(taken))
    assert set(taken) == {UndecidedOrder(*name) for name in due | due_cancels}
    assert _found(found_orders) == {name: one.found(asked=name in due) for name, one in by_order.items()}
    assert _found(found_cancels) == {name: one.found(asked=name in due_cancels) for name, one in by_cancel.items()}


def _moments(one: Waiting) -> Row:
    return {
        "created_at": one.updated_at,
        "updated_at": one.updated_at,
        "ask_again_at": one.ask_again_at,
        "asks": one.asks,
    }


def _found(found: Sequence[Row]) -> dict[tuple[str, str], tuple[int, dt.datetime]]:
    return {(row["tenant"], row["id"]): (row["asks"], row["ask_again_at"]) for row in found}
