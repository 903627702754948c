"""What operators' tests stand on: a world in which all is well, a channel in Slack, a bucket."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from shared.platform.buckets import Bucket
from simulator.app import BUCKET, Settings
from simulator.testing import simulator_thread
from tests.clock import NOON
from tests.databases import Migrated, copy_of_template
from tests.operations.slack import SlackChannel
from tests.tls import NO_TLS
from tests.world import World


@pytest.fixture
def calm_world(shared_world: World) -> World:
    """A module's world in which all is well again: ticks and callbacks have just been seen, and nothing waits."""
    shared_world.clock.moment = NOON
    shared_world.publisher.published.clear()
    for table in ("alerts", "alert_notices", "dispatches", "outbox", "messages", "dead_letters", "timers"):
        shared_world.rows(f"delete from {table}")  # noqa: S608 - names from the line above
    shared_world.rows("update heartbeats set at = %s", NOON)
    shared_world.rows("update credit_accounts set low_balance = 10000")
    return shared_world


@pytest.fixture(scope="session")
def slack_address() -> Iterator[str]:
    with simulator_thread() as address:
        yield address


@pytest.fixture
def slack(slack_address: str) -> Iterator[SlackChannel]:
    """An empty channel of the simulated Slack."""
    with httpx.Client(base_url=slack_address, verify=NO_TLS) as client:
        client.delete("/control/slack")
        yield SlackChannel(client, f"{slack_address}/services/T1/B1/secret-of-the-channel")


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Cloud Storage on this machine for the unmodified client; gives the folder of the bucket for backups."""
    with simulator_thread(Settings(storage=tmp_path / "storage")) as address:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", address)
        yield tmp_path / "storage" / BUCKET


@pytest.fixture
def bucket(storage: Path) -> Bucket:
    return Bucket(storage.name, "tests")


@pytest.fixture
def empty_database(template_url: str) -> Iterator[Migrated]:
    """Another migrated, empty database of the same server."""
    with copy_of_template(template_url) as copy:
        yield copy
