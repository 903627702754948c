"""`allim dead-letters`, as a person and as a program."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import grpc
import psycopg
import pytest
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from local.stack import Stack
from shared.platform.database import Database
from shared.platform.signals.dead_letters import DeadLetter, keep_dead_letters
from tests.broker import RunningBroker
from tests.cli.conftest import PROJECT, Run, run, stack, verbs_broker
from tests.clock import NOON

__all__ = ["run", "stack", "verbs_broker"]

TOPIC = f"projects/{PROJECT}/topics/send-requests"
SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/replays"
PRIVATE = "전화 010-9000-4000 [b]\x1b"


@pytest.fixture
def letters(stack: Stack) -> list[str]:
    """Three letters; gives their ids, the most recently refused first."""
    given_up = {"CloudPubSubDeadLetterSourceSubscription": "send-requests", "n": "1"}
    made = [
        DeadLetter("on_dead_letter", "undeliverable", "gave it up", b'{"a": 1}', None, given_up),
        DeadLetter("on_subscription_event", "not_json", f"it says {PRIVATE}", PRIVATE.encode(), "saas"),
        DeadLetter("provider_webhook", "malformed", "no JSON", b"?", "saas"),
    ]

    async def keep() -> None:
        database = Database(stack.role_database_urls["allim_events"], pool_size=1)
        for number, letter in enumerate(made):
            async with database.connection() as connection:
                await keep_dead_letters(connection, [letter], NOON + dt.timedelta(seconds=number))
        await database.close()

    asyncio.run(keep())
    with psycopg.connect(stack.database_url) as connection:
        rows = connection.execute("select id::text from dead_letters order by received_at desc").fetchall()
    return [row[0] for row in rows]


@pytest.fixture
def listening(verbs_broker: RunningBroker) -> Iterator[SubscriberClient]:
    with grpc.insecure_channel(verbs_broker.host) as channel:
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        publisher.create_topic(name=TOPIC)
        subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)
        yield subscriber
        subscriber.delete_subscription(subscription=SUBSCRIPTION)
        publisher.delete_topic(topic=TOPIC)


def _told(run: Run, *arguments: str) -> Any:
    result = run("dead-letters", *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_list_says_what_each_reason_means_and_holds_no_number_to_call(run: Run, letters: list[str]) -> None:
    shown = run("dead-letters", "list")
    assert shown.exit_code == 0, shown.output
    assert "9000" not in shown.stdout
    assert "[b]" in shown.stdout
    assert "undeliverable: Pub/Sub gave it up after twenty tries" in shown.stdout
    assert "스무 번 시도한 뒤" in shown.stdout
    told = _told(run, "list")
    assert [one["id"] for one in told] == letters
    assert "9000" not in json.dumps(told)
    assert [one["topic"] for one in told] == [None, "subscription-events", "send-requests"]


def test_filters_narrow_the_list(run: Run, letters: list[str]) -> None:
    assert [one["id"] for one in _told(run, "list", "--tenant", "saas", "--reason", "not_json")] == [letters[1]]
    assert [one["id"] for one in _told(run, "list", "--source", "provider_webhook")] == [letters[0]]
    assert run("dead-letters", "list", "--state", "replayed").stdout == "no dead letters\n"


def test_one_letter_is_shown_with_its_data_and_without_control_characters(run: Run, letters: list[str]) -> None:
    shown = run("dead-letters", "show", letters[1][:8])
    assert shown.exit_code == 0, shown.output
    assert "전화 010-****-4000 [b]\\x1b" in shown.stdout
    assert "\x1b" not in shown.stdout
    assert _told(run, "show", letters[2])["data"] == '{"a": 1}'


def test_an_id_that_is_none_is_a_clear_error(run: Run, letters: list[str]) -> None:
    for name in ("ffff-none", "x", "", "0" * 33):
        result = run("dead-letters", "show", name)
        assert (result.exit_code, result.stderr[:22]) == (1, "error: unknown_letter:")


def test_a_replay_by_filter_asks_first_and_reaches_the_topic(
    run: Run, letters: list[str], listening: SubscriberClient
) -> None:
    asked = ("dead-letters", "replay", "--all")
    refused = run(*asked, "--reason", "undeliverable", given="n\n")
    assert (refused.exit_code, "Replay 1 dead letter?" in refused.stderr) == (1, True)
    done = _told(run, "replay", "--reason", "undeliverable", "--yes")
    assert done == {"replayed": 1, "topics": {"send-requests": 1}, "left": 0}
    [received] = listening.pull(subscription=SUBSCRIPTION, max_messages=5, timeout=20).received_messages
    assert (received.message.data, dict(received.message.attributes)) == (
        b'{"a": 1}',
        {"n": "1", "allim-dead-letter": letters[2]},
    )
    assert [one["id"] for one in _told(run, "list", "--state", "replayed")] == [letters[2]]
    assert run("dead-letters", "replay", letters[2]).stdout == "replayed 0\n"
    assert "left 1 whose reason no replay can mend" in run("dead-letters", "replay", letters[0]).stdout


def test_without_its_topic_a_letter_stays_open(run: Run, letters: list[str]) -> None:
    result = run("dead-letters", "replay", letters[2])
    assert (result.exit_code, "error: publish_failed: 404" in result.stderr) == (1, True)
    assert letters[2] in [one["id"] for one in _told(run, "list")]


def test_a_dropped_letter_keeps_its_row_with_who_and_why(run: Run, letters: list[str]) -> None:
    assert run("dead-letters", "drop", letters[0]).exit_code == 2
    assert _told(run, "drop", letters[0], "--why", "a scanner", "--by", "operator")["ids"] == [letters[0]]
    assert _told(run, "drop", letters[0], "--why", "again")["dropped"] == 0
    assert letters[0] not in [one["id"] for one in _told(run, "list")]
    [kept] = _told(run, "list", "--state", "dropped")
    assert (kept["id"], kept["dropped_by"], kept["dropped_why"]) == (letters[0], "operator", "a scanner")
    assert _told(run, "drop", "--all", "--yes", "--why", "the rest")["dropped"] == 2


def test_nobody_replays_or_drops_by_mistake(run: Run, letters: list[str]) -> None:
    for arguments in (("replay",), ("drop", "--why", "x"), ("replay", letters[0], "--all")):
        assert run("dead-letters", *arguments).exit_code == 1
    assert len(_told(run, "list")) == 3


@pytest.mark.parametrize("verb", ["list", "show", "replay", "drop"])
def test_the_help_of_each_verb_has_examples(run: Run, verb: str) -> None:
    assert f"$ allim dead-letters {verb}" in run("dead-letters", verb, "--help").stdout


@pytest.mark.parametrize("verb", [("list",), ("list", "--json"), ("replay", "--yes"), ("drop", "--why", "x", "--yes")])
@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--tenant", "saaas"), "unknown_tenant: there is no tenant saaas; did you mean saas? (등록되지 않은"),
        (("--reason", "not-jsn"), "unknown_reason: there is no reason not-jsn; did you mean not_json? (없는 사유"),
        (("--reason", "zzz"), "unknown_reason: there is no reason zzz; known are not_a_push, not_json"),
    ],
    ids=["tenant", "reason", "reason like no other"],
)
def test_a_name_that_there_is_not_is_told_apart_from_nothing(
    run: Run, letters: list[str], verb: tuple[str, ...], given: tuple[str, str], told: str
) -> None:
    refused = run("dead-letters", *verb, *given)
    assert (refused.exit_code, refused.stderr.startswith(f"error: {told}")) == (1, True)


def test_a_reason_that_stands_in_a_letter_and_a_tenant_without_any_are_known(run: Run, letters: list[str]) -> None:
    assert len(json.loads(run("dead-letters", "list", "--reason", "malformed", "--json").stdout)) == 1
    assert run("dead-letters", "drop", letters[0], letters[1], letters[2], "--why", "x").exit_code == 0
    assert run("dead-letters", "list", "--tenant", "saas").stdout == "no dead letters\n"
