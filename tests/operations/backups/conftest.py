"""A world with something to back up, and `allim restore` at the hour of that world."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from shared.operations.backups.backups import Backups
from shared.platform.buckets import Bucket
from shared.workflows.events.intake import EventIntake
from tests.clock import SettableClock, instead_of_the_wall_clock
from tests.endpoints import running
from tests.world import BACKUP_KEY, BACKUP_KEYS, World, event

TODAY = "2026-11-21"

Restore = Callable[..., Result]


def backups_of(world: World, bucket: Bucket) -> Backups:
    return Backups(world.as_role("allim_backup"), bucket, BACKUP_KEYS, world.clock, connections=3)


@pytest.fixture
async def filled(world: World) -> tuple[World, str]:
    """A tenant with a message that is being sent, one that waits, a reminder to come, and a dead letter."""
    later = {
        "name": "later",
        "on": "appointment.scheduled",
        "key": "data.appointment_id",
        "anchor": "data.starts_at",
        "steps": [{"at": "-30m", "send": "reminder"}],
    }
    tenant = await world.tenant({"name": "welcome", "on": "subscription.signup", "steps": [{"send": "welcome"}]}, later)
    intake = EventIntake(world.as_role("allim_events"), world.publisher, world.clock)
    await intake.receive(event(tenant, "e-1"))
    await world.claim_waiting(tenant)
    await intake.receive(event(tenant, "e-2"))
    starts_at = (world.clock.now() + dt.timedelta(hours=2)).isoformat()
    await intake.receive(event(tenant, "e-3", "appointment.scheduled", appointment_id="a", starts_at=starts_at))
    async with running("on_subscription_event", world) as function:
        await function.push(b"\x00\xff\\.\n")
    return world, tenant


@pytest.fixture
def at_noon() -> Iterator[None]:
    """The command line's time is that of the worlds."""
    with instead_of_the_wall_clock(SettableClock()):
        yield


@pytest.fixture
def run(at_noon: None, storage: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Restore:
    monkeypatch.setenv("ALLIM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BACKUP_BUCKET", storage.name)
    monkeypatch.setenv("ALLIM_BACKUP_KEY", base64.b64encode(BACKUP_KEY).decode())
    return lambda *arguments: CliRunner().invoke(app, ["restore", *arguments])
