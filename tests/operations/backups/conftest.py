"""A world with something to back up, and `allim restore` at the hour of that world."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from shared.credits.ledger.audit import prove_and_audit
from shared.credits.ledger.ledger import top_up
from shared.operations.backups.backups import Backups
from shared.operations.backups.manifest import Manifest
from shared.operations.retention.retaining import Night, Retention
from shared.platform.buckets import Bucket
from shared.platform.clock import first_moment
from shared.platform.ids import new_id
from shared.workflows.events.intake import EventIntake
from tests.clock import SettableClock, instead_of_the_wall_clock
from tests.endpoints import running
from tests.operations.retention.months import begin_at, midnight, owner_of
from tests.world import BACKUP_KEY, BACKUP_KEYS, World, event

TODAY = "2026-11-21"

Restore = Callable[..., Result]


def remove(storage: Path, pattern: str) -> None:
    """Delete objects behind everybody's back."""
    for file in storage.glob(pattern):
        file.unlink()


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


MESSAGE = """
insert into messages (tenant, id, customer, template, template_version, route, deadlines, channel, status, reason,
  due_at, expires_at, created_at, updated_at)
values (%(tenant)s, %(id)s, 'c-1', 'welcome', 1, '{sms}', '{60}', 'sms', 'cancelled', 'workflow_stopped',
  %(now)s, %(now)s, %(now)s, %(now)s)
"""
REPORT = """
insert into reports (tenant, message, attempt, code, outcome, provider, received_at)
values (%(tenant)s, %(id)s, 0, '4000', 'delivered', 'solapi', %(now)s)
"""


@dataclass(frozen=True)
class Months:
    """A world with months. `begins`: the first days of three of them, and of what has none of its own."""

    world: World
    tenant: str
    begins: list[dt.date]

    def name(self, parent: str, number: int) -> str:
        """Of a month's partition."""
        return f"{parent}_{self.begins[number]:%Y_%m}"


@pytest.fixture
async def months(filled: tuple[World, str]) -> Months:
    """The filled world with a message, a report and a top-up in each of three months, of which the first two are
    closed; what came before them is, too."""
    world, tenant = filled
    first = world.rows("select distinct since from partitions where until is null")[0]["since"]
    begins = [first]
    for _ in range(3):
        begins.append((begins[-1] + dt.timedelta(days=31)).replace(day=1))
    world.rows("select months.extend(%s)", begins[-1])
    for day in begins[:3]:
        moment = first_moment(day)
        row = {"tenant": tenant, "id": new_id(moment), "now": moment}
        world.rows(MESSAGE, **row)
        world.rows(REPORT, **row)
        async with world.owner.transaction() as connection:
            await top_up(connection, tenant, Decimal(100), key=f"{day}", reference="r", now=moment)
    world.rows("select months.close(%s)", first_moment(begins[1]) + dt.timedelta(days=8))
    world.rows("select months.close(%s)", first_moment(begins[2]) + dt.timedelta(days=8))
    return Months(world, tenant, begins)


NIGHT = dt.timedelta(days=1)


@pytest.fixture
async def aged(world: World) -> World:
    """Top-ups of long ago: one before all months, two in the first and one in the second, all closed and proven, on the
    day before the first month leaves."""
    tenant = await world.tenant()
    world.clock.moment = midnight(2015, 1) - NIGHT
    with owner_of(world.migrated.url) as owner:
        begin_at(owner, dt.date(2013, 11, 1), proven=False)
        owner.execute("select months.extend('2015-05-01')")
    moments = [midnight(2013, month) + number * NIGHT for month, number in [(10, 1), (11, 1), (11, 2), (12, 1)]]
    for moment in moments:
        async with world.owner.transaction() as connection:
            await top_up(connection, tenant, Decimal(100), key=f"{moment}", reference="r", now=moment)
    world.rows("select months.close(%s)", world.clock.now())
    assert (await prove_and_audit(world.owner, world.clock)).audits
    return world


async def next_night(world: World, *, copied: bool = False) -> Night:
    """What the next night comes to."""
    world.clock.moment += NIGHT
    return await Retention(world.as_role("allim_keeper"), world.clock, copied=copied).run()


async def next_backup(world: World, bucket: Bucket) -> Manifest:
    world.clock.moment += NIGHT
    return await backups_of(world, bucket).back_up()
