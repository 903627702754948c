"""Which orders are looked at because somebody said something, and in which order: the oracle of `decide_look_ups`."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.credits.payments.calls.look_up_store import LookUp, decide_look_ups, looked, tell
from shared.credits.payments.calls.looking import AGAIN_AFTER, LONGEST_PUT_OFF
from tests.clock import NOON
from tests.scratch import INSTANT, Row, Scratch, mostly, rows

TENANTS = ("cafe", "shop")
SECOND = dt.timedelta(seconds=1)


@dataclass(frozen=True)
class Owed:
    """A row."""

    owed: bool
    tries: int
    look_at: dt.datetime

    @property
    def is_due(self) -> bool:
        return self.owed and self.look_at <= NOON

    @property
    def is_over(self) -> bool:
        return not self.owed and self.look_at <= NOON


rows_ = st.lists(
    st.builds(
        Owed,
        mostly(True, False),
        st.integers(0, 20),
        mostly(NOON, NOON - SECOND, NOON + INSTANT, NOON - 3 * SECOND),
    ),
    max_size=8,
)


def oracle(kept: Mapping[tuple[str, str], Owed], limit: int) -> list[tuple[str, str]]:
    """Each tenant's oldest, then each one's second, and so on."""
    turns: Counter[str] = Counter()
    order = []
    for (tenant, id_), row in sorted(kept.items(), key=lambda pair: (pair[1].look_at, pair[0][1])):
        if row.is_due:
            order.append((turns[tenant], row.look_at, tenant, id_))
            turns[tenant] += 1
    return [(tenant, id_) for _, _, tenant, id_ in sorted(order)[:limit]]


@given(rows_, mostly(4, 1, 2))
async def test_tenants_take_turns_and_what_is_over_leaves(scratch: Scratch, made: list[Owed], limit: int) -> None:
    kept = {(TENANTS[at % 3 == 2], f"order_{at:04}"): row for at, row in enumerate(made)}
    before: list[Row] = [
        {
            "tenant": tenant,
            "order_id": id_,
            "telling": UUID(int=at),
            "owed": row.owed,
            "tries": row.tries,
            "look_at": row.look_at,
        }
        for at, ((tenant, id_), row) in enumerate(kept.items())
    ]
    due = oracle(kept, limit)
    async with scratch.holding(payment_look_ups=before) as connection:
        taken = await decide_look_ups(connection, now=NOON, first=AGAIN_AFTER, longest=LONGEST_PUT_OFF, limit=limit)
        found = await rows(connection, "select * from payment_look_ups")
    tellings = {(row["tenant"], row["order_id"]): row["telling"] for row in before}
    assert {(each.tenant, each.id): each.telling for each in taken} == {name: tellings[name] for name in due}
    assert {(row["tenant"], row["order_id"]) for row in found if row["taken"] == row["telling"]} == set(due)
    assert {(row["tenant"], row["order_id"]): (row["tries"], row["look_at"]) for row in found} == {
        name: (
            min(row.tries + 1, 20),
            NOON + min(AGAIN_AFTER * (1 << min(row.tries, 10)), LONGEST_PUT_OFF),
        )
        if name in due
        else (row.tries, row.look_at)
        for name, row in kept.items()
        if not row.is_over
    }


@given(st.lists(st.sampled_from(["tell", "take", "done"]), max_size=20))
async def test_whatever_is_told_a_look_up_begins_after_it_and_one_more_is_owed(
    scratch: Scratch, steps: list[str]
) -> None:
    """By steps in any order: no telling is ever settled by a look-up that began before it."""
    now, unsettled, under_way = NOON, False, list[tuple[LookUp, bool]]()
    async with scratch.holding() as connection:
        for step in steps:
            now += LONGEST_PUT_OFF
            if step == "tell":
                await tell(connection, "cafe", "order_1", now)
                unsettled = True
                under_way = [(each, True) for each, _ in under_way]
            elif step == "take":
                taken = await decide_look_ups(connection, now=now, first=AGAIN_AFTER, longest=LONGEST_PUT_OFF, limit=4)
                assert bool(taken) == unsettled
                under_way += [(each, False) for each in taken]
            elif under_way:
                (done, told_since), *under_way = under_way
                await looked(connection, done, now)
                unsettled = unsettled and told_since
            found = await rows(connection, "select owed from payment_look_ups")
            assert [row["owed"] for row in found if row["owed"]] == [True] * unsettled
