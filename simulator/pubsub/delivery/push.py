"""Push delivery: one POST a message, with the cloud's flow control.

Sources: https://cloud.google.com/pubsub/docs/push (flow control, push back-off, acknowledging statuses)
"""

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Final

from simulator.pubsub.delivery.backlog import Backlog, Delivery
from simulator.pubsub.delivery.posting import Endpoint
from simulator.pubsub.messages import metadata_headers, wrapped

ACKNOWLEDGING: Final = frozenset({102, 200, 201, 202, 204})
DEFAULT_MAX_OUTSTANDING: Final = 1000
_STANDING_HEADERS: Final = "User-Agent: CloudPubSub-Google\r\n"
# Then the event loop sees to its other work: answers, and calls that publish.
_PUSHES_A_TURN: Final = 32
_JSON: Final = "Content-Type: application/json\r\n"

_log = logging.getLogger(__name__)


class Window:
    """How many pushes may be under way at once.

    Slow start: 5 at first, one more for each message acknowledged within a second, up to `maximum`; a refusal takes
    a tenth away. When a whole window of refusals comes back with no acknowledgement among them, pushing pauses for
    100 ms, and again after the next refusal, doubling up to 60 s, until a push is acknowledged.
    """

    INITIAL = 5.0
    SLOW_SECONDS = 1.0
    FIRST_PAUSE_SECONDS = 0.1
    LONGEST_PAUSE_SECONDS = 60.0

    def __init__(self, maximum: int) -> None:
        self._maximum = float(maximum)
        self.limit = min(self.INITIAL, self._maximum)
        self.paused_until = 0.0
        self._refused_in_a_row = 0
        self._pauses = 0

    def acknowledged(self, started: float, now: float) -> None:
        """A push that began at `started` was acknowledged (monotonic seconds)."""
        self._refused_in_a_row = self._pauses = 0
        self.paused_until = 0.0
        if now - started < self.SLOW_SECONDS:
            self.limit = min(self._maximum, self.limit + 1)

    def refused(self, started: float, now: float) -> None:
        """A push that began at `started` was refused."""
        self.limit = max(1.0, self.limit * 0.9)
        self._refused_in_a_row += 1
        # What left before a pause says nothing new about the endpoint.
        if self._refused_in_a_row >= self.limit and started >= self.paused_until:
            pause = min(self.LONGEST_PAUSE_SECONDS, self.FIRST_PAUSE_SECONDS * 2.0 ** min(self._pauses, 16))
            self.paused_until = now + pause
            self._pauses += 1


class Pusher:
    """Pushes what a subscription's backlog has ready, while its endpoint is set.

    subscription: full name. maximum: pushes under way at once.
    wake: called after each push came back, to look for more to do.
    """

    def __init__(self, subscription: str, backlog: Backlog, maximum: int, wake: Callable[[], None]) -> None:
        self.window = Window(maximum)
        self._subscription = subscription
        self._backlog = backlog
        self._wake = wake
        self._url = ""
        self._endpoint: Endpoint | None = None
        self._wrapped = True
        self._write_metadata = False
        self._loop = asyncio.get_running_loop()
        self._under_way = 0
        self._more: asyncio.Handle | None = None
        self._told = -math.inf
        self._untold = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def configure(self, url: str, *, unwrapped: bool, write_metadata: bool) -> None:
        """Push to `url` from now on; "" ends pushing."""
        if url != self._url or unwrapped == self._wrapped:
            self.close()
            # An unwrapped push has the Content-Type that the publisher gave as an attribute, or none.
            headers = _STANDING_HEADERS if unwrapped else _STANDING_HEADERS + _JSON
            self._endpoint = Endpoint(url, headers) if url else None
        self._url = url
        self._wrapped = not unwrapped
        self._write_metadata = write_metadata

    @property
    def active(self) -> bool:
        """Whether this is a push subscription."""
        return self._endpoint is not None

    def pump(self, now: float) -> None:
        """Start as many pushes as the window allows."""
        endpoint = self._endpoint
        if endpoint is None or now < self.window.paused_until:
            return
        for _ in range(_PUSHES_A_TURN):
            if self._under_way >= int(self.window.limit) or not (delivery := self._backlog.take(now)):
                return
            self._under_way += 1
            self._push(delivery, endpoint, now)
        if self._more is None:
            self._more = self._loop.call_soon(self._go_on)

    def close(self) -> None:
        """Close connections that carry no push."""
        if self._endpoint is not None:
            self._endpoint.close()
            self._endpoint = None

    async def drain(self) -> None:
        """Wait for the pushes under way."""
        while self._under_way:
            self._idle.clear()
            await self._idle.wait()

    def _go_on(self) -> None:
        self._more = None
        self._wake()

    def _push(self, delivery: Delivery, endpoint: Endpoint, started: float) -> None:
        message = delivery.message
        policy = self._backlog.policy
        headers = ""
        if self._wrapped:
            body = wrapped(message, self._subscription, delivery.attempt if policy.dead_letter_topic else None)
        else:
            body = message.data
            if self._write_metadata:
                headers = metadata_headers(message, self._subscription)
        endpoint.post(
            body, headers, policy.ack_deadline, lambda status, reason: self._answered(delivery, started, status, reason)
        )

    def _answered(self, delivery: Delivery, started: float, status: int | None, reason: str) -> None:
        now = self._loop.time()
        self._under_way -= 1
        if status in ACKNOWLEDGING:
            self.window.acknowledged(started, now)
            self._backlog.acknowledge(delivery, now)
        else:
            self.window.refused(started, now)
            self._tell(reason or f"HTTP {status}", now)
            self._backlog.refuse(delivery, now)
        if not self._under_way:
            self._idle.set()
        self._wake()

    def _tell(self, reason: str, now: float) -> None:
        """Log a refusal, at most one a second: thousands may come at once."""
        self._untold += 1
        if now >= self._told + 1:
            _log.warning("%s: %s: %s pushes refused: %s", self._subscription, self._url, self._untold, reason)
            self._told, self._untold = now, 0
