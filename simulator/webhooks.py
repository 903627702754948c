"""Reports on their way to the customer's webhook: batched, in parallel, and again until they are taken."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp

from simulator.faults import Faults

Report = dict[str, Any]

_OK = 200
_SECOND_COPY_AFTER = 0.05


class Hook(Protocol):
    """Where reports go and what they look like: one per account of a provider."""

    @property
    def webhook_url(self) -> str | None:
        """The address to call; None when the account wants no reports."""

    def webhook_headers(self) -> dict[str, str]:
        """The headers of a call, content type included."""

    def webhook_body(self, reports: list[Report], retry_count: int) -> bytes:
        """The body of a call; `retry_count` is 0 at the first try."""


@dataclass(frozen=True)
class WebhookPolicy:
    """How reports are sent. SOLAPI documents the 5 seconds; 5 to 8 tries were seen, the rest is unpublished.

    Attributes:
        batch_size: reports a call, at most.
        flush_after: seconds that a report waits, at most, for others to fill its call.
        concurrency: calls under way at once for one account.
        timeout: seconds within which a call must be answered with 200.
        tries: calls made for the same reports before they are given up.
        first_backoff: seconds between the first and the second try; doubles from there.
    """

    batch_size: int = 500
    flush_after: float = 0.02
    concurrency: int = 8
    timeout: float = 5
    tries: int = 8
    first_backoff: float = 0.2


@dataclass
class WebhookCounts:
    """What happened to reports so far. `waiting` is neither taken nor given up yet; `forged`: a stranger's calls that
    were taken."""

    calls: int = 0
    retries: int = 0
    taken: int = 0
    given_up: int = 0
    waiting: int = 0
    forged: int = 0


@dataclass(slots=True)
class _Call:
    reports: list[Report]
    tries: int = 0


class Webhooks:
    """Sends reports for all accounts. Lives on one event loop between `start` and `stop`."""

    def __init__(self, policy: WebhookPolicy, faults: Faults, counts: WebhookCounts) -> None:
        self.policy = policy
        self.counts = counts
        self._faults = faults
        self._outboxes: dict[int, _Outbox] = {}
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the client. Must run on the loop that reports will be given on."""
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self.policy.timeout), connector=aiohttp.TCPConnector(limit=0)
        )

    async def stop(self) -> None:
        """Drop what is still waiting, and close the client."""
        for outbox in self._outboxes.values():
            outbox.close()
        if self._session:
            await self._session.close()

    def report(self, hook: Hook, reports: list[Report]) -> None:
        """Send reports to an account's webhook, as far as the faults let them through."""
        if not hook.webhook_url:
            return
        reports, repeated = self._faults.disturb(reports)
        self._outbox(hook).put(reports)
        if repeated:
            asyncio.get_running_loop().call_later(_SECOND_COPY_AFTER, self._outbox(hook).put, repeated)

    def _outbox(self, hook: Hook) -> "_Outbox":
        outbox = self._outboxes.get(id(hook))
        if outbox is None:
            outbox = self._outboxes[id(hook)] = _Outbox(hook, self)
        return outbox

    async def post(self, hook: Hook, call: _Call) -> bool:
        """Make one call. True when it was answered with 200 in time."""
        if self._session is None or hook.webhook_url is None:
            return False
        self.counts.calls += 1
        body = hook.webhook_body(call.reports, call.tries)
        if self._faults.forges():
            await self._forge(hook, body)
        try:
            async with self._session.post(
                hook.webhook_url, data=body, headers=hook.webhook_headers(), allow_redirects=False
            ) as answer:
                return answer.status == _OK
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def _forge(self, hook: Hook, body: bytes) -> None:
        """Call as a stranger does, who knows all but the secret."""
        assert self._session is not None and hook.webhook_url is not None  # noqa: S101, PT018
        headers = {name: "forged" if name.startswith("X-") else value for name, value in hook.webhook_headers().items()}
        async with self._session.post(hook.webhook_url, data=body, headers=headers) as answer:
            self.counts.forged += answer.status == _OK


@dataclass
class _Outbox:
    """One account's reports. Batches fill up by themselves while all calls are under way."""

    hook: Hook
    webhooks: Webhooks
    _reports: list[Report] = field(default_factory=list)
    _again: deque[_Call] = field(default_factory=deque)
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)
    _timer: asyncio.TimerHandle | None = None
    _due: bool = False
    _closed: bool = False

    def put(self, reports: list[Report]) -> None:
        self._reports.extend(reports)
        self.webhooks.counts.waiting += len(reports)
        self._pump()

    def close(self) -> None:
        self._closed = True
        for task in self._under_way:
            task.cancel()

    def _pump(self) -> None:
        while not self._closed and len(self._under_way) < self.webhooks.policy.concurrency:
            call = self._next_call()
            if call is None:
                break
            task = asyncio.get_running_loop().create_task(self._make(call))
            self._under_way.add(task)
            task.add_done_callback(self._made)

    def _next_call(self) -> _Call | None:
        policy = self.webhooks.policy
        if self._again:
            return self._again.popleft()
        if self._reports and (self._due or len(self._reports) >= policy.batch_size):
            call = _Call(self._reports[: policy.batch_size])
            del self._reports[: policy.batch_size]
            self._due = self._due and bool(self._reports)
            return call
        if self._reports and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(policy.flush_after, self._flush)
        return None

    def _flush(self) -> None:
        self._timer = None
        self._due = bool(self._reports)
        self._pump()

    def _made(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._pump()

    async def _make(self, call: _Call) -> None:
        counts, policy = self.webhooks.counts, self.webhooks.policy
        taken = await self.webhooks.post(self.hook, call)
        call.tries += 1
        if taken:
            counts.taken += len(call.reports)
            counts.waiting -= len(call.reports)
        elif call.tries >= policy.tries:
            counts.given_up += len(call.reports)
            counts.waiting -= len(call.reports)
        else:
            counts.retries += 1
            pause = policy.first_backoff * 2 ** (call.tries - 1)
            asyncio.get_running_loop().call_later(pause, self._try_again, call)

    def _try_again(self, call: _Call) -> None:
        self._again.append(call)
        self._pump()
