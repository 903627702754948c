"""Turns among tenants: who had one waits for the others."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from shared.platform.loops.turns import InTurn, turns_after


@given(
    st.frozensets(st.sampled_from("abcdef")),
    st.lists(st.sampled_from("abcdef")),
    st.booleans(),
)
def test_who_spoke_waits_until_all_others_have(before: frozenset[str], spoke: list[str], is_full: bool) -> None:
    after = turns_after(before, spoke, is_full=is_full)
    assert after == ({*before, *spoke} if is_full else set())


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 20), min_size=1), st.integers(1, 8))
async def test_each_tenant_is_taken_from_before_any_has_its_second_batch_and_all_is_taken(
    due: dict[str, int], limit: int
) -> None:
    """What is due longest is taken first, and all of one tenant is due longer than all of the next."""
    left = [tenant for tenant, number in sorted(due.items()) for _ in range(number)]

    async def take(most: int, without: Sequence[str]) -> list[str]:
        taken = [tenant for tenant in left if tenant not in without][:most]
        for tenant in taken:
            left.remove(tenant)
        return taken

    in_turn, batches = InTurn(take, str), list[Sequence[str]]()
    while batch := await in_turn.take(limit):
        batches.append(batch)
    assert left == []
    first_batches = batches[: len(due)]
    assert {tenant for batch in first_batches for tenant in batch} == set(due)
