"""Advertising from a workflow: a step that the law forbids ends with its reason, and nothing is sent."""

import datetime as dt
from typing import Any

import pytest

from shared.platform.clock import SEOUL
from shared.platform.pubsub import SEND_REQUESTS
from shared.workflows.events.intake import EventIntake
from shared.workflows.ticks.ticking import Ticker
from tests.clock import NOON
from tests.world import TEMPLATES, World, event

SALE: dict[str, Any] = {"category": "advertising", "sms": {"text": "(광고) 가게 봄 세일 무료수신거부 080-123-4567"}}
RULE: dict[str, Any] = {
    "name": "sale",
    "on": "cart.left",
    "key": "data.cart",
    "anchor": "data.at",
    "steps": [{"at": "0", "send": "sale", "route": "sms_only"}, {"at": "0", "send": "welcome"}],
}


@pytest.fixture
def world(shared_world: World) -> World:
    shared_world.clock.moment = NOON
    shared_world.publisher.published.clear()
    return shared_world


def tickets(world: World, tenant: str) -> list[str]:
    """The messages that were published for sending."""
    published = [body for topic, body in world.publisher.published if topic == SEND_REQUESTS]
    return [message for body in published if body["tenant"] == tenant for message in body["messages"]]


async def speak_at(world: World, tenant: str, time: str, *, waits: bool) -> None:
    """The step's moment is that time in Seoul: it waits for it, or the event comes at it."""
    day = NOON.astimezone(SEOUL).date() + dt.timedelta(days=1)
    moment = dt.datetime.combine(day, dt.time.fromisoformat(time), SEOUL)
    if not waits:
        world.clock.moment = moment.astimezone(dt.UTC)
    intake = EventIntake(world.as_role("allim_events"), world.publisher, world.clock)
    told = event(tenant, "e-1", "cart.left", time=world.clock.now(), cart="k", at=moment.isoformat())
    await intake.receive(told)
    if waits:
        world.clock.moment = moment.astimezone(dt.UTC)
        await Ticker(world.as_role("allim_ticker"), world.publisher, world.clock).speak_due()


@pytest.mark.parametrize("waits", [True, False], ids=["waited for", "at once"])
@pytest.mark.parametrize(
    ("time", "leaves"),
    [("20:59:59", True), ("21:00", False), ("00:00", False), ("05:47", False), ("07:59:59", False), ("08:00", True)],
)
async def test_a_step_with_advertising_speaks_by_day_and_ends_with_its_reason_by_night(
    world: World, time: str, leaves: bool, waits: bool
) -> None:
    tenant = await world.tenant(RULE, templates={**TEMPLATES, "sale": SALE})
    await speak_at(world, tenant, time, waits=waits)
    told = {row["template"]: row for row in world.messages(tenant)}
    assert told["welcome"]["status"] == "queued"
    sale = told["sale"]
    assert (sale["status"], sale["reason"]) == (("queued", None) if leaves else ("failed", "night_advertising"))
    assert (str(sale["id"]) in tickets(world, tenant)) == leaves
    if not leaves:
        assert "8시부터 보낼 수 있습니다" in sale["detail"]
        assert "08:00 (Seoul)" in sale["detail"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"sms": {"text": "봄 세일 무료수신거부 080-123-4567"}}, "advertising_unmarked"),
        ({"sms": {"text": "(광고) 봄 세일"}}, "opt_out_missing"),
        ({"category": "notice", "sms": {"text": "(광고) 봄 세일"}}, "opt_out_missing"),
        ({"sms": SALE["sms"] | {"subject": "봄 세일"}}, "advertising_unmarked"),
    ],
)
async def test_words_without_their_marks_do_not_leave_by_day_either(
    world: World, words: dict[str, Any], reason: str
) -> None:
    tenant = await world.tenant(RULE, templates={**TEMPLATES, "sale": SALE | words})
    await speak_at(world, tenant, "12:00", waits=True)
    [sale] = [row for row in world.messages(tenant) if row["template"] == "sale"]
    assert (sale["status"], sale["reason"]) == ("failed", reason)


async def test_a_customer_who_cannot_be_reached_is_told_of_first(world: World) -> None:
    tenant = await world.tenant(RULE, templates={**TEMPLATES, "sale": SALE})
    world.clock.moment = dt.datetime(2026, 11, 22, 5, 47, tzinfo=SEOUL).astimezone(dt.UTC)
    intake = EventIntake(world.as_role("allim_events"), world.publisher, world.clock)
    now = world.clock.now()
    await intake.receive(
        event(tenant, "e-1", "cart.left", time=now, customer={"phone": None}, cart="k", at=now.isoformat())
    )
    assert {reason for _, reason in world.statuses(tenant)} == {"missing_phone"}
