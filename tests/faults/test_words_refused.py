"""What the law or a channel does not take at the moment of leaving: nothing leaves, and somebody is told."""

from __future__ import annotations

import datetime as dt
from typing import Any

import orjson
import psycopg
import pytest

from shared.messages.dispatch.dispatching import LEASE
from shared.messages.dispatch.sweeping import TOLD_FOR
from shared.platform.clock import SEOUL
from shared.templates.store import save_templates
from shared.templates.template import TemplateContent
from tests.faults.fates import DELIVERED, NOT_ON_KAKAO
from tests.faults.world import PATIENT_ROUTE, SMS_ONLY, TENANT, FaultyWorld
from tests.providers.simulated import TEMPLATE_CODE

SALE = "(광고) 학원 봄 특강 무료수신거부 080-123-4567"
WORDS: dict[str, Any] = {
    "sale": {
        "category": "advertising",
        "variables": {"이름": "customer.name"},  # which the approved words want
        "alimtalk": {"code": TEMPLATE_CODE, "text": SALE},
        "sms": {"text": SALE},
    },
    "greeting": {"alimtalk": {"code": TEMPLATE_CODE, "text": "#{이름}님"}, "sms": {"text": "[학원] #{이름}님"}},
}
SMS_ROUTE = [{"sms": 3_600}]


@pytest.fixture
async def world(world: FaultyWorld) -> FaultyWorld:
    async with world.owner.transaction() as connection:
        for name, words in WORDS.items():
            content = TemplateContent.model_validate(words)
            await save_templates(connection, TENANT, {name: (content, "approved")}, now=world.clock.now())
        await connection.execute("delete from alerts")
    return world


def at(world: FaultyWorld, time: str) -> None:
    """It is that time in Seoul, of the next day that has it."""
    there = world.clock.now().astimezone(SEOUL)
    moment = dt.datetime.combine(there.date() + dt.timedelta(days=1), dt.time.fromisoformat(time), SEOUL)
    world.clock.moment = moment.astimezone(dt.UTC)


def alerts(world: FaultyWorld) -> list[tuple[str, bool]]:
    """Detail of each alert of refused words, oldest first, and whether it is open."""
    found = world.rows(
        "select detail, resolved_at = 'infinity' as open from alerts where kind = 'words_refused' order by raised_at"
    )
    return [(row["detail"], row["open"]) for row in found]


def held(world: FaultyWorld) -> int:
    return int(world.rows("select held from credit_accounts where tenant = %s", TENANT)[0]["held"])


@pytest.mark.parametrize(
    ("time", "leaves"),
    [
        ("20:59:59.999999", True),
        ("21:00", False),
        ("00:00", False),
        ("05:47", False),
        ("07:59:59", False),
        ("08:00", True),
    ],
)
async def test_advertising_leaves_by_day_whenever_it_was_made(world: FaultyWorld, time: str, leaves: bool) -> None:
    at(world, "12:00")
    sale, other = await world.queue(
        DELIVERED, NOT_ON_KAKAO, route=SMS_ROUTE, templates={DELIVERED: "sale", NOT_ON_KAKAO: SMS_ONLY}
    )
    at(world, time)
    await world.deliver(world.process())
    assert world.message(other)["status"] == "delivered"
    assert world.accepted().get(sale) == (["SMS"] if leaves else None)
    row = world.message(sale)
    assert (row["status"], row["reason"]) == (("delivered", None) if leaves else ("failed", "night_advertising"))
    assert held(world) == 0
    if not leaves:
        assert "21:00 to 08:00" in row["detail"]
        assert "8시부터 보낼 수 있습니다" in row["detail"]
        [(detail, is_open)] = alerts(world)
        assert is_open
        assert str(sale) in detail


@pytest.mark.parametrize(
    "recipient", ["0212345678", "15881588", "", None], ids=["landline", "service-number", "empty", "absent"]
)
async def test_who_can_not_be_written_to_is_left_out_alone(world: FaultyWorld, recipient: str | None) -> None:
    """Whoever made the row: the database refuses it, and the sender looks once more."""
    sound, forged = await world.queue(DELIVERED, NOT_ON_KAKAO, route=SMS_ROUTE, templates={NOT_ON_KAKAO: SMS_ONLY})
    with psycopg.connect(world.migrated.url, autocommit=True) as owner:
        written = "select pg_get_constraintdef(oid) from pg_constraint where conname = 'recipient_is_a_mobile'"
        written += " and conrelid = 'messages'::regclass"
        [(check,)] = owner.execute(written.encode()).fetchall()
        owner.execute("alter table messages drop constraint recipient_is_a_mobile")
        owner.execute("update messages set recipient = %s where id = %s", [recipient, forged])
        await world.deliver(world.process())
        row = world.message(forged)
        owner.execute("update messages set recipient = null where id = %s", [forged])
        owner.execute(f"alter table messages add constraint recipient_is_a_mobile {check}".encode())
    assert (row["status"], row["reason"]) == ("failed", "invalid_phone" if recipient else "missing_phone")
    assert (world.message(sound)["status"], dict(world.accepted())) == ("delivered", {sound: ["SMS"]})
    assert held(world) == 0
    assert [is_open for _, is_open in alerts(world)] == [True]


