"""Channels on which nobody tells more than that a message was taken: it ends with that, whoever ends before it is
written, and what the provider finds gone is sent nothing more."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.channels import LEGS, is_reported
from shared.contracts.outcomes import Outcome
from shared.contracts.reports import ProviderReport
from shared.messages.reports.reporting import Told
from shared.messages.stories.stories import story
from shared.providers import OutboundMessage, Picture, Settlement
from shared.templates.parts.pictures import name_of
from shared.templates.store import save_pictures, save_templates
from shared.templates.template import TemplateContent
from tests.faults.boundaries import Hook
from tests.faults.calls.vendor import Vendor
from tests.faults.world import TENANT, Crash, FaultyWorld, ending_at
from tests.templates.pictures import jpeg

PHONE = "01090005000"
PICTURE = jpeg(10, 10)
WORDS: Mapping[str, Any] = {
    "every": {
        "sms": {"text": "#{이름}님"},
        "mms": {"text": "#{이름}님", "image": name_of(PICTURE)},
        "push": {"title": "안내", "text": "#{이름}님", "link": "https://shop.example/#{이름}"},
        "inapp": {"title": "안내", "text": "#{이름}님"},
        "email": {"subject": "안내", "text": "#{이름}님", "html": "<b>#{이름}</b>"},
        "kakao_me": {"text": "#{이름}님"},
    },
    "advert": {
        "category": "advertising",
        "sms": {"text": "(광고) 가게 #{이름} 무료수신거부 080-123-4567"},
        "email": {"subject": "(광고) 안내", "text": "#{이름}님. 수신거부: https://shop.example/no"},
    },
}
UNREPORTED = [leg for leg in LEGS if not is_reported(leg)]


async def sent(world: FaultyWorld, *route: str) -> UUID:
    """A message to a customer with an address and devices, on its way."""
    contents = {name: (TemplateContent.model_validate(content), "approved") for name, content in WORDS.items()}
    async with world.owner.transaction() as connection:
        await save_pictures(connection, TENANT, {name_of(PICTURE): PICTURE}, now=world.clock.now())
        await save_templates(connection, TENANT, contents, now=world.clock.now())  # type: ignore[arg-type]
    world.rows("update provider_accounts set carries = %s where tenant = %s", list(LEGS), TENANT)
    world.rows("delete from customers where tenant = %s", TENANT)
    person = TENANT, PHONE, world.clock.now()
    world.rows("insert into customers (tenant, id, as_of, email) values (%s, %s, %s, 'Jiu@example.com')", *person)
    added = "insert into customer_devices (tenant, customer, added_at, token) values (%s, %s, %s, %s)"
    for token in ("t1", "t2"):
        world.rows(added, *person, token)
    return await again(world, *route)


async def again(world: FaultyWorld, *route: str, template: str = "every") -> UUID:
    """Another message to the same customer."""
    [message] = await world.queue(PHONE, route=list(route), templates={PHONE: template})
    return message


def end(world: FaultyWorld, message: UUID) -> tuple[str, str, str | None]:
    row = world.message(message)
    return row["status"], row["channel"], row["reason"]


def money(world: FaultyWorld) -> int:
    return int(world.rows("select held from credit_accounts where tenant = %s", TENANT)[0]["held"])


def _given(vendor: Vendor) -> list[OutboundMessage]:
    return [taken.message for taken in vendor.taken]


@pytest.mark.parametrize("leg", UNREPORTED)
async def test_what_is_taken_has_arrived_and_is_charged_at_once(world: FaultyWorld, leg: str) -> None:
    vendor, before = Vendor(Settlement.COLLAPSE), money(world)
    message = await sent(world, leg, "sms")
    await world.deliver(world.process(vendor=vendor))
    assert end(world, message) == ("delivered", leg, None)
    assert world.message(message)["price"] is not None
    assert money(world) == before
    assert [row["state"] for row in world.table("dispatches")] == ["closed"]
    assert [(row["code"], row["outcome"]) for row in world.table("reports")] == [("accepted", "delivered")]
    assert len(vendor.taken) == 1
    async with world.owner.connection() as connection:
        told = [chapter.sentence for chapter in (await story(connection, message)).chapters]
    assert any("nobody tells more than that" in each for each in told), told


async def test_each_leg_brings_what_its_provider_needs(world: FaultyWorld) -> None:
    vendor = Vendor(Settlement.COLLAPSE)
    process = world.process(vendor=vendor)
    await sent(world, "push")
    await again(world, "email")
    await again(world, "inapp")
    await again(world, "mms")
    await world.deliver(process)
    given = {message.channel: message for message in _given(vendor)}
    assert (given["push"].to, set(given["push"].devices)) == (PHONE, {"t1", "t2"})
    assert given["push"].link == "https://shop.example/%ED%95%98%EB%82%98"
    assert (given["email"].to, given["email"].html) == ("Jiu@example.com", "<b>하나</b>")
    assert (given["inapp"].to, given["inapp"].devices) == (PHONE, ())
    assert (given["mms"].to, given["mms"].picture) == (PHONE, Picture(name_of(PICTURE), PICTURE))


async def test_a_picture_is_asked_for_once_and_where_it_is_not_there_nothing_leaves(world: FaultyWorld) -> None:
    vendor = Vendor(Settlement.KEYED)
    process = world.process(vendor=vendor)
    await sent(world, "mms")
    await world.deliver(process)
    asked = process.boundaries.count("before a statement")
    await again(world, "mms")
    await world.deliver(process)
    assert process.boundaries.count("before a statement") - asked < asked
    assert len(vendor.taken) == 2
    world.rows("delete from template_pictures")
    message = await again(world, "mms")
    await world.deliver(world.process(vendor=vendor))
    assert end(world, message) == ("queued", "mms", None)
    assert len(vendor.taken) == 2


def ending_after(number: int) -> Hook:
    """A hook that ends its process after so many things done."""
    done = itertools.count()

    async def hook(boundary: str) -> None:
        if boundary.startswith("after") and next(done) == number:
            raise Crash(boundary)

    return hook


@pytest.mark.parametrize("settlement", [Settlement.COLLAPSE, Settlement.NONE, Settlement.KEYED], ids=str)
async def test_a_crash_at_any_moment_loses_nothing_and_leaves_nothing_open(
    world: FaultyWorld, settlement: Settlement
) -> None:
    for number in itertools.count():
        await world.start_over()
        vendor, before = Vendor(settlement), money(world)
        message = await sent(world, "push")
        lived = await world.live(world.process(ending_after(number), vendor))
        assert await world.live(world.process(vendor=vendor))
        status, _, reason = end(world, message)
        times = vendor.times()[message]
        if settlement is Settlement.NONE and reason == "answer_lost":
            assert (status, times <= 1) == ("expired", True), number
        else:
            assert (status, reason) == ("delivered", None), number
            assert times == 1 or (settlement is Settlement.COLLAPSE and times == 2), number
        assert money(world) == before
        assert {row["state"] for row in world.table("dispatches")} <= {"closed", "abandoned"}
        if lived:
            break


async def test_who_ends_before_it_is_written_leaves_the_end_to_the_sweep(world: FaultyWorld) -> None:
    vendor = Vendor(Settlement.COLLAPSE)
    message = await sent(world, "push", "sms")
    assert not await world.live(world.process(ending_at("after mark_sent"), vendor))
    assert end(world, message)[0] == "sent"
    process = world.process(vendor=vendor)
    world.clock.advance(31)
    await process.sweep()
    assert end(world, message) == ("delivered", "push", None)
    assert len(vendor.taken) == 1
    assert [row["state"] for row in world.table("dispatches")] == ["closed"]


async def test_one_that_is_read_later_is_read_and_costs_nothing_more(world: FaultyWorld) -> None:
    vendor = Vendor(Settlement.COLLAPSE)
    message = await sent(world, "inapp")
    process = world.process(vendor=vendor)
    await world.deliver(process)
    before = world.message(message)
    read = ProviderReport(
        message=message, attempt=0, channel="inapp", provider_message_id="x", code="read", outcome=Outcome.READ
    )
    for _ in range(2):
        await process.reports.record([Told(TENANT, "inapp", read)])
    after = world.message(message)
    assert (after["status"], after["price"], after["settlement"]) == ("read", before["price"], before["settlement"])


async def test_devices_that_are_gone_are_forgotten_and_then_another_channel_is_taken(world: FaultyWorld) -> None:
    vendor = Vendor(Settlement.COLLAPSE)
    process = world.process(vendor=vendor)
    vendor.gone = {"t1"}
    first = await sent(world, "push", "sms")
    await world.deliver(process)
    assert end(world, first) == ("delivered", "push", None)
    assert [row["token"] for row in world.table("customer_devices")] == ["t2"]
    vendor.gone = {"t2"}
    second = await again(world, "push", "sms")
    assert await world.live(process)
    assert end(world, second) == ("delivered", "sms", None)
    assert world.table("customer_devices") == []
    calls = vendor.calls
    third = await again(world, "push")
    assert await world.live(process)
    assert end(world, third) == ("failed", "push", "no_device")
    assert vendor.calls == calls, "no provider was asked"
    assert world.table("alerts") == []


async def test_an_address_that_bounced_is_not_written_to_again(world: FaultyWorld) -> None:
    vendor = Vendor(Settlement.COLLAPSE)
    process = world.process(vendor=vendor)
    vendor.gone = {"Jiu@example.com"}
    first = await sent(world, "email", "sms")
    assert await world.live(process)
    assert end(world, first) == ("delivered", "sms", None)
    second, third = await again(world, "email", "sms"), await again(world, "email")
    assert await world.live(process)
    assert end(world, second) == ("delivered", "sms", None)
    assert end(world, third) == ("failed", "email", "bounced_address")
    assert [message.channel for message in _given(vendor)] == ["sms", "sms"]
    world.rows("update customers set email = 'new@example.com' where tenant = %s", TENANT)
    fourth = await again(world, "email")
    await world.deliver(process)
    assert end(world, fourth) == ("delivered", "email", None)


async def test_who_wants_no_advertising_by_email_still_hears_what_matters(world: FaultyWorld) -> None:
    vendor = Vendor(Settlement.COLLAPSE)
    process = world.process(vendor=vendor)
    await sent(world, "inapp")
    world.rows("update customers set email_unsubscribed_at = %s where tenant = %s", world.clock.now(), TENANT)
    advert, news = await again(world, "email", template="advert"), await again(world, "email")
    assert await world.live(process)
    assert end(world, advert) == ("failed", "email", "unsubscribed")
    assert end(world, news) == ("delivered", "email", None)
