import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.platform.loops.coalescer import Coalescer

Result = TypeVar("Result")
TURNS = 2_000
"""Of the loop; whoever is not served by then is forgotten."""


class Away(Exception):  # noqa: N818
    """Says nothing about an item."""


class Bad(Exception):  # noqa: N818
    """The fault of one item."""


class Work:
    """Doubles numbers in batches, and remembers what it was asked."""

    def __init__(self, *, poison: frozenset[int] = frozenset(), turns: int = 1) -> None:
        self.batches: list[list[int]] = []
        self.running = 0
        self.most_running = 0
        self._poison = poison
        self._turns = turns

    async def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            for _ in range(self._turns):
                await asyncio.sleep(0)
            if bad := self._poison.intersection(items):
                raise Bad(f"{sorted(bad)}")
        finally:
            self.running -= 1
        return [item * 2 for item in items]


def in_a_loop(main: Callable[[], Coroutine[None, None, Result]]) -> Result:
    async def limited() -> Result:
        task = asyncio.create_task(main())
        for _ in range(TURNS):
            await asyncio.sleep(0)
            if task.done():
                return task.result()
        raise AssertionError("a caller waits for ever")

    return asyncio.run(limited())


async def all_of(coalescer: Coalescer[int, int], items: Sequence[int], pauses: Sequence[int]) -> list[object]:
    """Submit `items` at once, each after its number of turns of the loop."""

    async def one(item: int, pause: int) -> int:
        for _ in range(pause):
            await asyncio.sleep(0)
        return await coalescer.submit(item)

    return list(await asyncio.gather(*map(one, items, pauses), return_exceptions=True))


arrivals = st.lists(st.integers(0, 12), min_size=1, max_size=40)
"""How many turns of the loop each caller waits before it comes."""


@given(pauses=arrivals, max_weight=st.integers(1, 7), max_running=st.integers(1, 3), turns=st.integers(0, 4))
def test_every_caller_gets_the_result_of_its_own_item(
    pauses: list[int], max_weight: int, max_running: int, turns: int
) -> None:
    work = Work(turns=turns)

    async def main() -> list[object]:
        coalescer = Coalescer(work, max_weight=max_weight, max_running=max_running)
        return await all_of(coalescer, range(len(pauses)), pauses)

    assert in_a_loop(main) == [item * 2 for item in range(len(pauses))]
    assert sorted(item for batch in work.batches for item in batch) == list(range(len(pauses)))
    assert max(map(len, work.batches)) <= max_weight
    assert work.most_running <= max_running


@given(pauses=arrivals, poison=st.frozensets(st.integers(0, 39), max_size=5), max_running=st.integers(1, 3))
def test_a_bad_item_fails_alone(pauses: list[int], poison: frozenset[int], max_running: int) -> None:
    work = Work(poison=poison)

    async def main() -> list[object]:
        return await all_of(Coalescer(work, max_weight=100, max_running=max_running), range(len(pauses)), pauses)

    for item, result in enumerate(in_a_loop(main)):
        if item in poison:
            assert isinstance(result, Bad)
            assert str(result) == f"[{item}]"
        else:
            assert result == item * 2


def test_items_are_worked_on_in_the_order_in_which_they_came() -> None:
    work = Work()

    async def main() -> None:
        await all_of(Coalescer(work, max_weight=4), range(10), [0] * 10)

    in_a_loop(main)
    assert work.batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_a_lone_item_does_not_wait_for_company() -> None:
    work = Work()

    async def main() -> int:
        return await Coalescer(work, max_weight=100).submit(21)

    assert in_a_loop(main) == 42
    assert work.batches == [[21]]


def test_what_arrives_during_a_batch_becomes_the_next_one() -> None:
    work = Work(turns=8)

    async def main() -> None:
        await all_of(Coalescer(work, max_weight=100), range(6), [0, 2, 3, 4, 5, 6])

    in_a_loop(main)
    assert work.batches == [[0], [1, 2, 3, 4, 5]]


