"""Slack's incoming webhooks, as they answer on the wire."""

from collections.abc import Iterator

import httpx
import pytest

from simulator.slack.api import MAX_TEXT
from simulator.testing import simulator_thread

PATH = "/services/T1/B1/token"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with simulator_thread() as address:
        yield address


@pytest.fixture
def slack(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address) as client:
        client.delete("/control/slack")
        yield client


def test_a_message_is_taken_and_listed(slack: httpx.Client) -> None:
    answer = slack.post(PATH, json={"text": "틱이 멈췄습니다"})
    assert (answer.status_code, answer.text) == (200, "ok")
    told = slack.get("/control/slack").json()
    assert (told["count"], told["calls"]) == (1, 1)
    assert (told["messages"][0]["path"], told["messages"][0]["text"]) == (PATH, "틱이 멈췄습니다")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"text", "invalid_payload"),
        (b"[]", "no_text"),
        (b'{"text": ""}', "no_text"),
        (b'{"text": "%s"}' % (b"x" * (MAX_TEXT + 1)), "msg_too_long"),
    ],
)
def test_what_is_no_message_is_refused(slack: httpx.Client, body: bytes, reason: str) -> None:
    answer = slack.post(PATH, content=body)
    assert (answer.status_code, answer.text) == (400, reason)
    assert slack.get("/control/slack").json()["count"] == 0


def test_the_next_calls_are_answered_as_it_was_told(slack: httpx.Client) -> None:
    slack.put("/control/slack", json={"answers": [{"status": 429, "retryAfter": 30}, {"status": 500}]})
    answers = [slack.post(PATH, json={"text": "x"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 500, 200]
    assert answers[0].headers["retry-after"] == "30"
    assert "retry-after" not in answers[1].headers
    told = slack.get("/control/slack").json()
    assert (told["count"], told["calls"]) == (1, 3)


def test_an_answer_that_is_none_is_refused(slack: httpx.Client) -> None:
    assert slack.put("/control/slack", json={"answers": [{"status": 200}]}).status_code == 422
