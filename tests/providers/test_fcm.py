"""Firebase Cloud Messaging: tokens for a service account, one request a device, and what each answer means."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.providers import (
    OutboundMessage,
    ProviderAccount,
    ProviderBusy,
    ProviderError,
    ProviderUnavailable,
    ProviderUndecided,
    Submission,
)
from shared.providers.fcm import AT_ONCE, MOST_DEVICES, TIMEOUT_SECONDS, Fcm
from shared.providers.google_tokens import RENEWED_BEFORE
from tests.clock import SettableClock
from tests.providers.simulated import Simulator, device

Submit = Callable[..., Submission]
SEND = "messages:send"
TEXT = "준비되었습니다."


def push(*devices: str, text: str = TEXT, link: str | None = None) -> OutboundMessage:
    return OutboundMessage(uuid4(), 0, "push", "c-1", text, subject="주문", devices=devices, link=link)


@pytest.fixture
def project(simulator: Simulator) -> ProviderAccount:
    return simulator.add_project()


@pytest.fixture
def fcm(simulator: Simulator, clock: SettableClock, client: httpx.AsyncClient) -> Fcm:
    return Fcm(simulator.url, simulator.url, clock, client)


@pytest.fixture
def submission(clock: SettableClock) -> Submit:
    return lambda *messages: Submission(uuid4(), clock.now(), messages)


def answering(clock: SettableClock, *answers: httpx.Response) -> Fcm:
    """FCM that answers so, one request after another; the last goes on for ever. Its token is good."""
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 3_600})
        return left.pop(0) if len(left) > 1 else left[0]

    return Fcm("http://fcm", "http://tokens", clock, httpx.AsyncClient(transport=httpx.MockTransport(answer)))


@given(st.lists(st.integers(0, 30), max_size=80))
def test_each_message_is_in_one_call_and_no_call_has_more_devices_than_end_in_time(numbers: Sequence[int]) -> None:
    messages = [push(*[str(number)] * number) for number in numbers]
    calls = Fcm("http://fcm", "http://tokens", SettableClock()).calls(messages)
    assert [each for call in calls for each in call] == messages
    assert all(sum(len(each.devices) for each in call) <= MOST_DEVICES for call in calls)


def test_a_call_of_which_each_answer_takes_its_whole_time_ends_within_its_lease() -> None:
    from shared.messages.dispatch.dispatching import LEASE

    assert LEASE.total_seconds() - 10 > MOST_DEVICES / AT_ONCE * TIMEOUT_SECONDS


async def test_a_message_is_taken_for_each_device_under_one_key(
    fcm: Fcm, project: ProviderAccount, simulator: Simulator, submission: Submit
) -> None:
    phone, tablet = device(), device()
    message = push(phone, tablet, link="https://shop.example/orders/1")
    submitted = await fcm.submit(project, submission(message))
    assert [each.message for each in submitted.accepted] == [message.message]
    assert (submitted.refused, submitted.gone, submitted.left) == ([], [], None)
    accepted = simulator.accepted()
    assert {each["to"] for each in accepted} == {phone, tablet}
    for each in accepted:
        assert (each["provider"], each["type"], each["title"], each["text"]) == ("fcm", "push", "주문", TEXT)
        assert each["data"] == {"message": str(message.message), "link": "https://shop.example/orders/1"}
        assert each["shownAs"] == message.message.hex
    assert submitted.accepted[0].provider_message_id in {each["messageId"] for each in accepted}


@pytest.mark.parametrize("link", ["myshop://orders/1", "http://shop.example/1"])
async def test_a_link_that_is_no_page_is_the_apps_alone(
    fcm: Fcm, project: ProviderAccount, simulator: Simulator, submission: Submit, link: str
) -> None:
    await fcm.submit(project, submission(push(device(), link=link)))
    [accepted] = simulator.accepted()
    assert accepted["data"]["link"] == link


REFUSALS = {
    "UNREGISTERED": ("UNREGISTERED", True, False),
    "SENDER_ID_MISMATCH": ("SENDER_ID_MISMATCH", False, True),
    "THIRD_PARTY_AUTH_ERROR": ("THIRD_PARTY_AUTH_ERROR", False, True),
}


@pytest.mark.parametrize("end", REFUSALS)
async def test_a_message_is_refused_when_no_device_gets_it(
    fcm: Fcm, project: ProviderAccount, submission: Submit, end: str
) -> None:
    code, is_gone, is_amiss = REFUSALS[end]
    wrong, sound = push(device(end)), push(device())
    submitted = await fcm.submit(project, submission(wrong, sound))
    assert [each.message for each in submitted.accepted] == [sound.message]
    [refusal] = submitted.refused
    assert (refusal.message, refusal.code) == (wrong.message, code)
    assert list(submitted.gone) == (list(wrong.devices) if is_gone else [])
    assert (submitted.amiss is not None) == is_amiss


@pytest.mark.parametrize("end", REFUSALS)
async def test_a_message_is_taken_when_one_device_gets_it(
    fcm: Fcm, project: ProviderAccount, submission: Submit, end: str
) -> None:
    lost = device(end)
    submitted = await fcm.submit(project, submission(message := push(lost, device())))
    assert [each.message for each in submitted.accepted] == [message.message]
    assert list(submitted.gone) == ([lost] if REFUSALS[end][1] else [])


@pytest.mark.parametrize("token", ["short", "a:b", f"app:{'A' * 120}!"])
async def test_what_is_no_token_is_gone(fcm: Fcm, project: ProviderAccount, submission: Submit, token: str) -> None:
    submitted = await fcm.submit(project, submission(push(token)))
    assert list(submitted.gone) == [token]
    assert [each.code for each in submitted.refused] == ["INVALID_ARGUMENT"]


async def test_words_that_are_too_many_cost_no_device(fcm: Fcm, project: ProviderAccount, submission: Submit) -> None:
    submitted = await fcm.submit(project, submission(push(device(), text="가" * 1_366)))
    assert ([each.code for each in submitted.refused], list(submitted.gone)) == (["INVALID_ARGUMENT"], [])


async def test_a_customer_without_a_device_is_refused(fcm: Fcm, project: ProviderAccount, submission: Submit) -> None:
    submitted = await fcm.submit(project, submission(push()))
    assert [each.code for each in submitted.refused] == ["no_device"]


def an_error(status: int, word: str, *details: dict[str, Any], message: str = "…", **headers: str) -> httpx.Response:
    body = {"error": {"code": status, "message": message, "status": word, "details": list(details)}}
    return httpx.Response(status, json=body, headers=headers)


def violation(field: str, description: str) -> dict[str, Any]:
    return {"@type": "…BadRequest", "fieldViolations": [{"field": field, "description": description}]}


KEPT = {
    "the project is not there": (an_error(404, "NOT_FOUND"), ProviderUnavailable),
    "it may not send": (an_error(403, "PERMISSION_DENIED"), ProviderUnavailable),
    "its token is not taken": (an_error(401, "UNAUTHENTICATED"), ProviderUnavailable),
    "a proxy says 404": (httpx.Response(404, text="<html>"), ProviderUndecided),
    "a proxy says 502": (httpx.Response(502, text="<html>"), ProviderUndecided),
    "a proxy says 503": (httpx.Response(503, text="<html>"), ProviderBusy),
    "INTERNAL": (an_error(500, "INTERNAL"), ProviderUndecided),
    "200 without a name": (httpx.Response(200, json={}), ProviderUndecided),
}


@pytest.mark.parametrize("answer", KEPT)
async def test_what_says_nothing_of_the_device_is_tried_again_and_costs_no_device(
    clock: SettableClock, project: ProviderAccount, submission: Submit, answer: str
) -> None:
    response, kind = KEPT[answer]
    with pytest.raises(ProviderError) as raised:
        await answering(clock, response).submit(project, submission(push(device()), push(device())))
    assert isinstance(raised.value, kind)


OF_THE_WORDS = {
    "an unknown name": violation("message", "Invalid JSON payload received. Unknown name"),
    "a value that is no text": violation("message.data[0].value", "Invalid value (TYPE_STRING), 1"),
    "a time that is none": violation("message.android.ttl", "Invalid ttl"),
}


@pytest.mark.parametrize("what", OF_THE_WORDS)
async def test_a_400_that_does_not_name_the_token_costs_no_device(
    clock: SettableClock, project: ProviderAccount, submission: Submit, what: str
) -> None:
    response = an_error(400, "INVALID_ARGUMENT", OF_THE_WORDS[what])
    submitted = await answering(clock, response).submit(project, submission(push(device())))
    assert ([each.code for each in submitted.refused], list(submitted.gone)) == (["INVALID_ARGUMENT"], [])


async def test_a_400_may_name_the_token_in_words_alone(
    clock: SettableClock, project: ProviderAccount, submission: Submit
) -> None:
    said = "The registration token is not a valid FCM registration token"
    response = an_error(400, "INVALID_ARGUMENT", message=said)
    submitted = await answering(clock, response).submit(project, submission(push("of nobody")))
    assert list(submitted.gone) == ["of nobody"]


@pytest.mark.parametrize(
    ("status", "headers", "least", "most"),
    [(429, {"retry-after": "7"}, 7, 7), (429, {}, 60, 120), (503, {}, 10, 20), (503, {"retry-after": "30"}, 30, 30)],
)
async def test_a_pause_is_as_long_as_it_asks_and_else_not_the_same_for_all(
    clock: SettableClock,
    project: ProviderAccount,
    submission: Submit,
    status: int,
    headers: dict[str, str],
    least: int,
    most: int,
) -> None:
    fcm = answering(clock, an_error(status, "QUOTA_EXCEEDED", **headers))
    with pytest.raises(ProviderBusy) as busy:
        await fcm.submit(project, submission(push(device())))
    assert least <= busy.value.again_in.total_seconds() <= most


async def test_a_pause_that_is_asked_for_in_the_middle_loses_nothing_of_what_was_taken(
    fcm: Fcm, project: ProviderAccount, submission: Submit, simulator: Simulator
) -> None:
    taken, asked, later = push(device()), push(device("QUOTA_EXCEEDED")), push(device())
    submitted = await fcm.submit(project, submission(taken, asked, later))
    named = {each.message for each in submitted.accepted}
    assert {taken.message} <= named <= {taken.message, later.message}
    assert isinstance(submitted.left, ProviderBusy)
    assert not submitted.refused


async def test_a_devices_own_quota_holds_up_no_other(fcm: Fcm, project: ProviderAccount, submission: Submit) -> None:
    busy, sound = push(device("DEVICE_QUOTA_EXCEEDED")), [push(device()) for _ in range(50)]
    submitted = await fcm.submit(project, submission(busy, *sound))
    assert [each.message for each in submitted.accepted] == [each.message for each in sound]
    assert type(submitted.left) is not ProviderBusy


async def test_once_a_pause_is_asked_for_no_more_is_asked(
    clock: SettableClock, project: ProviderAccount, submission: Submit
) -> None:
    asked = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        if request.url.path == "/token":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 3_600})
        asked += 1
        return an_error(429, "RESOURCE_EXHAUSTED")

    fcm = Fcm("http://fcm", "http://tokens", clock, httpx.AsyncClient(transport=httpx.MockTransport(answer)))
    with pytest.raises(ProviderBusy):
        await fcm.submit(project, submission(*(push(device()) for _ in range(MOST_DEVICES))))
    assert asked <= AT_ONCE


async def test_a_token_is_asked_for_once_and_anew_before_it_ends(
    clock: SettableClock, project: ProviderAccount, submission: Submit
) -> None:
    given: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            given.append(f"token-{len(given)}")
            return httpx.Response(200, json={"access_token": given[-1], "expires_in": 3_600})
        assert request.headers["authorization"] == f"Bearer {given[-1]}"
        return httpx.Response(200, json={"name": "projects/app/messages/1"})

    fcm = Fcm("http://fcm", "http://tokens", clock, httpx.AsyncClient(transport=httpx.MockTransport(answer)))
    for _ in range(3):
        await fcm.submit(project, submission(push(device())))
    assert len(given) == 1
    clock.advance((dt.timedelta(hours=1) - RENEWED_BEFORE).total_seconds())
    await fcm.submit(project, submission(push(device())))
    assert len(given) == 2


async def test_a_token_that_is_not_taken_any_more_is_asked_for_anew(
    fcm: Fcm, project: ProviderAccount, submission: Submit, simulator: Simulator
) -> None:
    await fcm.submit(project, submission(push(device())))
    simulator.control.put("/control/accounts", json=registered(project)).raise_for_status()  # and its tokens are gone
    with pytest.raises(ProviderUnavailable, match="UNAUTHENTICATED"):
        await fcm.submit(project, submission(push(device())))
    assert (await fcm.submit(project, submission(push(device())))).accepted


def registered(project: ProviderAccount) -> dict[str, str]:
    secrets = project.secrets
    return {
        "provider": "fcm",
        "projectId": secrets["project_id"],
        "clientEmail": secrets["client_email"],
        "privateKey": secrets["private_key"],
    }


@pytest.mark.parametrize("form", ["as Google gives it", "with \\n for line ends"])
async def test_a_key_is_read_in_either_form(fcm: Fcm, project: ProviderAccount, submission: Submit, form: str) -> None:
    key = project.secrets["private_key"]
    if "\\n" in form:
        project = replace(project, secrets={**project.secrets, "private_key": key.replace("\n", "\\n")})
    assert (await fcm.submit(project, submission(push(device())))).accepted


WRONG = {
    "no key": ({"private_key": "of nobody"}, "bad_private_key"),
    "an unknown account": ({"client_email": "x@app.iam.gserviceaccount.com"}, "invalid_grant"),
    "another project": ({"project_id": "app-1-of-others"}, "NOT_FOUND"),
}


@pytest.mark.parametrize("what", WRONG)
async def test_an_account_that_is_set_up_wrong_sends_nothing_and_says_why(
    fcm: Fcm, project: ProviderAccount, submission: Submit, simulator: Simulator, what: str
) -> None:
    wrong, code = WRONG[what]
    with pytest.raises(ProviderUnavailable, match=code) as raised:
        await fcm.submit(replace(project, secrets={**project.secrets, **wrong}), submission(push(device())))
    assert project.secrets["private_key"] not in str(raised.value)
    assert simulator.accepted() == []


async def test_a_project_of_anothers_account_is_not_sent_to(
    fcm: Fcm, project: ProviderAccount, submission: Submit, simulator: Simulator
) -> None:
    other = simulator.add_project()
    wrong = replace(project, secrets={**project.secrets, "project_id": other.secrets["project_id"]})
    with pytest.raises(ProviderUnavailable, match="PERMISSION_DENIED"):
        await fcm.submit(wrong, submission(push(device())))


async def test_where_no_token_is_to_be_had_nothing_was_sent(
    fcm: Fcm, project: ProviderAccount, submission: Submit, simulator: Simulator
) -> None:
    simulator.set_faults_of("fcm", drop_before={"count": 1, "on": "POST /token"})
    with pytest.raises(ProviderUnavailable):
        await fcm.submit(project, submission(push(device())))
    assert simulator.accepted() == []


def test_it_calls_nobody() -> None:
    fcm = Fcm("http://fcm", "http://tokens", SettableClock())
    assert fcm.proof_of({}) == ""
    assert fcm.webhook_entries(orjson.loads(b"{}")) == []
    with pytest.raises(ValueError, match="nobody"):
        fcm.parse_webhook(b"{}")
