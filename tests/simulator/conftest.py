"""One simulator for the session; each test has an account of its own and starts without faults."""

from collections.abc import AsyncIterator

import pytest

from simulator.app import Settings
from simulator.testing import running_simulator
from simulator.webhooks import WebhookPolicy
from tests.simulator.client import Caller, Inbox, open_inbox

QUICK = {"report_delay_ms": 1}


@pytest.fixture(scope="session")
async def simulator() -> AsyncIterator[str]:
    """The base address of a simulator that retries webhooks quickly."""
    policy = WebhookPolicy(tries=4, first_backoff=0.01, timeout=1)
    async with running_simulator(Settings(webhooks=policy)) as address:
        yield address


@pytest.fixture
async def solapi(simulator: str) -> AsyncIterator[Caller]:
    """A caller with a new account; final statuses come after a millisecond."""
    async with Caller.to(simulator) as caller:
        await caller.control("PUT", "faults", QUICK)
        await caller.control("DELETE", "accepted")
        await caller.register()
        yield caller


@pytest.fixture
async def inbox(solapi: Caller) -> AsyncIterator[Inbox]:
    """The webhook of the caller's account."""
    async with open_inbox() as inbox:
        await solapi.register(webhookUrl=inbox.url, webhookSecret="webhook-secret")
        yield inbox
        await solapi.register(webhookUrl=None)
