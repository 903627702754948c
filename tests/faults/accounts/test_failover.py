"""A tenant that sends by two accounts, of which one is away: what surely was not sent leaves by the other, once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any
from uuid import UUID

import pytest

from shared.messages.dispatch.choice.weight_store import TRIAL_MESSAGES
from shared.messages.dispatch.dispatching import LEASE, MAX_TRIES
from shared.messages.dispatch.health.rules import ENOUGH_CALLS, FULL, OPEN_AT_MOST, RISE, STEP
from shared.messages.dispatch.health.standing import told
from shared.messages.dispatch.health.standing_store import standings
from shared.tenants.accounts import register_account
from shared.tenants.terms import Terms
from tests.faults.boundaries import Hook
from tests.faults.world import BOTH_CHANNELS, SMS_ONLY, Crash, FaultyWorld, Process, ending_at
from tests.providers.simulated import TEMPLATE_CODE, TEMPLATE_TEXT
from tests.world import KEYS

TEMPLATES = {SMS_ONLY: {"sms": {"text": "#{이름}님, 수업이 곧 시작됩니다."}}}
BOTH = {
    BOTH_CHANNELS: {
        "alimtalk": {"code": TEMPLATE_CODE, "text": TEMPLATE_TEXT},
        "sms": {"text": "#{이름}님, 수업이 곧 시작됩니다."},
    }
}
WEATHER: Sequence[Mapping[str, Any]] = (
    {},
    {},
    {"outage": True},
    {"error_rate": 0.5, "seed": 3},
    {"drop_before": {"rate": 0.3}},
    {"accept_then_drop": {"rate": 0.2}},
    {"too_many": {"count": 2}, "retry_after": 5},
)
SECONDS = 20
"""Within which an outage of one account is none of the tenant's."""


@pytest.fixture
async def school(world: FaultyWorld) -> AsyncIterator[str]:
    """A tenant that sends by SOLAPI and by NHN Cloud."""
    tenant = await world.tenant(templates=TEMPLATES, account=False)
    main = world.simulator.add_account(tenant, webhook_url=f"{world.hook_url}solapi/{tenant}/main")
    second = world.simulator.add_app(tenant, webhook_url=f"{world.hook_url}nhn/{tenant}/second")
    async with world.owner.transaction() as connection:
        await register_account(connection, KEYS, main, now=world.clock.now())
        await register_account(connection, KEYS, replace(second, id="second"), now=world.clock.now())
    yield tenant
    world.simulator.set_faults()


async def until_open(world: FaultyWorld, tenant: str, processes: Sequence[Process]) -> int:
    """Send, a few messages at a time, until a breaker is open. Gives how many were sent."""
    phones = 0
    while not breakers(world)["open"]:
        phones += len(await queue(world, tenant, phones, 3))
        await seconds_pass(world, processes, 2)
    await seconds_pass(world, processes, SECONDS)
    return phones


def breakers(world: FaultyWorld) -> Counter[str]:
    """How many accounts are open, on trial or not, and how many are closed."""
    return Counter("open" if row["opened_at"] else "closed" for row in world.table("account_health"))


def ending_sometimes(random: Random) -> Hook:
    """The hook of a process that may be killed at any step, and is held at some."""

    async def hook(boundary: str) -> None:
        chance = random.random()
        if chance < 0.01:
            raise Crash(boundary)
        if chance < 0.2:
            await asyncio.sleep(0)

    return hook


async def queue(world: FaultyWorld, tenant: str, first: int, number: int) -> list[UUID]:
    """So many messages, each to a phone of its own, by tickets of three."""
    phones = [f"0107{at:03d}4000" for at in range(first, first + number)]
    sent: list[UUID] = []
    for at in range(0, number, 3):
        some = phones[at : at + 3]
        sent += await world.queue(*some, route="sms", templates=dict.fromkeys(some, SMS_ONLY), tenant=tenant)
    return sent


