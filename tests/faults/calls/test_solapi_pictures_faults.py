"""MMS and Brand Messages by SOLAPI from a ticket to a report, while uploads, answers and reports are lost or wrong."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from shared.messages.dispatch import sending
from shared.platform.clock import SEOUL
from shared.providers import OutboundMessage
from shared.providers.base import Button, Picture
from shared.templates.rendering import render
from tests.faults.boundaries import Hook
from tests.faults.fates import BAD_NUMBER, DELIVERED, REFUSED
from tests.faults.world import SMS_ONLY, Crash, FaultyWorld
from tests.providers.pictures import picture

TOO_LARGE = "01090005001"
"""Whose picture SOLAPI does not take."""

WIRE = {"mms": "MMS", "brand": "BMS_FREE"}
CHANNELS = tuple(WIRE)
DAY = 86_400
ROUNDS = 60

SOUND, HEAVY = picture(), picture(padding=600 * 1024)


@pytest.fixture
def shows(monkeypatch: pytest.MonkeyPatch, world: FaultyWorld) -> None:
    """Words for a text are sent with a picture, and as a Brand Message with a button. It is noon."""
    written = render

    def with_picture(content: Any, leg: str, variables: Any, **options: Any) -> OutboundMessage:
        if leg not in WIRE:
            return written(content, leg, variables, **options)
        message = written(content, "sms", variables, **options)
        shown: Picture = HEAVY if message.to == TOO_LARGE else SOUND
        buttons = [Button("보기", "https://shop.example/new")] if leg == "brand" else []
        return replace(message, channel=leg, picture=shown, buttons=buttons)

    monkeypatch.setattr(sending, "render", with_picture)
    now = world.clock.now().astimezone(SEOUL)
    noon = dt.datetime.combine(now.date() + dt.timedelta(days=1), dt.time(12), SEOUL)
    world.clock.advance((noon - now).total_seconds())


async def queue(world: FaultyWorld, channel: str, *recipients: str) -> list[UUID]:
    route = [{channel: 2 * DAY}]
    return await world.queue(*recipients, route=route, templates=dict.fromkeys(recipients, SMS_ONLY))


def end(world: FaultyWorld, message: UUID) -> tuple[list[str], str, str | None]:
    row = world.message(message)
    return world.accepted().get(message, []), row["status"], row["reason"]


def well(channel: str) -> list[tuple[list[str], str, str | None]]:
    kind = WIRE[channel]
    return [([kind], "delivered", None), ([kind], "failed", "3010")]


@pytest.mark.usefixtures("shows")
@pytest.mark.parametrize("channel", CHANNELS)
async def test_each_message_comes_to_its_fate_and_none_holds_up_another(world: FaultyWorld, channel: str) -> None:
    sent = await queue(world, channel, DELIVERED, BAD_NUMBER, REFUSED, TOO_LARGE)
    assert await world.live(world.process())
    assert [end(world, message) for message in sent] == [
        *well(channel),
        ([], "failed", "1062"),
        ([], "failed", "InvalidFile"),
    ]
    assert {row["state"] for row in world.table("dispatches")} <= {"sent", "closed", "abandoned"}
    assert world.table("dead_letters") == []


CALLS = {
    "upload": "POST /storage",
    "create": "POST .*/groups$",
    "fill": "PUT .*/messages$",
    "send": "POST .*/send$",
    "look up": "GET .*/messages$",
}


@pytest.mark.usefixtures("shows")
@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", ["drop_before", "accept_then_drop", "too_many"])
async def test_whatever_call_is_lost_or_put_off_each_message_is_sent_once(
    world: FaultyWorld, fault: str, call: str, channel: str
) -> None:
    world.simulator.set_faults(report_drop_rate=1, **{fault: {"count": 1, "on": CALLS[call]}})
    sent = await queue(world, channel, DELIVERED, BAD_NUMBER)
    assert await world.live(world.process(), ROUNDS)
    assert [end(world, message) for message in sent] == well(channel)


REPORTS: dict[str, dict[str, Any]] = {
    "late": {"report_late_rate": 1, "report_late_ms": 50},
    "lost": {"report_drop_rate": 1},
    "repeated and in any order": {"report_repeat_rate": 1, "report_reorder": True},
    "forged before the true ones": {"report_forge_rate": 1},
    "after server errors": {"error_rate": 0.3, "seed": 3},
}


@pytest.mark.usefixtures("shows")
@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("fault", REPORTS)
async def test_however_reports_come_each_message_has_its_end_once(world: FaultyWorld, fault: str, channel: str) -> None:
    world.simulator.set_faults(**REPORTS[fault])
    sent = await queue(world, channel, DELIVERED, BAD_NUMBER)
    assert await world.live(world.process(), ROUNDS)
    assert [end(world, message) for message in sent] == well(channel)


def ending_after(number: int) -> Hook:
    done = itertools.count()

    async def hook(boundary: str) -> None:
        if boundary.startswith("after") and next(done) == number:
            raise Crash(boundary)

    return hook


@pytest.mark.usefixtures("shows")
@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_crash_at_any_moment_also_between_upload_and_filling_loses_and_doubles_nothing(
    world: FaultyWorld, channel: str
) -> None:
    passed: set[str] = set()
    for number in itertools.count():
        await world.start_over()
        sent = await queue(world, channel, DELIVERED, BAD_NUMBER)
        process = world.process(ending_after(number))
        lived = await world.live(process, ROUNDS)
        passed |= set(process.boundaries)
        assert await world.live(world.process(), ROUNDS)
        assert [end(world, message) for message in sent] == well(channel), number
        if lived:
            break
    assert "after POST /storage/v1/files" in passed
