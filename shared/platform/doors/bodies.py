"""Bodies of strangers' calls: who sends one slowly gives way to who comes after."""

from __future__ import annotations

import asyncio
from collections import Counter

from starlette.requests import Request

from shared.platform.http import read_limited, too_slow

AT_ONCE = 24
"""Bodies that an instance reads at a time: fewer than the calls that it is given at a time (functions.tf)."""

OF_ONE_SOURCE = 8
SECONDS = 10.0
"""For the whole of a body. An honest caller has sent it before it is asked for."""


class Bodies:
    """The bodies that an instance is reading.

    Once there are too many, the one that has been read for longest ends as too slow: of the source that has too many,
    or else of the one that has the most. So a body that comes at once is read, however many others do not.

    Args:
        at_once: how many at a time.
        of_one_source: and of one caller.
        seconds: that one may take.
    """

    def __init__(self, *, at_once: int = AT_ONCE, of_one_source: int = OF_ONE_SOURCE, seconds: float = SECONDS) -> None:
        self._at_once = at_once
        self._of_one_source = of_one_source
        self._seconds = seconds
        self._read: dict[asyncio.Timeout, str] = {}

    async def read(self, request: Request, max_bytes: int, source: str) -> bytes:
        """A call's body. `source`: whose it is.

        Raises:
            AllimError: `too_large`; `too_slow`, also where others needed the place.
            ClientDisconnect: the caller went away.
        """
        self._make_room(source)
        given_way = asyncio.timeout(None)
        try:
            async with given_way:
                self._read[given_way] = source
                return await read_limited(request, max_bytes, seconds=self._seconds)
        except TimeoutError:
            raise too_slow(self._seconds) from None
        finally:
            self._read.pop(given_way, None)

    def _make_room(self, source: str) -> None:
        numbers = Counter(self._read.values())
        if numbers[source] >= self._of_one_source:
            greedy = source
        elif len(self._read) >= self._at_once:
            [(greedy, _)] = numbers.most_common(1)
        else:
            return
        oldest = next(reading for reading, whose in self._read.items() if whose == greedy)
        del self._read[oldest]
        oldest.reschedule(0)  # long ago
