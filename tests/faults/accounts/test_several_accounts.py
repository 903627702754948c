"""A tenant that sends by several accounts: each message leaves once, by one that may send it, whatever ends."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest

from shared.messages.resuming import resume_account
from shared.platform.clock import SEOUL
from shared.platform.pubsub import BULK_SEND_REQUESTS, SEND_REQUESTS
from shared.tenants.accounts import register_account
from shared.tenants.lending.pausing import PauseError, pause
from shared.tenants.senders.numbers import cap, register, remove, verify
from tests.faults.fates import DELIVERED, NOT_ON_KAKAO, UNTOLD
from tests.faults.world import PATIENT_ROUTE, SMS_ONLY, TEMPLATES, FaultyWorld, Process, ending_at
from tests.providers.simulated import SENDER
from tests.world import KEYS

ALIMTALK, TEXTS = "alimtalk-only", "texts"


@pytest.fixture
async def shop(world: FaultyWorld) -> AsyncIterator[str]:
    """A tenant with an account at SOLAPI for all, and one at NHN Cloud for texts."""
    tenant = await world.tenant(templates=TEMPLATES, account=False)
    app = world.simulator.add_app(tenant, webhook_url=f"{world.hook_url}nhn/{tenant}/second")
    main = world.simulator.add_account(tenant, webhook_url=f"{world.hook_url}solapi/{tenant}/main")
    async with world.owner.transaction() as connection:
        await register_account(connection, KEYS, main, now=world.clock.now())
        await register_account(connection, KEYS, replace(app, id="second"), now=world.clock.now())
    yield tenant
    world.simulator.set_faults()


async def _on_terms(world: FaultyWorld, tenant: str, account: str, **terms: object) -> None:
    names = ", ".join(f"{name} = %({name})s" for name in terms)
    statement = f"update provider_accounts set {names} where tenant = %(tenant)s and id = %(id)s"  # noqa: S608
    world.rows(statement, tenant=tenant, id=account, **terms)


def _taken(world: FaultyWorld) -> dict[UUID, list[str]]:
    """By message, who really took it and as what."""
    found: dict[UUID, list[str]] = {}
    for entry in world.simulator.accepted():
        named = entry.get("recipientGroupingKey") or entry["customFields"]["allim"]
        found.setdefault(UUID(named.split("/")[0]), []).append(f"{entry.get('provider', 'solapi')} {entry['type']}")
    return found


def _accounts(world: FaultyWorld, tenant: str) -> Counter[str]:
    """By account, the messages of its calls."""
    rows = world.rows("select account, cardinality(messages) as number from dispatches where tenant = %s", tenant)
    counted: Counter[str] = Counter()
    for row in rows:
        counted[row["account"]] += row["number"]
    return counted


async def _text(world: FaultyWorld, tenant: str, *recipients: str, topic: str = SEND_REQUESTS) -> list[UUID]:
    return await world.queue(
        *recipients, route="sms", templates=dict.fromkeys(recipients, SMS_ONLY), tenant=tenant, topic=topic
    )


async def test_what_two_accounts_carry_leaves_by_both_and_each_batch_by_one(world: FaultyWorld, shop: str) -> None:
    process = world.process()
    sent = []
    for number in range(40):
        sent += await _text(world, shop, f"0100{number:03d}4000", f"0101{number:03d}4000")
        await world.deliver(process)
    assert await world.live(process)
    assert {world.message(id_)["status"] for id_ in sent} == {"delivered"}
    assert {len(took) for took in _taken(world).values()} == {1}
    by = _accounts(world, shop)
    assert sum(by.values()) == len(sent)
    assert set(by) == {"main", "second"}
    assert all(number % 2 == 0 for number in by.values()), "a batch is whole"


async def test_one_claim_has_a_call_for_each_account_and_a_crash_anywhere_doubles_and_loses_nothing(
    world: FaultyWorld, shop: str
) -> None:
    await _on_terms(world, shop, "main", carries=["alimtalk"])

    async def queued() -> list[UUID]:
        talks = await world.queue(DELIVERED, "01090014000", route="alimtalk", tenant=shop)
        texts = await _text(world, shop, DELIVERED, "01090014000")
        world.bus.messages = world.bus.messages[:]
        return talks + texts

    async def in_one_claim(process: Process) -> None:
        await process.run(*(world.handle(process, topic, data) for topic, data in world.bus.messages))

    sent = await queued()
    first = world.process()
    await in_one_claim(first)
    assert _accounts(world, shop) == {"main": 2, "second": 2}
    assert len([each for each in first.boundaries if each.startswith("before decide_claims")]) == 1
    ends = [each for each in first.boundaries if not each.startswith("before decide_claims")]
    for end in dict.fromkeys(ends):
        await world.start_over()
        sent = await queued()
        await in_one_claim(world.process(ending_at(end)))
        assert await world.live(world.process()), end
        assert {world.message(id_)["status"] for id_ in sent} == {"delivered"}, end
        assert sorted(_taken(world).values()) == [["nhn SMS"]] * 2 + [["solapi ATA"]] * 2, end


async def test_a_route_goes_on_by_the_account_that_carries_its_next_channel(world: FaultyWorld, shop: str) -> None:
    await _on_terms(world, shop, "main", carries=["alimtalk"])
    [message] = await world.queue(NOT_ON_KAKAO, route=PATIENT_ROUTE, tenant=shop)
    assert await world.live(world.process())
    assert world.message(message)["status"] == "delivered"
    assert _taken(world)[message] == ["solapi ATA", "nhn SMS"]


async def test_a_channel_of_no_account_is_gone_on_from_at_once(world: FaultyWorld, shop: str) -> None:
    await _on_terms(world, shop, "main", carries=["mms"])
    goes_on, ends = await world.queue(DELIVERED, "01090014000", route=PATIENT_ROUTE, tenant=shop)
    [alone] = await world.queue(DELIVERED, route="alimtalk", tenant=shop)
    assert await world.live(world.process())
    assert [world.message(id_)["channel"] for id_ in (goes_on, ends)] == ["sms", "sms"]
    row = world.message(alone)
    assert (row["status"], row["reason"]) == ("failed", "channel_not_carried")


async def test_a_paused_account_leaves_the_others_to_send_and_what_they_can_not_waits(
    world: FaultyWorld, shop: str
) -> None:
    now = world.clock.now()
    async with world.owner.transaction() as connection:
        await pause(connection, shop, "main", why="slow", now=now)
    process = world.process()
    texts = [message for _ in range(8) for message in await _text(world, shop, DELIVERED)]
    [talk] = await world.queue(DELIVERED, route="alimtalk", tenant=shop)
    await world.deliver(process)
    assert _accounts(world, shop) == {"second": 8}
    assert world.message(talk)["status"] == "queued"
    async with world.owner.transaction() as connection:
        with pytest.raises(PauseError, match="already_paused"):
            await pause(connection, shop, "main", why="slow", now=now)
        assert await resume_account(connection, shop, "main", now=now) == [shop]
        with pytest.raises(PauseError, match="not_paused"):
            await resume_account(connection, shop, "main", now=now)
    for result in await process.run(process.reissue()):
        assert result is None
    await world.deliver(process)
    assert world.message(talk)["status"] == "delivered", "it waited for no tick of its own"
    assert await world.live(process)
    assert {world.message(id_)["status"] for id_ in texts} == {"delivered"}


async def test_what_waits_for_a_paused_account_ends_with_its_moment(world: FaultyWorld, shop: str) -> None:
    async with world.owner.transaction() as connection:
        await pause(connection, shop, "main", why="slow", now=world.clock.now())
    [talk] = await world.queue(DELIVERED, route="alimtalk", tenant=shop)
    world.rows("update messages set expires_at = %s where id = %s", world.clock.now() + dt.timedelta(hours=1), talk)
    assert await world.live(world.process(), rounds=60)
    row = world.message(talk)
    assert (row["status"], row["reason"], row["hold"]) == ("expired", "account_paused", None)


async def test_after_the_last_day_of_its_certificate_nothing_leaves_by_an_account(
    world: FaultyWorld, shop: str
) -> None:
    today = world.clock.now().astimezone(SEOUL).date()
    await _on_terms(world, shop, "main", certificate_number="1", certificate_until=today - dt.timedelta(days=1))
    await _on_terms(world, shop, "second", certificate_number="2", certificate_until=today, weight=0)
    [text] = await _text(world, shop, DELIVERED)
    [talk] = await world.queue(DELIVERED, route="alimtalk", tenant=shop)
    [both] = await world.queue("01090014000", route=PATIENT_ROUTE, tenant=shop)
    assert await world.live(world.process())
    rows = [world.message(id_) for id_ in (text, talk, both)]
    assert [(row["status"], row["reason"]) for row in rows] == [
        ("delivered", None),
        ("failed", "certificate_expired"),
        ("delivered", None),
    ]
    assert _taken(world) == {text: ["nhn SMS"], both: ["nhn SMS"]}


async def test_from_a_number_that_is_not_registered_and_verified_nothing_leaves_by_any_way(
    world: FaultyWorld, shop: str
) -> None:
    async with world.owner.transaction() as connection:
        await remove(connection, shop, SENDER)
    process = world.process()
    single, crowd = await _text(world, shop, DELIVERED), await _text(world, shop, DELIVERED, topic=BULK_SEND_REQUESTS)
    [fallback] = await world.queue(NOT_ON_KAKAO, route=PATIENT_ROUTE, tenant=shop)
    assert await world.live(process)
    for message in (*single, *crowd, fallback):
        row = world.message(message)
        assert (row["status"], row["reason"]) == ("failed", "sender_unregistered")
        assert row["settlement"] is not None, "what was held is given back"
    assert _taken(world) == {fallback: ["solapi ATA"]}
    async with world.owner.transaction() as connection:
        assert await register(connection, shop, SENDER, now=world.clock.now())
    [again] = await _text(world, shop, DELIVERED)
    assert await world.live(process)
    assert world.message(again)["reason"] == "sender_unregistered", "it is not verified"
    async with world.owner.transaction() as connection:
        assert await verify(connection, shop, SENDER, how="seen", now=world.clock.now())
    [at_last] = await _text(world, shop, DELIVERED)
    assert await world.live(process)
    assert world.message(at_last)["status"] == "delivered"


async def test_beyond_its_cap_a_number_sends_tomorrow(world: FaultyWorld, shop: str) -> None:
    async with world.owner.transaction() as connection:
        await cap(connection, shop, SENDER, 3)
    process = world.process()
    recipients = [f"010900{number}4000" for number in range(5)]
    crowd = await _text(world, shop, *recipients, topic=BULK_SEND_REQUESTS)
    late = await _text(world, shop, DELIVERED)
    world.rows(
        "update messages set expires_at = %s where id = %s", world.clock.now() + dt.timedelta(minutes=5), late[0]
    )
    await world.deliver(process)
    tried = [world.message(id_) for id_ in (*crowd, *late)]
    waits = [row for row in tried if row["status"] == "queued"]
    assert len(_taken(world)) == 3
    assert len(waits) + 3 + (world.message(late[0])["reason"] == "sender_used_up") == 6
    assert {row["tries"] for row in waits} == {0}
    [ticket] = world.rows("select publish_at, body from outbox where tenant = %s", shop)
    midnight = world.clock.now().astimezone(SEOUL).replace(hour=0, minute=0, second=0, microsecond=0)
    assert ticket["publish_at"] == midnight + dt.timedelta(days=1)
    assert len(ticket["body"]["messages"]) == len(waits)
    world.clock.advance((ticket["publish_at"] - world.clock.now()).total_seconds() + 1)
    for result in await process.run(process.reissue()):
        assert result is None
    await world.deliver(process)
    assert len(_taken(world)) == 3 + len(waits)
    assert await world.live(process)
    [day] = world.rows("select used from sender_days where tenant = %s", shop)
    assert day["used"] == len(waits)


async def test_what_did_not_leave_after_all_is_not_counted(world: FaultyWorld, shop: str) -> None:
    await _on_terms(world, shop, "second", active=False)
    async with world.owner.transaction() as connection:
        await cap(connection, shop, SENDER, 4)
    world.simulator.set_faults(outage=True)
    sent = await _text(world, shop, DELIVERED, "01090014000")
    process = world.process()
    await world.deliver(process)
    used = "select used from sender_days where tenant = %s"
    assert world.rows(used, shop) == [{"used": 0}]
    world.simulator.set_faults()
    assert await world.live(process)
    assert {world.message(id_)["status"] for id_ in sent} == {"delivered"}
    assert world.rows(used, shop) == [{"used": 2}]


async def test_claims_at_once_never_let_more_leave_than_the_cap(world: FaultyWorld, shop: str) -> None:
    async with world.owner.transaction() as connection:
        await cap(connection, shop, SENDER, 7)
    for number in range(12):
        await _text(world, shop, f"010{number:04d}4000")
    tickets, world.bus.messages = world.bus.messages, []
    processes = [world.process() for _ in range(4)]
    await asyncio.gather(
        *(
            process.run(*(world.handle(process, topic, data) for topic, data in tickets[at::4]))
            for at, process in enumerate(processes)
        )
    )
    assert len(_taken(world)) == 7
    assert world.rows("select used from sender_days where tenant = %s", shop) == [{"used": 7}]


async def test_an_account_that_is_taken_out_is_followed_to_the_end_of_what_it_sent(
    world: FaultyWorld, shop: str
) -> None:
    await _on_terms(world, shop, "second", active=False)
    [message] = await _text(world, shop, UNTOLD)
    process = world.process()
    await world.deliver(process)
    assert world.message(message)["status"] == "sent"
    await _on_terms(world, shop, "main", active=False)
    await _on_terms(world, shop, "second", active=True)
    world.simulator.report("4000", to=UNTOLD)
    await world.reports_brought()
    assert await world.live(process)
    assert world.message(message)["status"] == "delivered"
