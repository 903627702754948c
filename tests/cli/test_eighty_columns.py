"""Every verb that shows what is in the database, with long Korean names, on a terminal of 80 columns."""

from __future__ import annotations

import asyncio
import json
import re
from uuid import UUID

import pytest
from rich.cells import cell_len

from cli import output
from local.stack import Stack
from shared.platform.clock import WallClock
from shared.platform.signals.dead_letters import DeadLetter, keep_dead_letters
from shared.workflows.events.intake import EventIntake
from tests.cli.conftest import Run
from tests.clock import SettableClock
from tests.databases import Migrated
from tests.world import TEMPLATES, World, event

WIDTH = 80
TENANT = "the-longest-name-that-a-tenant-may-have"
CUSTOMER = "고객번호-2026-가나다라마바사아자차카타파하"
NAME = "남궁민수아름다운이름을가진아주오래된단골고객님"
WORKFLOW = {
    "name": "reminders-before-and-after-each-appointment",
    "on": "appointment.scheduled",
    "key": "data.id",
    "where": {"customer.plan": "pro"},
    "anchor": "data.starts_at",
    "steps": [{"at": "0", "send": "reminder"}, {"at": "1d", "send": "reminder", "unless": "appointment.confirmed"}],
}
EMPTY = {"won"}
"""A column in which no row has anything is left out where rows are told line by line."""
MEASURED = re.compile(r"[\d.,]+")
"""Ages, which are others a moment later."""
UUID_LIKE = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")

VERBS = [
    "events",
    "messages",
    f"customers show --tenant {TENANT} {CUSTOMER}",
    "dead-letters list",
    "health",
    "credits balance",
    f"credits ledger --tenant {TENANT}",
    f"credits price --tenant {TENANT}",
    f"credits settings --tenant {TENANT}",
    f"credits automatic --tenant {TENANT}",
    f"credits payments --tenant {TENANT}",
    f"credits statement --tenant {TENANT}",
    "credits audit",
    "plans list",
    f"plans show --tenant {TENANT}",
]


@pytest.fixture
def eighty(stack: Stack, database: Migrated, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A terminal of 80 columns, and a database in which everything has a long name."""
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    monkeypatch.setenv("DATABASE_URL", database.url)
    monkeypatch.setattr(output, "_is_terminal", lambda: True)
    asyncio.run(_fill(database))
    return stack


async def _fill(database: Migrated) -> None:
    now = WallClock().now()
    world = World(database, SettableClock(now))
    await world.tenant(WORKFLOW, id_=TENANT, templates=TEMPLATES)
    intake = EventIntake(world.as_role("allim_events"), world.publisher, world.clock)
    person = {"id": CUSTOMER, "name": NAME, "plan": "pro", "company": f"{NAME} 주식회사", "attributes": {"동": NAME}}
    for number, change in enumerate([{}, {"plan": "FREE"}, {"phone": "없음"}]):
        appointment = {"id": f"예약-{number}", "starts_at": now.isoformat()}
        told = {**person, **change}
        id_ = f"이벤트-{number}-{'가' * 12}"
        written = event(TENANT, id_, "appointment.scheduled", time=now, customer=told)
        written = written.model_copy(update={"data": written.data.model_copy(update=appointment)})
        await intake.receive(type(written).model_validate(written.model_dump()))
    letter = DeadLetter("on_subscription_event", "schema_violation", f"data.고객: {NAME} 값이 없습니다", b"{}", TENANT)
    async with world.owner.connection() as connection:
        await keep_dead_letters(connection, [letter], now)
    await world.close()


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: "-".join(verb.split(" --")[0].split()[:2]))
def test_no_word_is_broken(run: Run, eighty: Stack, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    wide, narrow = run(*verb.split(), "--wide"), run(*verb.split())
    assert narrow.exit_code == wide.exit_code
    words = set(narrow.stdout.split())
    short = tuple(word for word in words if len(word) >= 8)
    for word in wide.stdout.split():
        is_shortened = UUID_LIKE.fullmatch(word) and any(word.startswith(beginning) for beginning in short)
        assert word in words or is_shortened or word in EMPTY or MEASURED.fullmatch(word), narrow.stdout
    for line in narrow.stdout.splitlines():
        assert cell_len(line) <= WIDTH or len(line.split()) == 1, line


def test_a_short_id_is_one_that_show_takes(run: Run, eighty: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    whole = {message["id"] for message in json.loads(run("messages", "--json").stdout)}
    shown = {word for word in run("messages").stdout.split() if re.fullmatch(r"[0-9a-f]{8}-[0-9a-f-]{4,}", word)}
    assert len(shown) == len(whole) == 2
    for beginning in shown:
        told = run("show", beginning)
        assert told.exit_code == 0, told.output
        [id_] = [one for one in whole if one.startswith(beginning)]
        assert len(beginning) < len(id_)
        assert id_ in told.stdout
        assert UUID(id_)
    refused = run("show", "0" if not shown else min(shown)[:4])
    assert (refused.exit_code, refused.stderr.split(":")[1]) == (1, " ambiguous_id")


def test_one_is_one_and_two_are_more(run: Run, eighty: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "500")
    told = run("events").stdout
    assert "1 message at once" in told
    assert "1 step waits" in told
    assert not re.search(r"\b1 (?:messages|steps|rows|others)\b", told)
