"""Shares of what is due, for any tenants: nobody has a second one before all had their first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.workflows.ticks.shares import Shares

TENANTS = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 30), min_size=1)
SIZES = st.tuples(st.integers(1, 12), st.integers(1, 12))


def _take(due: Counter[str], in_turn: Sequence[str], share: int, a_batch: int) -> list[str]:
    """As the statement takes: of one after the other, until the batch is full."""
    offered = (tenant for tenant in in_turn for _ in range(min(share, due[tenant])))
    taken = list(islice(offered, a_batch))
    due.subtract(taken)
    return taken


def _look(shares: Shares, due: Mapping[str, int]) -> None:
    shares.look(tenant for tenant in sorted(due) if due[tenant])


@given(TENANTS, SIZES)
def test_nobody_is_served_twice_before_everybody_was_served_once(of: Mapping[str, int], sizes: tuple[int, int]) -> None:
    a_batch, least = sizes
    shares, due = Shares(a_batch=a_batch, least=least), Counter(of)
    served: Counter[str] = Counter()
    _look(shares, due)
    while shares.is_busy:
        in_turn, share = shares.next()
        waiting = {tenant for tenant in of if due[tenant]}
        taken = _take(due, in_turn, share, a_batch)
        before, served = served, served + Counter(set(taken))
        for tenant in set(taken):
            assert all(before[tenant] <= served[other] for other in waiting), (tenant, served)
        shares.took_in_turn(in_turn, share, taken)
        if not shares.is_known:
            _look(shares, due)
    assert due.total() == 0, "and all that is due is taken"


@given(TENANTS, SIZES, st.data())
def test_who_becomes_due_has_a_share_of_the_next_batch_after_the_next_look(
    of: Mapping[str, int], sizes: tuple[int, int], data: st.DataObject
) -> None:
    a_batch, least = sizes
    shares, due = Shares(a_batch=a_batch, least=least), Counter(of)
    _look(shares, due)
    for _ in range(data.draw(st.integers(0, 5))):
        if not shares.is_known:
            break
        in_turn, share = shares.next()
        shares.took_in_turn(in_turn, share, _take(due, in_turn, share, a_batch))
    unserved = {tenant for tenant in of if due[tenant] == of[tenant]}
    due["newcomer"] = 1
    _look(shares, due)
    in_turn, share = shares.next()
    assert in_turn.index("newcomer") <= len(unserved) if len(unserved) < a_batch else True


@given(TENANTS, SIZES)
def test_few_tenants_fill_a_batch_and_many_get_no_less_than_the_least(
    of: Mapping[str, int], sizes: tuple[int, int]
) -> None:
    a_batch, least = sizes
    shares = Shares(a_batch=a_batch, least=least)
    _look(shares, of)
    in_turn, share = shares.next()
    assert len(in_turn) == min(len(of), a_batch)
    assert min(least, a_batch) <= share <= a_batch
    assert (share + 1) * len(of) > a_batch


def test_less_than_a_share_of_all_leaves_all_quiet() -> None:
    shares = Shares(a_batch=4, least=3)
    shares.took(["cafe", "shop"])
    assert not shares.is_busy


def test_whoever_filled_a_share_without_turns_is_served_last() -> None:
    shares = Shares(a_batch=3, least=1)
    shares.took(["cafe"] * 3)
    assert (shares.is_busy, shares.is_known) == (True, False)
    shares.look(["cafe", "shop"])
    assert shares.next() == (["shop", "cafe"], 1)


@pytest.mark.parametrize(
    ("taken", "left"),
    [
        pytest.param(["cafe"], ["shop"], id="one_has_no_more_and_the_other_was_not_asked"),
        pytest.param(["cafe", "cafe", "shop"], ["cafe", "shop"], id="both_may_have_more"),
    ],
)
def test_who_had_less_than_a_share_is_asked_no_more(taken: Sequence[str], left: Sequence[str]) -> None:
    shares = Shares(a_batch=3, least=2)
    shares.look(["cafe", "shop"])
    in_turn, share = shares.next()
    shares.took_in_turn(in_turn[: len(set(taken))], share, taken)
    assert sorted(shares.next()[0]) == left
