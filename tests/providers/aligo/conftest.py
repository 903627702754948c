"""Aligo as its adapter, and the simulator that it talks to over HTTP."""

from collections.abc import Callable
from uuid import uuid4

import httpx
import pytest

from shared.providers import OutboundMessage, ProviderAccount, Submission
from shared.providers.aligo import Aligo
from tests.clock import SettableClock
from tests.providers.simulated import Simulator


@pytest.fixture
def customer(simulator: Simulator) -> ProviderAccount:
    return simulator.add_customer()


@pytest.fixture
def aligo(simulator: Simulator, client: httpx.AsyncClient) -> Aligo:
    return Aligo(simulator.url, simulator.url, client)


@pytest.fixture
def submission(clock: SettableClock) -> Callable[..., Submission]:
    def of(*messages: OutboundMessage) -> Submission:
        return Submission(uuid4(), clock.now(), messages)

    return of
