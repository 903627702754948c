"""`allim customers show`, and `--customer` of the lists beside it."""

import asyncio
import datetime as dt
import json

import pytest

from local.stack import Stack
from shared.customers.store import decide_newest_words, save_customers
from shared.customers.words import Telling
from shared.platform.clock import WallClock
from shared.workflows.events.intake import EventIntake
from tests.cli.conftest import Run
from tests.clock import SettableClock
from tests.databases import Migrated
from tests.world import World, event

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def known(stack: Stack, database: Migrated) -> None:
    """c-1, of whom a file spoke first, then an event, then a list; c-2, of whom a file spoke alone."""
    asyncio.run(_tell(database))


async def _tell(database: Migrated) -> None:
    now = WallClock().now()
    world = World(database, SettableClock(now))
    filed = {"name": "홍길동", "phone": "010-9000-4000", "attributes": {"동": "101"}}
    async with world.owner.transaction() as connection:
        for customer in ("c-1", "c-2"):
            await decide_newest_words(connection, [Telling("saas", customer, now - 3 * HOUR, filed, filed)])
        await connection.execute("insert into groups (tenant, id, name) values ('saas', 'g-1', '101동')")
        await connection.execute("insert into group_members values ('saas', 'g-1', 'c-1')")
    intake = EventIntake(world.as_role("allim_events"), world.publisher, world.clock)
    told = {"id": "c-1", "name": ..., "phone": ..., "plan": "pro", "attributes": {"호": "1203"}}
    await intake.receive(event("saas", "e-1", time=now - 2 * HOUR, customer=told))
    async with world.owner.transaction() as connection:
        await save_customers(connection, "saas", [{"id": "c-1", "company": "길동상사"}], as_of=now - HOUR)
    await world.close()


def test_what_is_known_is_told_with_since_when_and_from_where(run: Run, stack: Stack, known: None) -> None:
    told = json.loads(run("customers", "show", "--tenant", "saas", "c-1", "--json").stdout)
    assert [(fact["name"], fact["value"], fact["origin"], fact["event"]) for fact in told["facts"]] == [
        ("name", "홍길동", "file", None),
        ("phone", "010****4000", "file", None),
        ("company", "길동상사", "list", None),
        ("plan", "pro", "event", "e-1"),
        ("attributes.동", "101", "file", None),
        ("attributes.호", "1203", "event", "e-1"),
    ]
    since = {fact["name"]: dt.datetime.fromisoformat(fact["since"]) for fact in told["facts"]}
    assert since["plan"] - since["name"] == since["company"] - since["plan"] == HOUR
    assert told["groups"] == [{"id": "g-1", "name": "101동"}]
    assert [one["came_to"] for one in told["events"]] == ["welcome: it started; 1 message at once"]
    assert [one["template"] for one in told["messages"]] == ["welcome"]


def test_a_person_reads_the_same_in_tables(run: Run, stack: Stack, known: None) -> None:
    shown = run("customers", "show", "--tenant", "saas", "c-1").stdout
    for word in ("홍길동", "010****4000", "event e-1", "the file customers.csv", "101동 (g-1)", "메시지 1건 즉시 생성"):
        assert word in shown
    assert "90004000" not in shown


def test_a_silent_customer_is_told_apart_from_one_of_whom_nobody_ever_heard(
    run: Run, stack: Stack, known: None
) -> None:
    silent = run("customers", "show", "--tenant", "saas", "c-2")
    assert silent.exit_code == 0
    assert "no events in the last 30 days" in silent.stdout
    assert "no messages yet" in silent.stdout
    assert run("events", "--customer", "c-2").stdout == "no events in the last 24 hours\n"
    assert run("messages", "--customer", "c-2").stdout == "no messages yet\n"
    for asked in (["customers", "show", "--tenant", "saas"], ["events", "--customer"], ["messages", "--customer"]):
        refused = run(*asked, "c-3")
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert refused.stderr.startswith("error: unknown_customer: never heard of a customer 'c-3'")
        assert "한 번도 없었습니다" in refused.stderr


def test_a_customer_is_asked_for_however_the_id_is_typed(run: Run, stack: Stack, known: None) -> None:
    for asked in (["customers", "show", "--tenant", "saas"], ["events", "--customer"], ["messages", "--customer"]):
        for typed in (" c-1 ", "c-1\u200b\xa0"):
            assert run(*asked, typed, "--json").stdout == run(*asked, "c-1", "--json").stdout != "[]\n"


@pytest.mark.parametrize("verb", ["customers show c-1", "events", "messages"])
def test_an_unknown_tenant_is_told_in_both_languages(run: Run, stack: Stack, verb: str) -> None:
    refused = run(*verb.split(), "--tenant", "nobody")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr == (
        "error: unknown_tenant: there is no tenant nobody; `allim tenants list` shows them "
        "(등록되지 않은 고객사입니다.)\n"
    )


def test_events_of_one_customer_are_listed(run: Run, stack: Stack, known: None) -> None:
    [found] = json.loads(run("events", "--customer", "c-1", "--json").stdout)
    assert (found["id"], found["customer"], found["outcomes"][0]["did"]) == ("e-1", "c-1", "started")
    assert "welcome: 시작했습니다" in run("events", "--customer", "c-1").stdout


def test_a_customers_devices_are_added_listed_and_removed(run: Run, stack: Stack, known: None) -> None:
    devices = ["customers", "devices"]
    of = ["--tenant", "saas", "--json"]
    assert json.loads(run(*devices, "list", "c-1", *of).stdout) == []
    run(*devices, "add", "c-1", "token-1", "--platform", "ios", *of)
    run(*devices, "add", "c-1", "token-2", *of)
    assert [each["token"] for each in json.loads(run(*devices, "list", "c-1", *of).stdout)] == ["token-2", "token-1"]
    run(*devices, "add", "c-2", "token-1", *of)
    [moved] = json.loads(run(*devices, "list", "c-2", *of).stdout)
    assert (moved["token"], moved["platform"]) == ("token-1", "ios")
    assert json.loads(run(*devices, "remove", "c-1", "token-2", *of).stdout) == {"removed": "token-2"}
    assert run(*devices, "list", "c-1", "--tenant", "saas").stdout == "c-1 has no device\n"
    for asked, code in (
        (["remove", "c-1", "token-1"], "unknown_device"),
        (["add", "c-1", "x", "--platform", "fridge"], "bad_platform"),
        (["add", "c-1", ""], "bad_token"),
        (["add", "c-3", "x"], "unknown_customer"),
    ):
        refused = run(*devices, *asked, "--tenant", "saas")
        assert refused.exit_code == 1
        assert code in refused.stderr
