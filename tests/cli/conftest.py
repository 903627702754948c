"""Verbs of the command line against a database of their own, and where a test needs it a broker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from local.postgres import ROLES
from local.stack import Stack
from tests.broker import RunningBroker, start_broker
from tests.clock import NOON
from tests.databases import Migrated
from tests.world import World

PROJECT = "verbs"
NOWHERE = "127.0.0.1:1"
WELCOME = {
    "variables": {"이름": "customer.name"},
    "alimtalk": {"code": "KA01", "text": "#{이름}님, [b]환영[/b]합니다."},
}

Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a verb in a terminal that is wide enough for its tables."""
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(*arguments: object, given: str | bytes | None = None) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], input=given)

    return invoke


@pytest.fixture
def stack(database: Migrated, verbs_broker: RunningBroker, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A stack as `allim up` leaves one, of which only the database and a Pub/Sub without topics are there."""
    made = Stack(
        database_url=database.url,
        role_database_urls={role: database.role_url(role) for role in ROLES},
        pubsub_emulator_host=verbs_broker.host,
        broker="built-in",
        broker_control_url=None,
        project=PROJECT,
        slack_url="http://127.0.0.1:1/services/T/B/x",
        simulator_url=f"http://{NOWHERE}",
        mail_url=f"smtp://{NOWHERE}",
        webhook_url=None,
        functions={},
        encryption_key="",
        backup_key="",
        processes={},
        started_at=NOON,
    )
    monkeypatch.setattr(Stack, "load", lambda home=None: made)
    asyncio.run(_set_up(database))
    return made


async def _set_up(database: Migrated) -> None:
    world = World(database)
    await world.tenant(id_="saas", templates={"welcome": WELCOME})
    await world.close()


@pytest.fixture(scope="session")
def verbs_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    with start_broker("built-in", log_file=tmp_path_factory.mktemp("verbs") / "broker.log") as broker:
        yield broker


@pytest.fixture
def customers(tmp_path: Path) -> Path:
    path = tmp_path / "customers.csv"
    path.write_text("id,phone,name\nc-1,010-9000-4000,홍길동\nc-2,nonsense,김\nc-3,010-9001-4000,이\n")
    return path


def event(number: int, **changes: Any) -> str:
    """An event in JSON, on one line."""
    whole = {
        "specversion": "1.0",
        "id": f"evt-{number}",
        "source": "//shop",
        "type": "subscription.signup",
        "time": "2025-11-21T10:00:00+09:00",
        "tenant": "saas",
        "data": {"customer": {"id": f"c-{number}", "phone": "010-9000-4000"}},
    }
    return json.dumps({**whole, **changes})
