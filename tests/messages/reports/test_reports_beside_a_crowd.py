"""Somebody's few reports beside a crowd's, which wait for the credit that the crowd's claims hold."""

from __future__ import annotations

import asyncio

import pytest

from shared.contracts.outcomes import Outcome
from shared.contracts.reports import ProviderReport, ReportBatch
from shared.messages.reports import reporting
from shared.messages.reports.reporting import Reports
from shared.workflows.events.intake import EventIntake
from tests.world import PATIENCE_SECONDS, World, event


async def _sent(world: World, count: int) -> tuple[str, list[ReportBatch]]:
    """A tenant with messages that were handed to the provider, and a report on each."""
    tenant = await world.tenant()
    intake = EventIntake(world.as_role("allim_events"), world.publisher, world.clock)
    await intake.take([event(tenant, f"e-{number}", customer={"id": f"c-{number}"}) for number in range(count)])
    claimed = await world.claim_waiting(tenant)
    reports = [
        ProviderReport(
            message=row.id,
            attempt=0,
            channel="alimtalk",
            provider_message_id="M1",
            code="4000",
            outcome=Outcome.DELIVERED,
            detail=None,
        )
        for row in claimed
    ]
    return tenant, [ReportBatch(tenant=tenant, provider="solapi", account="main", reports=(each,)) for each in reports]


async def test_a_crowd_whose_credit_is_locked_holds_up_nobody_elses_reports(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "CROWD", 2)
    crowd, many = await _sent(world, 4)
    other, [few] = await _sent(world, 1)
    reports = Reports(world.as_role("allim_reports"), world.publisher, world.clock)
    async with world.owner.transaction() as connection:
        await connection.execute("select from credit_accounts where tenant = %s for update", [crowd])
        waiting = [asyncio.create_task(reports.record_batch(batch)) for batch in many[:2]]
        await world.lock_waiters(1)
        waiting += [asyncio.create_task(reports.record_batch(batch)) for batch in many[2:]]
        await world.lock_waiters(2)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await reports.record_batch(few)
        assert world.statuses(other) == [("delivered", None)]
    await asyncio.gather(*waiting)
    assert world.statuses(crowd) == [("delivered", None)] * 4