@pytest.mark.parametrize("route", [SMS_ROUTE, PATIENT_ROUTE], ids=["one channel", "two channels"])
async def test_who_is_no_customer_of_the_tenant_is_left_out_alone(
    world: FaultyWorld, route: list[dict[str, int]]
) -> None:
    sound, forged = await world.queue(DELIVERED, NOT_ON_KAKAO, route=route)
    world.rows("update customers set tenant = 'another' where tenant = %s and id = %s", TENANT, NOT_ON_KAKAO)
    process = world.process()
    await world.deliver(process)
    await world.deliver(process)
    row = world.message(forged)
    assert (row["status"], row["reason"]) == ("failed", "unknown_customer")
    assert "고객" in row["detail"]
    assert (world.message(sound)["status"], set(world.accepted())) == ("delivered", {sound})
    assert held(world) == 0
    world.rows("delete from customers where tenant = 'another'")


async def test_what_night_overtakes_on_its_way_is_taken_back_and_the_rest_leaves(world: FaultyWorld) -> None:
    async def night_falls(boundary: str) -> None:
        if boundary.startswith("after PUT") and boundary.endswith("/messages"):
            world.clock.moment = max(world.clock.moment, evening + dt.timedelta(seconds=2))

    at(world, "20:59:59")
    evening = world.clock.moment
    sale, other = await world.queue(
        DELIVERED, NOT_ON_KAKAO, route=SMS_ROUTE, templates={DELIVERED: "sale", NOT_ON_KAKAO: SMS_ONLY}
    )
    process = world.process(night_falls)
    await world.deliver(process)
    assert not world.accepted()
    world.clock.advance(LEASE.total_seconds())
    await process.run(process.sweep())
    await world.deliver(process)
    assert dict(world.accepted()) == {other: ["SMS"]}
    assert world.message(sale)["reason"] == "night_advertising"
    assert (world.message(other)["status"], held(world)) == ("delivered", 0)
    assert "its hours were over" in {row["error"] for row in world.table("dispatches")}


async def test_a_fallback_that_is_born_at_night_does_not_leave(world: FaultyWorld) -> None:
    world.simulator.set_faults(report_drop_rate=1)
    at(world, "20:58")
    [sale] = await world.queue(NOT_ON_KAKAO, route=PATIENT_ROUTE, templates={NOT_ON_KAKAO: "sale"})
    process = world.process()
    await world.deliver(process)
    world.clock.advance(3 * 60)
    await process.run(process.sweep())
    await world.deliver(process)
    assert dict(world.accepted()) == {sale: ["ATA"]}
    row = world.message(sale)
    assert (row["status"], row["reason"], row["channel"]) == ("failed", "night_advertising", "sms")
    assert held(world) == 0


async def test_whom_kakao_does_not_reach_and_no_text_can_name_somebody_is_told_of(world: FaultyWorld) -> None:
    def spoilt(message: Any) -> None:
        values = orjson.dumps({"이름": "똠😀"}).decode()
        world.rows("update messages set variables = %s where id = %s", values, message)

    process = world.process()
    for again in range(2):
        [first, second] = await world.queue(NOT_ON_KAKAO, NOT_ON_KAKAO, templates={NOT_ON_KAKAO: "greeting"})
        spoilt(first)
        assert await world.live(process)
        row = world.message(first)
        assert (row["status"], row["reason"]) == ("failed", "unencodable_characters")
        assert "😀 (U+1F600)" in row["detail"]
        assert world.message(second)["status"] == "delivered"
        found = alerts(world)
        assert [is_open for _, is_open in found] == [False] * again + [True]
        assert str(first) in found[-1][0]
        world.clock.advance(TOLD_FOR.total_seconds() + 1)
        await process.run(process.sweep())
        assert not any(is_open for _, is_open in alerts(world))


async def test_a_route_goes_on_to_the_channel_that_can_carry_the_words(world: FaultyWorld) -> None:
    [message] = await world.queue(
        DELIVERED, route=[{"sms": 3_600}, {"alimtalk": 300}], templates={DELIVERED: "greeting"}
    )
    world.rows("update messages set variables = %s where id = %s", orjson.dumps({"이름": "😀"}).decode(), message)
    assert await world.live(world.process())
    assert dict(world.accepted()) == {message: ["ATA"]}
    assert world.message(message)["status"] == "delivered"
    assert alerts(world) == []