def test_an_item_that_outweighs_a_batch_makes_one_of_its_own() -> None:
    work = Work()

    async def main() -> None:
        await all_of(Coalescer(work, max_weight=10, weigh=lambda item: item), [3, 50, 4, 5, 2], [0] * 5)

    in_a_loop(main)
    assert work.batches == [[3], [50], [4, 5], [2]]


def test_an_error_that_says_nothing_about_an_item_reaches_every_caller_and_is_not_searched_for() -> None:
    batches: list[int] = []

    async def work(items: Sequence[int]) -> list[int]:
        batches.append(len(items))
        raise Away

    async def main() -> list[object]:
        return await all_of(Coalescer(work, max_weight=100, may_pass=(Away,)), range(8), [0] * 8)

    assert [type(result) for result in in_a_loop(main)] == [Away] * 8
    assert batches == [8]


@pytest.mark.parametrize("max_running", [1, 2])
def test_an_item_that_comes_in_the_very_turn_in_which_the_last_batch_ends_is_not_forgotten(max_running: int) -> None:
    for pause in range(12):

        async def main(last: int = pause) -> list[object]:
            coalescer = Coalescer(Work(), max_weight=1, max_running=max_running)
            return await all_of(coalescer, range(max_running + 1), [*[0] * max_running, last])

        assert in_a_loop(main) == [item * 2 for item in range(max_running + 1)]


def test_a_caller_that_gives_up_leaves_the_others_of_its_batch_untouched() -> None:
    begun = asyncio.Event()

    async def work(items: Sequence[int]) -> list[int]:
        begun.set()
        await asyncio.sleep(0)
        return [item * 2 for item in items]

    async def main() -> list[int]:
        coalescer = Coalescer(work, max_weight=100)
        tasks = [asyncio.create_task(coalescer.submit(item)) for item in range(3)]
        await begun.wait()
        tasks[1].cancel()
        await asyncio.wait(tasks)
        assert tasks[1].cancelled()
        return [tasks[0].result(), tasks[2].result(), await coalescer.submit(9)]

    assert in_a_loop(main) == [0, 4, 18]


def test_work_that_is_cancelled_leaves_no_caller_waiting() -> None:
    cancelled: list[bool] = []

    async def work(items: Sequence[int]) -> list[int]:
        if not cancelled:
            cancelled.append(True)
            raise asyncio.CancelledError
        return list(items)

    async def main() -> list[object]:
        coalescer = Coalescer(work, max_weight=2)
        return [*await all_of(coalescer, range(4), [0] * 4), await coalescer.submit(4)]

    *given_up, later = in_a_loop(main)
    assert [type(result) for result in given_up] == [asyncio.CancelledError] * 4
    assert later == 4


def test_work_that_forgets_an_item_is_an_error_to_its_callers_not_silence() -> None:
    async def work(items: Sequence[int]) -> list[int]:
        return list(items)[1:]

    async def main() -> list[object]:
        return await all_of(Coalescer(work, max_weight=100), range(3), [0] * 3)

    assert [type(result) for result in in_a_loop(main)] == [ValueError] * 3


@given(pauses=arrivals, changes=st.lists(st.integers(1, 3), min_size=1, max_size=30))
def test_however_many_batches_may_run_meanwhile_nobody_is_forgotten(pauses: list[int], changes: list[int]) -> None:
    async def main() -> list[object]:
        coalescer = Coalescer(Work(turns=2), max_weight=2, max_running=3)

        async def change() -> None:
            for coalescer.max_running in changes:
                await asyncio.sleep(0)

        results, _ = await asyncio.gather(all_of(coalescer, range(len(pauses)), pauses), change())
        return results

    assert in_a_loop(main) == [item * 2 for item in range(len(pauses))]


def test_when_fewer_batches_may_run_those_that_do_end_and_no_others_begin() -> None:
    work = Work(turns=4)

    async def main() -> None:
        coalescer = Coalescer(work, max_weight=1, max_running=3)
        items = asyncio.gather(*(coalescer.submit(item) for item in range(9)))
        for _ in range(4):
            await asyncio.sleep(0)
        assert work.running == 3
        coalescer.max_running, work.most_running = 1, 0
        await items

    in_a_loop(main)
    assert work.most_running == 1
