"""NHN Cloud's MMS and Brand Messages from a ticket to the report, with a picture that goes ahead of each call.

A Brand Message has no key under which its call could be made again, so that a lost answer is looked for.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest

from shared.platform.clock import SEOUL
from shared.providers import OutboundMessage
from shared.providers.base import Button, Picture
from shared.tenants.accounts import register_account
from tests.faults.calls.test_nhn_faults import ending_after
from tests.faults.calls.test_nhn_kakao_faults import ROUNDS, TEMPLATES, end
from tests.faults.fates import BAD_NUMBER, DELIVERED, REFUSED
from tests.faults.world import SMS_ONLY, FaultyWorld
from tests.world import KEYS

JPEG = b"\xff\xd8\xff\xe0picture\xff\xd9"
PICTURE = Picture(f"{sha256(JPEG).hexdigest()}.jpg", JPEG)
CHANNELS = ("mms", "brand")
TYPES = {"mms": "MMS", "brand": "BRAND_MESSAGE"}
REASONS = {"mms": ("3003", "-2019"), "brand": ("3008", "-5000")}
LARGE = 5 * 1024 * 1024 + 1


def rendering(picture: Picture) -> Any:
    """Words of the trial, whatever the template says."""

    def render(content: object, leg: str, variables: object, **given: Any) -> OutboundMessage:
        channel = "mms" if leg == "sms" else leg
        buttons = [Button("메뉴 보기", "https://shop.example/menu")] if channel == "brand" else []
        message, attempt, to = given["message"], given["attempt"], given["to"]
        text = "(광고) 가게 새 메뉴"
        return OutboundMessage(message, attempt, channel, to, text, subject="행사", picture=picture, buttons=buttons)

    return render


def say(monkeypatch: pytest.MonkeyPatch, picture: Picture) -> None:
    for module in ("sending", "submitting"):
        monkeypatch.setattr(f"shared.messages.dispatch.{module}.render", rendering(picture))


@pytest.fixture(params=CHANNELS)
def channel(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def shop(world: FaultyWorld, monkeypatch: pytest.MonkeyPatch, channel: str) -> AsyncIterator[str]:
    """A tenant that sends pictures by NHN Cloud, at noon of some day."""
    say(monkeypatch, PICTURE)
    world.clock.advance(((12 - world.clock.now().astimezone(SEOUL).hour) % 24) * 3_600)
    sms_only = {SMS_ONLY: {"sms": {"text": "새 메뉴"}}}
    tenant = await world.tenant(templates={**TEMPLATES, **sms_only}, account=False)
    opening, name = (
        (world.simulator.add_app, "nhn") if channel == "mms" else (world.simulator.add_kakao_app, "nhn_kakao")
    )
    account = opening(tenant, webhook_url=f"{world.hook_url}{name}/{tenant}/main")
    async with world.owner.transaction() as connection:
        await register_account(connection, KEYS, account, now=world.clock.now())
    world.hooked.strangers = 0
    yield tenant
    world.simulator.set_faults()


async def queue(world: FaultyWorld, tenant: str, channel: str, *recipients: str) -> list[UUID]:
    route = "sms" if channel == "mms" else "brand"
    return await world.queue(*recipients, route=route, templates=dict.fromkeys(recipients, SMS_ONLY), tenant=tenant)


def ends(channel: str) -> list[tuple[list[str], str, str | None]]:
    failed, refused = REASONS[channel]
    kind = [TYPES[channel]]
    return [(kind, "delivered", None), (kind, "failed", failed), ([], "failed", refused)]


async def test_each_message_comes_to_its_fate(world: FaultyWorld, shop: str, channel: str) -> None:
    sent = await queue(world, shop, channel, DELIVERED, BAD_NUMBER, REFUSED)
    assert await world.live(world.process(), ROUNDS)
    assert [end(world, message) for message in sent] == ends(channel)
    assert world.message(sent[0])["channel"] == channel
    assert {row["state"] for row in world.table("dispatches")} <= {"closed", "abandoned"}
    assert world.table("dead_letters") == []


SEND, UPLOAD = r"POST .*/(sender/mms|freestyle-messages)", r"POST .*(Upload|images)"
FAULTS: dict[str, dict[str, Any]] = {
    "connection lost before": {"drop_before": {"count": 1, "on": SEND}},
    "answer lost after acceptance": {"accept_then_drop": {"count": 1, "on": SEND}},
    "two answers lost, would it be called again": {"accept_then_drop": {"count": 2, "on": SEND}},
    "200 with a failure inside": {"fail_inside": {"count": 1, "on": SEND}},
    "accepted, and 200 with a failure inside": {"accept_then_fail": {"count": 1, "on": SEND}},
    "lists that are late": {"accept_then_drop": {"count": 1, "on": SEND}, "list_delay_ms": 100_000},
    "asked for a pause": {"too_many": {"count": 1, "on": SEND}, "retry_after": 30},
    "picture lost": {"accept_then_drop": {"count": 1, "on": UPLOAD}},
    "no picture for a while": {"fail_inside": {"count": 3, "on": UPLOAD}},
    "half of the answers are 500": {"error_rate": 0.5},
    "webhooks twice, misspelt and in any order": {
        "report_repeat_rate": 1,
        "report_reorder": True,
        "report_misspelt_rate": 1,
    },
    "webhooks forged before the true ones": {"report_forge_rate": 1},
    "no webhooks": {"report_drop_rate": 1},
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_whatever_goes_wrong_each_message_is_sent_once(
    world: FaultyWorld, shop: str, channel: str, fault: str
) -> None:
    world.simulator.set_faults_of("nhn", **FAULTS[fault])
    sent = await queue(world, shop, channel, DELIVERED, BAD_NUMBER)
    assert await world.live(world.process(), ROUNDS)
    assert [end(world, message) for message in sent] == ends(channel)[:2]
    assert (world.hooked.strangers > 0) == ("forged" in fault)


async def test_a_crash_at_any_moment_neither_loses_nor_doubles_a_message(
    world: FaultyWorld, shop: str, channel: str
) -> None:
    for number in itertools.count():
        await world.start_over()
        sent = await queue(world, shop, channel, DELIVERED, BAD_NUMBER, REFUSED)
        lived = await world.live(world.process(ending_after(number)), ROUNDS)
        assert await world.live(world.process(), ROUNDS)
        assert [end(world, message) for message in sent] == ends(channel), number
        if lived:
            break


async def test_a_picture_that_is_too_large_ends_its_messages_and_no_others(
    world: FaultyWorld, shop: str, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(monkeypatch, Picture("large.jpg", b"\xff\xd8" + b"\x00" * LARGE))
    [large] = await queue(world, shop, channel, DELIVERED)
    process = world.process()
    assert await world.live(process, ROUNDS)
    say(monkeypatch, PICTURE)
    [small] = await queue(world, shop, channel, DELIVERED)
    assert await world.live(process, ROUNDS)
    assert end(world, large) == ([], "failed", "-2005" if channel == "mms" else "-4007")
    assert end(world, small) == ends(channel)[0]