async def seconds_pass(world: FaultyWorld, processes: Sequence[Process], seconds: int) -> None:
    """All processes take what there is, at once, again and again for so many seconds."""
    for _ in range(seconds // 2):
        await asyncio.gather(*(world.deliver(process) for process in processes))
        world.clock.advance(2)
        living = [process for process in processes if not process.ended]
        await asyncio.gather(*(process.run(process.reissue()) for process in living))
    await asyncio.gather(*(world.deliver(process) for process in processes))


def carried(world: FaultyWorld) -> Counter[str]:
    """How many messages each provider really took charge of. None is taken twice."""
    accepted = world.simulator.accepted()
    assert max(Counter(entry["to"] for entry in accepted).values(), default=1) == 1, "doubled"
    return Counter(entry["provider"] for entry in accepted)


def statuses(world: FaultyWorld, sent: Sequence[UUID]) -> Counter[str]:
    rows = world.rows("select status::text from messages where id = any(%s)", list(sent))
    return Counter(row["status"] for row in rows)


async def test_in_an_outage_of_one_account_all_leaves_by_the_other_within_seconds(
    world: FaultyWorld, school: str
) -> None:
    world.simulator.set_faults_of("solapi", outage=True)
    processes = [world.process() for _ in range(3)]
    sent = await queue(world, school, 0, 60)
    await seconds_pass(world, processes, SECONDS)
    assert statuses(world, sent) == {"delivered": 60}
    assert carried(world) == {"nhn": 60}
    more = await queue(world, school, 60, 60)
    await seconds_pass(world, processes, 2)
    assert statuses(world, more) == {"delivered": 60}, "the breaker is open, so nothing is tried in vain"


async def test_after_the_outage_the_account_is_tried_and_then_sent_by_again(world: FaultyWorld, school: str) -> None:
    world.simulator.set_faults_of("solapi", outage=True)
    processes = [world.process() for _ in range(3)]
    phones = await until_open(world, school, processes)
    assert carried(world) == {"nhn": phones}
    world.simulator.set_faults()
    world.clock.advance(OPEN_AT_MOST.total_seconds())
    while breakers(world)["open"]:
        phones += len(await queue(world, school, phones, 3))
        await seconds_pass(world, processes, 2)
    [trial] = world.rows("select count(*) from messages where tenant = %s and provider = 'solapi'", school)
    assert trial["count"] <= TRIAL_MESSAGES
    assert carried(world) == {"solapi": trial["count"], "nhn": phones - trial["count"]}


async def test_when_every_account_is_away_messages_wait_and_none_fails(world: FaultyWorld, school: str) -> None:
    world.simulator.set_faults(outage=True)
    world.rows("update provider_accounts set active = id <> 'second' where tenant = %s", school)
    processes = [world.process() for _ in range(3)]
    phones = await until_open(world, school, processes)
    more = await queue(world, school, phones, 60)
    for _ in range(18):
        world.clock.advance(300)
        await seconds_pass(world, processes, 2)
    assert statuses(world, more) == {"queued": 60}
    [most] = world.rows("select max(tries) as tries from messages where tenant = %s", school)
    assert most["tries"] < MAX_TRIES, "to wait is no try, and trials are everybody's in turn"
    world.simulator.set_faults()
    assert await world.live(processes[0])
    assert carried(world).total() == phones + 60


async def test_a_route_goes_on_at_its_deadline_when_no_account_gets_through(world: FaultyWorld) -> None:
    tenant = await world.tenant(templates=BOTH, account=False)
    main = world.simulator.add_account(tenant, webhook_url=f"{world.hook_url}solapi/{tenant}/main")
    second = world.simulator.add_app(tenant, webhook_url=f"{world.hook_url}nhn/{tenant}/second")
    async with world.owner.transaction() as connection:
        await register_account(connection, KEYS, main, Terms(("alimtalk",)), now=world.clock.now())
        await register_account(connection, KEYS, replace(second, id="second"), now=world.clock.now())
    world.simulator.set_faults_of("solapi", outage=True)
    process = world.process()
    route = [{"alimtalk": 120}, {"sms": 3600}]
    [fails] = await world.queue("01071114000", route=route, tenant=tenant)
    while not breakers(world)["open"]:
        await seconds_pass(world, [process], 30)
    [waits] = await world.queue("01071124000", route=route, tenant=tenant)
    await seconds_pass(world, [process], 60)
    assert statuses(world, [waits]) == {"queued": 1}
    await seconds_pass(world, [process], 90)
    assert statuses(world, [waits]) == {"delivered": 1}
    assert carried(world) == {"nhn": 1}
    assert await world.live(process)
    assert statuses(world, [waits, fails]) == {"delivered": 2}


async def test_an_account_that_is_not_let_in_is_one_that_does_not_work(world: FaultyWorld, school: str) -> None:
    async with world.owner.transaction() as connection:
        main = replace(world.simulator.add_account(school), secrets={"api_key": "revoked", "api_secret": "revoked"})
        await register_account(connection, KEYS, main, now=world.clock.now())
    processes = [world.process() for _ in range(2)]
    phones = await until_open(world, school, processes)
    assert carried(world) == {"nhn": phones}


async def test_what_may_have_been_sent_never_leaves_by_the_other(world: FaultyWorld, school: str) -> None:
    world.rows("update provider_accounts set weight = 0 where tenant = %s and id = 'main'", school)
    world.simulator.set_faults_of("nhn", accept_then_drop={"count": 1, "on": "POST .*/sender/"})
    sent = await queue(world, school, 0, 3)
    await seconds_pass(world, [world.process()], 30)
    assert carried(world) == {"nhn": 3}
    assert statuses(world, sent).keys() <= {"sending", "delivered"}
    assert await world.live(world.process())
    assert carried(world) == {"nhn": 3}
    assert statuses(world, sent) == {"delivered": 3}


@pytest.mark.parametrize("seed", range(6))
async def test_no_outage_loses_or_doubles_a_message_whoever_ends_in_between(
    world: FaultyWorld, school: str, seed: int
) -> None:
    """Both providers come and go, several instances send at once, and each may be killed at any step."""
    random = Random(seed)
    processes = [world.process(ending_sometimes(random)) for _ in range(3)]
    sent: list[UUID] = []
    for _ in range(10):
        for provider in ("solapi", "nhn"):
            world.simulator.set_faults_of(provider, **random.choice(WEATHER))
        sent += await queue(world, school, len(sent), 6)
        await seconds_pass(world, processes, random.choice([2, 4]))
        world.clock.advance(random.choice([0, 0, 10, LEASE.total_seconds() + 1]))
        processes = [world.process(ending_sometimes(random)) if each.ended else each for each in processes]
    world.simulator.set_faults()
    assert await world.live(world.process())
    assert statuses(world, sent) == {"delivered": 60}
    assert carried(world).total() == 60


async def test_an_account_that_asks_for_a_pause_is_none_to_wait_for(world: FaultyWorld, school: str) -> None:
    world.simulator.set_faults_of("solapi", too_many={"count": 1000}, retry_after=600)
    processes = [world.process() for _ in range(3)]
    sent: list[UUID] = []
    for _ in range(10):
        sent += await queue(world, school, len(sent), 3)
        await seconds_pass(world, processes, 2)
    world.clock.advance(600)
    await seconds_pass(world, processes, 2)
    paused = world.rows("select identity from account_buckets where closed_until is not null")
    assert len(paused) == 1
    assert breakers(world)["open"] == 0, "it works, and says so"
    more = await queue(world, school, len(sent), 30)
    await seconds_pass(world, processes, 4)
    assert carried(world)["nhn"] >= len(more)
    world.simulator.set_faults()
    assert await world.live(processes[0])
    assert carried(world).total() == len(sent) + len(more)


@pytest.mark.parametrize("discard_too", [False, True], ids=["and is taken back", "and can't be taken back at once"])
async def test_a_pause_that_is_asked_for_when_a_batch_is_to_be_sent_is_kept_and_is_no_try(
    world: FaultyWorld, discard_too: bool
) -> None:
    tenant = await world.tenant(templates=TEMPLATES, account=False)
    main = world.simulator.add_account(tenant, webhook_url=f"{world.hook_url}solapi/{tenant}/main")
    async with world.owner.transaction() as connection:
        await register_account(connection, KEYS, main, now=world.clock.now())
    on = r"POST .*/send$|DELETE .*" if discard_too else r"POST .*/send$"
    world.simulator.set_faults_of("solapi", too_many={"count": 2 if discard_too else 1, "on": on}, retry_after=90)
    began, process = world.clock.now(), world.process()
    [message] = await queue(world, tenant, 0, 1)
    await world.deliver(process)
    [bucket] = world.rows("select closed_until from account_buckets")
    assert (bucket["closed_until"] - began).total_seconds() == 90
    row = world.message(message)
    assert (row["status"], row["tries"]) == (("sending", 1) if discard_too else ("queued", 0))
    assert carried(world) == {}
    assert await world.live(process)
    assert statuses(world, [message]) == {"delivered": 1}
    assert carried(world) == {"solapi": 1}


async def test_to_measure_an_account_that_is_well_costs_no_statement(world: FaultyWorld, school: str) -> None:
    process = world.process()
    await queue(world, school, 0, 1)
    await world.deliver(process)
    asked = [boundary for boundary in process.boundaries if boundary.startswith("before ")]
    assert not {"before count", "before follow", "before read"} & set(asked)
    [health] = world.table("account_health")
    assert (sum(health["latencies"]), health["failures"]) == (1, 0)


async def test_a_trial_whose_instance_ended_is_over_after_a_minute(world: FaultyWorld, school: str) -> None:
    world.rows("update provider_accounts set active = id = 'main' where tenant = %s", school)
    world.simulator.set_faults_of("solapi", outage=True)
    phones = await until_open(world, school, [world.process()])
    world.simulator.set_faults()
    world.clock.advance(OPEN_AT_MOST.total_seconds())
    killed = world.process(ending_at("before POST /messages/v4/groups/{group}/send"))
    await queue(world, school, phones, 3)
    await world.deliver(killed)
    assert killed.ended
    [health] = world.table("account_health")
    assert health["trial_until"] > world.clock.now()
    assert await world.live(world.process())
    assert carried(world) == {"solapi": phones + 3}
    assert breakers(world) == {"closed": 1}


async def test_less_is_sent_by_an_account_that_is_slow_and_by_and_by_as_much_again(
    world: FaultyWorld, school: str
) -> None:
    async def slow(boundary: str) -> None:
        if boundary == "before POST /messages/v4/groups/{group}/send":
            world.clock.advance(6)

    world.rows("update provider_accounts set active = id = 'main' where tenant = %s", school)
    process = world.process(slow)
    for phone in range(ENOUGH_CALLS):
        await queue(world, school, phone, 1)
        await world.deliver(process)
    [health] = world.table("account_health")
    assert (health["weight"], health["opened_at"]) == (FULL - STEP, None)
    async with world.owner.connection() as connection:
        [account] = await standings(connection, school)
    now = world.clock.now()
    assert told(account, now)["effective_weight"] == FULL - STEP
    assert told(account, now + RISE)["effective_weight"] == FULL
    assert 5_000 < told(account, now)["p95_ms"] <= 7_500
