"""Handing over to a provider that refuses a whole call for one message of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.messages.dispatch.sending import MAX_PARTS, hand_over
from shared.providers import (
    Accepted,
    OutboundMessage,
    Prepared,
    ProviderAccount,
    ProviderRefused,
    ProviderUnavailable,
    TwoPhaseProvider,
)

ACCOUNT = ProviderAccount("cafe", "main", "strict", "0212345678", None, {})


class Strict:
    """A provider that takes no call with one of its culprits in it."""

    def __init__(self, culprits: set[int], away_after: float = math.inf) -> None:
        self.culprits = culprits
        self.away_after = away_after
        self.calls = 0
        self.held: dict[str, Sequence[OutboundMessage]] = {}

    async def prepare(self, _: ProviderAccount, messages: Sequence[OutboundMessage]) -> Prepared:
        self.calls += 1
        if self.calls > self.away_after:
            raise ProviderUnavailable("unreachable", "it is away")
        if any(message.message.int in self.culprits for message in messages):
            raise ProviderRefused("BadRecipient", "one of them is no number")
        self.held[batch := f"G{self.calls}"] = messages
        return Prepared(batch, [Accepted(message.message, "M") for message in messages], ())

    async def discard(self, _: ProviderAccount, batch: str) -> None:
        del self.held[batch]


def messages(number: int) -> list[OutboundMessage]:
    return [OutboundMessage(UUID(int=at), 0, "sms", "01090004000", "안녕하세요") for at in range(number)]


async def handed_over(strict: Strict, number: int) -> tuple[set[int], set[int]]:
    """Which are in the one batch that is held, and which were refused."""
    prepared, refused = await hand_over(cast(TwoPhaseProvider, cast(Any, strict)), ACCOUNT, messages(number))
    assert list(strict.held) == ([] if prepared.batch is None else [prepared.batch])
    held = [message.message.int for batch in strict.held.values() for message in batch]
    assert sorted(held) == sorted(accepted.message.int for accepted in prepared.accepted)
    return set(held), {report.message.int for report in refused}


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1), max_size=2))))
async def test_only_the_culprits_are_refused(case: tuple[int, set[int]]) -> None:
    number, culprits = case
    sound, refused = await handed_over(Strict(culprits), number)
    assert refused == culprits
    assert sound == set(range(number)) - culprits


async def test_one_culprit_among_five_hundred_is_found() -> None:
    strict = Strict({321})
    assert await handed_over(strict, 500) == (set(range(500)) - {321}, {321})
    assert strict.calls <= MAX_PARTS + 1


async def test_a_call_that_is_taken_is_one_call() -> None:
    strict = Strict(set())
    await handed_over(strict, 500)
    assert strict.calls == 1


async def test_an_account_that_is_refused_costs_a_few_calls_and_all_are_refused() -> None:
    strict = Strict(set(range(500)))
    assert await handed_over(strict, 500) == (set(), set(range(500)))
    assert strict.calls <= MAX_PARTS * 2


@pytest.mark.parametrize("calls", [0, 1, 2, 5])
async def test_a_provider_that_goes_away_meanwhile_decides_nothing(calls: int) -> None:
    with pytest.raises(ProviderUnavailable):
        await handed_over(Strict({3}, away_after=calls), 20)
