"""Dead letters: what they are told as, how they are replayed, and what comes of it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from local.functions import FUNCTION_OF_TOPIC
from local.home import CHECKOUT
from shared.operations.dead_letters.letters import LETTER, REASONS, TOPIC_OF, explain, printable, readable, topic_of
from shared.operations.dead_letters.replaying import Replayed, replay
from shared.operations.dead_letters.store import Which
from shared.platform.pubsub import Outgoing
from shared.platform.signals.dead_letters import DeadLetter, keep_dead_letters
from tests.endpoints import running
from tests.world import World, event_fields


class Recorder:
    """A publisher that remembers messages whole, and fails after `fails_after` publishings."""

    def __init__(self, fails_after: int | None = None) -> None:
        self.published: list[tuple[str, Outgoing]] = []
        self._left = fails_after

    async def publish(self, topic: str, messages: Sequence[Outgoing]) -> None:
        if self._left == 0:
            raise ConnectionError("Pub/Sub is away")
        self._left = None if self._left is None else self._left - 1
        self.published += [(topic, message) for message in messages]


async def _keep(world: World, *letters: DeadLetter) -> None:
    world.clock.advance(1e-6)  # no two letters are kept in the same moment, if not together
    async with world.as_role("allim_events").connection() as connection:
        await keep_dead_letters(connection, letters, world.clock.now())


async def _replay(world: World, publisher: Recorder, **which: Any) -> Replayed:
    pool = world.as_role("allim_replayer")
    return await replay(pool, publisher, world.clock, Which(**which), on_progress=lambda count: None)


def _letter(number: int = 1, **changes: Any) -> DeadLetter:
    fields: dict[str, Any] = {
        "source": "on_subscription_event",
        "reason": "unknown_tenant",
        "detail": "there is no tenant",
        "body": json.dumps({"id": number}).encode(),
        "attributes": {"origin": "shop"},
    }
    return DeadLetter(**{**fields, **changes})


def _rows(world: World) -> list[Any]:
    return world.rows("select * from dead_letters order by first_at, id")


def test_every_reason_that_the_code_gives_is_explained_in_both_languages() -> None:
    given: set[str] = set()
    for file in [*CHECKOUT.glob("shared/**/*.py"), *CHECKOUT.glob("functions/*/main.py")]:
        text = file.read_text()
        given |= set(re.findall(r'Poison\(\s*"(\w+)"', text))
        given |= set(re.findall(r'DeadLetter\(\s*"?\w+"?,\s*"(\w+)"', text))
        given |= set(re.findall(r'reason="(\w+)",\s*detail=', text))
    assert given == set(REASONS)
    for reason in REASONS.values():
        assert reason.means.endswith(".")
        assert re.search("[가-힣]", reason.means_ko)
    assert "not known" in explain("something new").means


def test_letters_go_back_to_the_topic_that_pushes_to_their_function() -> None:
    pushed = {function: topic for topic, function in FUNCTION_OF_TOPIC.items() if function != "on_dead_letter"}
    assert pushed == TOPIC_OF


@pytest.mark.parametrize(
    ("subscription", "topic"),
    [
        ("send-requests", "send-requests"),
        ("projects/p/subscriptions/send-requests", "send-requests"),
        ("projects/p/subscriptions/subscription-events-saas", "subscription-events-saas"),
        ("dead-letters", None),
        ("elsewhere", None),
    ],
)
def test_what_pubsub_gave_up_goes_back_to_where_it_came_from(subscription: str, topic: str | None) -> None:
    attributes = {"CloudPubSubDeadLetterSourceSubscription": subscription}
    assert topic_of("on_dead_letter", "undeliverable", attributes) == topic


def test_phone_numbers_are_masked_and_data_are_cut() -> None:
    told = readable('{"a":"010-9000-4000","b":"01090004000","c":"+82 10 9000 4000","d":"02-123-4567","n":17321}')
    assert told == '{"a":"010-****-4000","b":"010****4000","c":"+82 10 **** 4000","d":"02-***-4567","n":17321}'
    shown = printable(b"\x00\xff\x1b[31m" + b"x" * 10_000)
    assert shown.startswith("\\x00\\xff\\x1b[31mxxx")
    assert shown.endswith("… of 10,007 bytes")
    assert len(shown) < 4_100


async def test_a_letter_is_kept_whatever_its_detail_and_attributes_quote(world: World) -> None:
    await _keep(world, _letter(detail="says \ud800 and \x00", attributes={"\udc00": "\ud83d \x00"}))
    [row] = _rows(world)
    assert (row["detail"], row["attributes"]) == ("says \\ud800 and \\0", {"\\udc00": "\\ud83d \\0"})


async def test_a_replay_publishes_what_came_and_only_once_however_often_it_is_asked(world: World) -> None:
    await _keep(world, *[_letter(number) for number in range(45)])
    first, second = Recorder(), Recorder()
    done = await asyncio.gather(_replay(world, first), _replay(world, second))
    assert sum(one.published["subscription-events"] for one in done) == 45
    published = [message for _, message in first.published + second.published]
    assert sorted(message.data for message in published) == sorted(_letter(number).body for number in range(45))
    assert {message.attributes["origin"] for message in published} == {"shop"}
    third = Recorder()
    await _replay(world, third)
    assert third.published == []
    assert {(row["state"], row["replays"]) for row in _rows(world)} == {("replayed", 1)}


async def test_a_crash_between_publishing_and_marking_leaves_the_letter_open(world: World) -> None:
    await _keep(world, _letter(1), _letter(2, source="on_send_request"))
    with pytest.raises(ConnectionError):
        await _replay(world, Recorder(fails_after=1))
    assert {row["state"] for row in _rows(world)} == {"open"}
    again = Recorder()
    await _replay(world, again)
    assert len(again.published) == 2
    assert {(row["state"], row["replays"]) for row in _rows(world)} == {("replayed", 1)}


async def test_a_letter_that_fails_again_before_it_is_marked_is_open_in_the_end(world: World) -> None:
    await _keep(world, _letter(1))
    handler: list[asyncio.Task[None]] = []

    class Quick(Recorder):
        async def publish(self, topic: str, messages: Sequence[Outgoing]) -> None:
            [message] = messages
            again = _letter(1, body=message.data, attributes=message.attributes)
            handler.append(asyncio.create_task(_keep(world, again)))
            await world.lock_waiters(1)

    await _replay(world, Quick())
    await asyncio.gather(*handler)
    [row] = _rows(world)
    assert (row["state"], row["failures"], row["replays"]) == ("open", 2, 1)


async def test_a_letter_that_fails_again_is_the_same_letter_open_again(world: World) -> None:
    unknown = event_fields("nobody")
    async with running("on_subscription_event", world) as function:
        assert await function.push(unknown, origin="shop") == 204
        for failures in (2, 3):
            publisher = Recorder()
            await _replay(world, publisher)
            [(_, message)] = publisher.published
            assert await function.push(message.data, **message.attributes) == 204
            [row] = _rows(world)
            assert (row["state"], row["failures"], row["replays"]) == ("open", failures, failures - 1)
            assert row["attributes"] == {"origin": "shop"}
    publisher = Recorder()
    await _replay(world, publisher)
    [(_, message)] = publisher.published
    async with running("on_dead_letter", world) as function:
        attributes = {**message.attributes, "CloudPubSubDeadLetterSourceSubscription": "subscription-events"}
        assert await function.push(message.data, **attributes) == 204
    [row] = _rows(world)
    assert (row["reason"], row["state"], row["failures"]) == ("undeliverable", "open", 4)
    publisher = Recorder()
    assert (await _replay(world, publisher)).published == {"subscription-events": 1}
    assert set(publisher.published[0][1].attributes) == {"origin", LETTER}


async def test_a_replayed_event_that_now_works_leaves_its_letter_replayed(world: World) -> None:
    async with running("on_subscription_event", world) as function:
        assert await function.push(event_fields("tenant-1")) == 204
        assert await world.tenant() == "tenant-1"
        publisher = Recorder()
        await _replay(world, publisher)
        [(topic, message)] = publisher.published
        for _ in range(2):
            assert await function.push(message.data, **message.attributes) == 204
    assert topic == "subscription-events"
    assert world.statuses("tenant-1") == [("queued", None)]
    assert [row["state"] for row in _rows(world)] == ["replayed"]


async def test_a_report_on_an_unknown_message_comes_back_as_a_batch_of_its_own(world: World) -> None:
    tenant = await world.tenant()
    report = {
        "message": str(UUID(int=5)),
        "attempt": 0,
        "channel": "sms",
        "provider_message_id": "p",
        "code": "4000",
        "outcome": "delivered",
    }
    batch = {"tenant": tenant, "provider": "solapi", "account": "main", "reports": [report]}
    async with running("on_delivery_callback", world) as function:
        assert await function.push(batch) == 204
        publisher = Recorder()
        await _replay(world, publisher)
        [(topic, message)] = publisher.published
        assert topic == "delivery-callbacks"
        assert await function.push(message.data, **message.attributes) == 204
    [row] = _rows(world)
    assert (row["reason"], row["state"], row["failures"]) == ("unknown_message", "open", 2)


async def test_what_no_replay_can_help_is_left_open(world: World) -> None:
    await _keep(world, _letter(1, reason="bad_anchor"), _letter(2, source="provider_webhook", reason="malformed"))
    publisher = Recorder()
    assert (await _replay(world, publisher)).left == 2
    assert publisher.published == []
    assert {row["state"] for row in _rows(world)} == {"open"}


async def test_a_name_in_an_attribute_is_no_way_to_somebody_elses_letter(world: World) -> None:
    await _keep(world, _letter(1))
    [row] = _rows(world)
    for link in (str(row["id"]), "nonsense'; --", ""):
        await _keep(world, _letter(2, body=f"other {link}".encode(), attributes={LETTER: link}))
    first, *others = _rows(world)
    assert (first["failures"], first["body"]) == (1, row["body"])
    assert [(other["failures"], other["attributes"]) for other in others] == [(1, {})] * 3
