"""Of the events of one id the first counts; one that says the same is that once more, and one that does not is refused.

The oracle of `receive_events_and_decide_fresh`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.events import SubscriptionEvent
from shared.platform.clock import month_of
from shared.workflows.events.fingerprints import fingerprint
from shared.workflows.events.store import Received, receive_events_and_decide_fresh
from tests.clock import NOON
from tests.scratch import Row, Scratch
from tests.world import SOURCE, event

KNOWN = ("cafe", "shop")
Key = tuple[str, str, str]

contents: st.SearchStrategy[dict[str, Any]] = st.sampled_from([{}, {"n": 1}, {"n": 1.0}, {"n": None}, {"n": "1"}])
ids = st.sampled_from(["e-1", "e-2"])
events = st.builds(
    lambda tenant, source, id_, data: event(tenant, id_, **data).model_copy(update={"source": source}),
    st.sampled_from([*KNOWN, "nobody"]),
    st.sampled_from([SOURCE, "//other"]),
    ids,
    contents,
)
batches = st.lists(st.lists(events, max_size=6), min_size=1, max_size=4)


A_MONTH = dt.timedelta(days=30)


@st.composite
def rows_from_before(draw: st.DrawFn) -> list[Row]:
    """Events that were kept before fingerprints were, and others; at the same time, or under one in a month beside."""
    kept = draw(st.lists(st.tuples(st.sampled_from(KNOWN), ids), unique=True, max_size=3))
    return [
        {
            "tenant": tenant,
            "source": SOURCE,
            "id": id_,
            "type": "subscription.signup",
            "time": NOON,
            "data": {},
            "fingerprint": draw(st.none() | contents.map(lambda data: fingerprint(event("cafe", **data)))),
            "received_at": NOON - dt.timedelta(days=1),
            "month": draw(st.sampled_from([month_of(NOON - A_MONTH), month_of(NOON), month_of(NOON + A_MONTH)])),
        }
        for tenant, id_ in kept
    ]


def _expected(seen: dict[Key, bytes | None], batch: Sequence[SubscriptionEvent]) -> list[Received]:
    found = []
    for each in batch:
        if each.tenant not in KNOWN:
            found.append(Received(each.tenant, None, False, False, False))
            continue
        key, mark = (each.tenant, each.source, each.id), fingerprint(each)
        fresh = key not in seen
        first = seen.setdefault(key, mark)
        conflicting = first is not None and first != mark
        found.append(Received(each.tenant, 3, each.tenant == "shop", fresh, conflicting))
    return found


@given(rows_from_before(), batches)
async def test_of_one_id_the_first_counts_and_only_what_says_something_else_conflicts(
    scratch: Scratch, before: list[Row], story: list[list[SubscriptionEvent]]
) -> None:
    tenants = [
        {"id": "cafe", "name": "c", "revision": 3, "suspended_at": None},
        {"id": "shop", "name": "s", "revision": 3, "suspended_at": NOON},
    ]
    seen: dict[Key, bytes | None] = {(row["tenant"], row["source"], row["id"]): row["fingerprint"] for row in before}
    async with scratch.holding(tenants=tenants, events=before) as connection:
        for batch in story:
            expected = _expected(seen, batch)
            assert await receive_events_and_decide_fresh(connection, batch, NOON) == [
                Received(one.tenant, one.revision, bool(one.suspended), one.fresh, one.conflicting) for one in expected
            ]
