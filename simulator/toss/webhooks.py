"""Events on their way to merchants: https://docs.tosspayments.com/reference/using-api/webhook-events.

Nothing is signed. An event that is not answered with 200 within 10 seconds comes again up to 7 times, 1, 4, 16, 64,
256, 1024 and 4096 minutes after the try before, under the same transmission id.
"""

import asyncio
import secrets
from datetime import datetime
from typing import Any

import aiohttp
import orjson

from simulator.clock import KST, Clock
from simulator.faults import Faults
from simulator.toss.model import Merchant
from simulator.toss.views import kst
from simulator.webhooks import WebhookCounts

RETRIES = 7
_TIMEOUT = 10
_OK = 200


class TossWebhooks:
    """Sends events for all merchants, each by itself. Lives on one event loop between `start` and `stop`."""

    def __init__(self, clock: Clock, faults: Faults) -> None:
        self.counts = WebhookCounts()
        self._clock = clock
        self._faults = faults
        self._under_way: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the client."""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT))

    async def stop(self) -> None:
        """Drop what is still waiting, and close the client."""
        for task in self._under_way:
            task.cancel()
        if self._session:
            await self._session.close()

    def tell(self, merchant: Merchant, event_type: str, data: dict[str, Any]) -> None:
        """Send an event that wraps what it is about in `data`."""
        self._send(merchant, {"eventType": event_type, "createdAt": self._stamp(), "data": data})

    def tell_deposit(self, merchant: Merchant, call: dict[str, Any]) -> None:
        """Send a DEPOSIT_CALLBACK, which wraps nothing and doesn't name its type."""
        self._send(merchant, {"createdAt": self._stamp(), **call})

    def _stamp(self) -> str:
        return datetime.fromtimestamp(self._clock(), KST).replace(tzinfo=None).isoformat(timespec="microseconds")

    def _send(self, merchant: Merchant, event: dict[str, Any]) -> None:
        """Put an event on its way, or two, or none: as the faults have it."""
        if not merchant.webhook_url:
            return
        once, again = self._faults.disturb([event])
        timely, late = self._faults.split_late(once + again)
        plan, transmission = self._faults.plan, f"whtrans_{secrets.token_hex(16)}"
        for events, delay in ((timely, 0.0), (late, plan.report_late_ms)):
            for each in events:
                task = asyncio.get_running_loop().create_task(
                    self._deliver(merchant, transmission, orjson.dumps(each), (plan.report_delay_ms + delay) / 1000)
                )
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)

    async def _deliver(self, merchant: Merchant, transmission: str, body: bytes, delay: float) -> None:
        self.counts.waiting += 1
        await asyncio.sleep(delay)
        for retried in range(RETRIES + 1):
            if retried:
                self.counts.retries += 1
                await asyncio.sleep(merchant.retry_minute_ms / 1000 * 4 ** (retried - 1))
            if await self._post(merchant.webhook_url, transmission, retried, body):
                self.counts.taken += 1
                break
        else:
            self.counts.given_up += 1
        self.counts.waiting -= 1

    async def _post(self, url: str | None, transmission: str, retried: int, body: bytes) -> bool:
        if self._session is None or url is None:
            return False
        self.counts.calls += 1
        headers = {
            "Content-Type": "application/json",
            "tosspayments-webhook-transmission-id": transmission,
            "tosspayments-webhook-transmission-time": str(kst(self._clock())),
            "tosspayments-webhook-transmission-retried-count": str(retried),
        }
        try:
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                return answer.status == _OK
        except (aiohttp.ClientError, TimeoutError):
            return False
