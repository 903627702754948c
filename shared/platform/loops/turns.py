"""Turns among tenants in what is due: of any number of crowds, each waits for one batch of each other one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Generic, TypeVar

Due = TypeVar("Due")


def turns_after(before: frozenset[str], spoke: Iterable[str], *, is_full: bool) -> frozenset[str]:
    """Who had their turn and wait for the others'. A batch that is not full was of all who had none yet, so then
    everybody may again.

    Of a thousand tenants that are due at once, and of any number of crowds, each waits for one batch of each other one
    at most, and not for all that the others have.

    Args:
        before: who had it before this batch.
        spoke: the tenants of the batch.
        is_full: whether there may have been more.
    """
    return before.union(spoke) if is_full else frozenset()


class InTurn(Generic[Due]):
    """What a sweep takes, in turn.

    Args:
        take: takes up to so many, and nothing of the tenants that it is told to leave out.
        tenant: whose something is.
    """

    def __init__(
        self, take: Callable[[int, Sequence[str]], Awaitable[Sequence[Due]]], tenant: Callable[[Due], str]
    ) -> None:
        self._take = take
        self._tenant = tenant
        self._had_their_turn: frozenset[str] = frozenset()

    async def take(self, limit: int) -> Sequence[Due]:
        """Up to so many of those who had no turn yet; where none of them has anything due, of all."""
        due = await self._take(limit, sorted(self._had_their_turn))
        if not due and self._had_their_turn:
            self._had_their_turn = frozenset()
            due = await self._take(limit, ())
        is_full = len(due) == limit
        self._had_their_turn = turns_after(self._had_their_turn, map(self._tenant, due), is_full=is_full)
        return due
