"""Naver Cloud's SENS as its adapter, and the simulator that it talks to over HTTP."""

from collections.abc import Callable
from uuid import uuid4

import httpx
import pytest

from shared.providers import OutboundMessage, ProviderAccount, Submission
from shared.providers.sens import Sens
from tests.clock import SettableClock
from tests.providers.simulated import Simulator


@pytest.fixture
def service(simulator: Simulator) -> ProviderAccount:
    return simulator.add_service()


@pytest.fixture
def sens(simulator: Simulator, clock: SettableClock, client: httpx.AsyncClient) -> Sens:
    return Sens(simulator.url, clock, client)


@pytest.fixture
def submission(clock: SettableClock) -> Callable[..., Submission]:
    def of(*messages: OutboundMessage) -> Submission:
        return Submission(uuid4(), clock.now(), messages)

    return of
