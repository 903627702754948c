"""What inspections' tests stand on: a tenant whose account the simulator knows, and its templates there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx
import pytest

from shared.operations.inspections.looking import Inspections
from shared.providers import ProviderAccount
from shared.providers.solapi import Solapi
from shared.providers.templated.solapi import SolapiTemplates
from shared.tenants.accounts import account_cache
from tests.clock import NOON
from tests.providers.simulated import Simulator, simulated
from tests.world import KEYS, World

TEXT = "#{이름}님, 접수되었습니다."
_numbers = count(1)


@dataclass
class Desk:
    """Where templates are registered: the simulated provider, and who looks at it."""

    world: World
    simulator: Simulator
    templates: SolapiTemplates
    inspections: Inspections

    async def shop(
        self, approval: Any = "submitted", *, text: str = TEXT, status: str = "INSPECTING"
    ) -> ProviderAccount:
        """A tenant with one template, `order`, of the code KA1, here and at the provider."""
        key = f"NCSDESK{next(_numbers):08d}"
        content = {"alimtalk": {"code": "KA1", "text": text}, "sms": {"text": "접수"}}
        tenant = await self.world.tenant(templates={"order": content}, approval=approval, api_key=key)
        account = ProviderAccount(
            tenant,
            "main",
            "solapi",
            "021234567",
            "pf",
            {"api_key": key, "api_secret": "secret", "webhook_secret": "hook"},
        )
        template = {"templateId": "KA1", "pfId": "pf", "name": "order", "content": text, "status": status}
        self.simulator.change_account(account, pfIds=["pf"], templates=[template])
        return account

    def approvals(self, tenant: str) -> dict[int, str]:
        """By version of `order`, what is thought of it."""
        found = self.world.rows("select version, approval from template_versions where tenant = %s", tenant)
        return {row["version"]: row["approval"] for row in found}

    def told(self, tenant: str) -> list[tuple[str, str]]:
        """Kind and detail of all that was found, in the order of finding."""
        found = self.world.rows(
            "select kind, detail from template_inspections where tenant = %s order by created_at, key", tenant
        )
        return [(row["kind"], row["detail"]) for row in found]

    def alerts(self, tenant: str) -> list[tuple[str, bool]]:
        """Kind of each alert, and whether it is open."""
        found = self.world.rows(
            "select kind, resolved_at = 'infinity' as open from alerts where tenant = %s order by raised_at", tenant
        )
        return [(row["kind"], row["open"]) for row in found]


@pytest.fixture(scope="module")
def provider(shared_world: World) -> Iterator[Simulator]:
    with simulated(shared_world.clock) as simulator:
        yield simulator


@pytest.fixture(scope="module")
async def module_desk(shared_world: World, provider: Simulator) -> AsyncIterator[Desk]:
    """One for the tests of a module, each of which makes a tenant or an account of its own."""
    async with httpx.AsyncClient(timeout=10) as client:
        templates = SolapiTemplates(Solapi(provider.url, shared_world.clock, client))
        database, accounts = shared_world.as_role("allim_sweeper"), account_cache(KEYS)
        looking = Inspections(database, {"solapi": templates}, accounts, shared_world.clock)
        yield Desk(shared_world, provider, templates, looking)


@pytest.fixture
def desk(module_desk: Desk) -> Iterator[Desk]:
    """The module's, at noon; nobody but the test's own accounts is due, and faults end with the test."""
    module_desk.world.clock.moment = NOON
    module_desk.world.rows("update template_looks set look_at = 'infinity'")
    yield module_desk
    module_desk.simulator.set_faults()
