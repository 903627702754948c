"""Why a provider's count of a day and ours differ."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.operations.reconcile.differences import Difference, Ours, Reason, differences
from shared.providers import ALL_CHANNELS, Billed

COST = Decimal(18)
numbers = st.integers(0, 50)
ours_ = st.builds(Ours, numbers, numbers, numbers, numbers)


def told(mine: Ours, row: Billed | None) -> dict[Reason, int]:
    found = differences({"sms": mine}, [row] if row else [], {"sms": COST})
    assert all(each.channel == "sms" for each in found)
    return {each.reason: each.messages for each in found}


CASES: dict[str, tuple[Ours, Billed | None, dict[Reason, int]]] = {
    "both alike": (Ours(5), Billed("sms", 5, 5, Decimal(90)), {}),
    "what was refused at once they need not count": (Ours(5, failed=2), Billed("sms", 5, 5, None), {}),
    "they heard of a delivery before us": (Ours(5, waiting=2), Billed("sms", 7, 6, None), {Reason.LATE_REPORT: 1}),
    "they delivered what nobody could tell of": (Ours(5, unknown=2), Billed("sms", 7, 7, None), {Reason.UNKNOWN: 2}),
    "they count two twice": (Ours(5), Billed("sms", 7, 7, None), {Reason.CHARGED_TWICE: 2}),
    "they did not see one": (Ours(5), Billed("sms", 4, 4, None), {Reason.NOT_SEEN: 1}),
    "they gave back what we charged": (Ours(5), Billed("sms", 5, 4, None), {Reason.REFUNDED: 1}),
    "we gave back what they charge": (Ours(5, failed=1), Billed("sms", 6, 6, None), {Reason.REFUNDED: 1}),
    "another price": (Ours(5), Billed("sms", 5, 5, Decimal(100)), {Reason.PRICE_DIFFERS: 5}),
    "nothing there": (Ours(5, failed=3), None, {Reason.NOTHING_FOUND: 5}),
    "nothing here and there": (Ours(failed=3), None, {}),
}


@pytest.mark.parametrize("case", CASES)
def test_each_difference_has_its_reason(case: str) -> None:
    mine, row, expected = CASES[case]
    assert told(mine, row) == expected


@given(ours_)
def test_a_provider_that_saw_and_delivered_what_we_know_of_differs_in_nothing(mine: Ours) -> None:
    row = Billed("sms", mine.surely_sent, mine.delivered, COST * mine.delivered)
    assert told(mine, row) == {}


@given(ours_, numbers, numbers)
def test_the_reasons_account_for_the_whole_difference(mine: Ours, sent: int, succeeded: int) -> None:
    row = Billed("sms", max(sent, succeeded), succeeded, None)
    found = told(mine, row)
    more = sum(found.get(each, 0) for each in (Reason.CHARGED_TWICE, Reason.LATE_REPORT, Reason.UNKNOWN))
    refunded = found.get(Reason.REFUNDED, 0)
    gap = row.succeeded - mine.delivered
    if gap >= 0:
        assert gap <= more + refunded
    else:
        assert -gap <= found.get(Reason.NOT_SEEN, 0) + refunded
    assert found.get(Reason.CHARGED_TWICE, 0) == max(row.sent - mine.handed_over, 0)
    assert found.get(Reason.NOT_SEEN, 0) == max(mine.surely_sent - row.sent, 0)


@given(ours_, numbers, numbers)
def test_none_is_explained_by_what_there_is_not(mine: Ours, sent: int, succeeded: int) -> None:
    found = told(mine, Billed("sms", max(sent, succeeded), succeeded, None))
    assert found.get(Reason.LATE_REPORT, 0) <= mine.waiting
    assert found.get(Reason.UNKNOWN, 0) <= mine.unknown
    assert all(number > 0 for number in found.values())


@given(st.dictionaries(st.sampled_from(["sms", "lms", "mms"]), st.tuples(numbers, numbers), min_size=1), st.integers())
def test_a_sum_of_all_channels_may_lie_between_what_was_delivered_and_what_was_sent(
    counts: dict[str, tuple[int, int]], off: int
) -> None:
    costs = {"sms": Decimal(18), "lms": Decimal(45), "mms": Decimal(110)}
    rows = [Billed(channel, least + more, least, None) for channel, (least, more) in counts.items()]
    low = sum((costs[row.channel] * row.succeeded for row in rows), Decimal(0))
    high = sum((costs[row.channel] * row.sent for row in rows), Decimal(0))
    amount = low + off
    whole = Billed(ALL_CHANNELS, sum(row.sent for row in rows), sum(row.succeeded for row in rows), amount)
    ours = {row.channel: Ours(row.succeeded, row.sent - row.succeeded) for row in rows}
    found = differences(ours, [*rows, whole], costs)
    beyond = amount - min(max(amount, low), high)
    expected = [Difference(ALL_CHANNELS, Reason.PRICE_DIFFERS, whole.succeeded, beyond)] if beyond else []
    assert found == expected


def test_without_a_price_a_count_still_differs() -> None:
    [found] = differences({"brand": Ours(2)}, [Billed("brand", 3, 3, Decimal(99))], {})
    assert found == Difference("brand", Reason.CHARGED_TWICE, 1, None)
