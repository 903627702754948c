"""Who writes much makes room: where batches are slow because others want the database too, it pauses between them."""

from __future__ import annotations

from shared.platform.clock import Clock

LONGEST_PAUSE_SECONDS = 2.0
"""Between two batches, whatever the clock says that one took."""


class Room:
    """Measures batches, and pauses for as long as one took longer than the quickest one would have.

    So who is alone goes on at once; beside others that make it twice as slow it wants the database for half of
    the time, and leaves it the more often the more they want it. A fixed rate would be too slow for an idle database
    and too fast for a busy one.

    Args:
        clock: the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._quickest_row = float("inf")
        self._pause = 0.0

    async def make(self) -> None:
        """Pause, where the batch before was slow."""
        if self._pause:
            await self._clock.sleep(self._pause)

    def took(self, seconds: float, rows: int, *, written: int) -> None:
        """A batch took so long.

        Args:
            seconds: how long.
            rows: how many it had, one at least.
            written: how many of them it wrote. Unless it is all, the batch tells nothing, and no pause comes after it:
                whoever mostly reads is quick, and would make all others look slow.
        """
        self._pause = 0.0
        if written < rows:
            return
        self._quickest_row = min(self._quickest_row, max(seconds, 0.0) / rows)
        self._pause = min(max(seconds - self._quickest_row * rows, 0.0), LONGEST_PAUSE_SECONDS)
