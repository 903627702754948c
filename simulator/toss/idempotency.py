"""The Idempotency-Key header: https://docs.tosspayments.com/reference/using-api/authorization."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from simulator.clock import Clock
from simulator.toss.errors import TossError

KEPT_FOR = 15 * 24 * 3600
"""Seconds from its first use for which a key brings the same answer."""

MOST_CHARACTERS = 300

Scope = tuple[str, str, str, str]
"""Key, API key, method and path. The body has no say: the same key with another body brings the first answer."""

Answer = tuple[int, bytes]


@dataclass(slots=True)
class _Kept:
    first: float
    answer: Answer | None = None


class FirstAnswers:
    """Carries a request out once, and gives its first answer, an error too, to all that are the same."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[Scope, _Kept] = {}

    async def once(self, scope: Scope, carry_out: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer to a request.

        Raises:
            TossError: 400 INVALID_IDEMPOTENCY_KEY; 409 IDEMPOTENT_REQUEST_PROCESSING while the first is under way.
        """
        if len(scope[0]) > MOST_CHARACTERS:
            raise TossError("INVALID_IDEMPOTENCY_KEY")
        self._forget_old()
        if kept := self._kept.get(scope):
            if kept.answer is None:
                raise TossError("IDEMPOTENT_REQUEST_PROCESSING")
            return kept.answer
        kept = self._kept[scope] = _Kept(self._clock())
        try:
            kept.answer = await carry_out()
            return kept.answer
        finally:
            if kept.answer is None:
                del self._kept[scope]

    def _forget_old(self) -> None:
        now = self._clock()
        while self._kept and now - self._kept[oldest := next(iter(self._kept))].first > KEPT_FOR:
            del self._kept[oldest]
