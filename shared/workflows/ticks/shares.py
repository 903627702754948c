"""Fair shares of what is due: of any number of crowds, each waits for one share of each other one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import count


class Shares:
    """Whose turn it is, while more is due than one batch takes: whoever was served longest ago, and first of all who
    was not served since it became so much.

    A tenant whose few are due meets no more than one share of each crowd, however large that is.

    Args:
        a_batch: so many a batch takes, of however many tenants.
        least: so many of a tenant's at once, while others wait; fewer would be more batches, and no fairer. As many are
            taken of whomever they are, while nobody knows of more: then a crowd has had one share, and not a batch.
    """

    def __init__(self, *, a_batch: int, least: int) -> None:
        self._a_batch = a_batch
        self.least = min(least, a_batch)
        self._due: dict[str, None] = {}
        self._served: dict[str, int] = {}
        self._places = count(1)
        self.is_busy = False

    @property
    def is_known(self) -> bool:
        """Whether somebody is known to have something due."""
        return bool(self._due)

    def look(self, due: Iterable[str]) -> None:
        """These tenants have something due, and nobody else has. Nobody at all: all is quiet again."""
        self._due = dict.fromkeys(due)
        self.is_busy = bool(self._due)
        if not self._due:
            self._served.clear()

    def next(self) -> tuple[list[str], int]:
        """The tenants of the next batch in turn, no more than it has room for, and the share of each."""
        in_turn = sorted(self._due, key=lambda tenant: self._served.get(tenant, 0))
        return in_turn[: self._a_batch], self.share(len(in_turn))

    def share(self, tenants: int) -> int:
        """How much each of so many tenants may have of one batch: few of them fill it all the same."""
        return max(self.least, self._a_batch // max(1, tenants))

    def took(self, taken: Iterable[str]) -> None:
        """The least was taken without turns, or all that was due if it was less: then all is quiet."""
        counts = Counter(taken)
        if counts.total() >= self.least:
            self.is_busy = True
            self._serve(counts)

    def took_in_turn(self, in_turn: Sequence[str], share: int, taken: Iterable[str]) -> None:
        """A batch was taken, of these tenants one after the other and of each its share, until it was full.

        Who had less than that has no more; who was not reached stays next.
        """
        counts = Counter(taken)
        self._serve(tenant for tenant in in_turn if counts[tenant])
        reached = len(in_turn)
        if counts.total() >= self._a_batch:  # of the last one that was reached, there may be more
            reached = max(place for place, tenant in enumerate(in_turn) if counts[tenant])
        for tenant in in_turn[:reached]:
            if counts[tenant] < share:
                self._due.pop(tenant, None)

    def _serve(self, in_turn: Iterable[str]) -> None:
        self._served.update(zip(in_turn, self._places, strict=False))
