"""NHN Cloud's MMS and Brand Messages: pictures that go ahead of their messages, buttons, and what goes wrong there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any
from uuid import uuid4

import httpx
import pytest

from shared.contracts.outcomes import Outcome
from shared.platform.clock import SEOUL
from shared.providers import (
    OutboundMessage,
    ProviderAccount,
    ProviderBusy,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    ProviderUndecided,
    Submission,
)
from shared.providers.base import Button, Picture
from shared.providers.nhn.kakao import NhnKakao
from shared.providers.nhn.sms import DUPLICATE, Nhn
from tests.clock import SettableClock
from tests.providers.simulated import Simulator
from tests.tls import NO_TLS

DELIVERED, BAD_NUMBER, REFUSED, UNTOLD = "01090004000", "01090003010", "01090001062", "01090003000"
JPEG = b"\xff\xd8\xff\xe0\r\n--\r\n\x00picture\xff\xd9"
CHANNELS = ("mms", "brand")
Provider = Nhn | NhnKakao


def picture(content: bytes = JPEG) -> Picture:
    return Picture(f"{sha256(content).hexdigest()}.jpg", content)


def message(channel: str, to: str = DELIVERED, **fields: Any) -> OutboundMessage:
    given = {"subject": "행사" if channel == "mms" else None, "picture": picture(), **fields}
    return OutboundMessage(uuid4(), 1, channel, to, "(광고) 가게 새 메뉴", **given)


class Trial:
    """One account of a channel's service, at the simulator. `uploads`, `sends`: the requests of either kind."""

    def __init__(self, channel: str, simulator: Simulator, clock: SettableClock) -> None:
        self.channel = channel
        self.clock = clock
        self.simulator = simulator
        self.uploads = self.sends = 0

        async def counted(request: httpx.Request) -> None:
            self.uploads += "Upload" in request.url.path or request.url.path.endswith("/images")
            self.sends += request.url.path.endswith(("/sender/mms", "/freestyle-messages")) * (request.method == "POST")

        client = httpx.AsyncClient(timeout=10, event_hooks={"request": [counted]}, verify=NO_TLS)
        self.provider: Provider = (Nhn if channel == "mms" else NhnKakao)(simulator.url, client)
        self.account = self.open()

    def open(self, **settings: Any) -> ProviderAccount:
        opening = self.simulator.add_app if self.channel == "mms" else self.simulator.add_kakao_app
        return opening(**settings)

    @property
    def sending(self) -> str:
        return "/sender/mms" if self.channel == "mms" else "/freestyle-messages"

    def call(self, *to: str, **fields: Any) -> Submission:
        messages = [message(self.channel, each, **fields) for each in to or (DELIVERED,)]
        return Submission(uuid4(), self.clock.now(), messages)


@pytest.fixture(params=CHANNELS)
def trial(request: pytest.FixtureRequest, simulator: Simulator, clock: SettableClock) -> Trial:
    # By day, for Brand Messages do not leave at night.
    hour = clock.now().astimezone(SEOUL).hour
    clock.advance(((12 - hour) % 24) * 3_600)
    return Trial(request.param, simulator, clock)


async def test_a_picture_is_brought_once_and_shown_by_every_message(trial: Trial) -> None:
    first, second = trial.call(DELIVERED, BAD_NUMBER), trial.call()
    for call in (first, second):
        submitted = await trial.provider.submit(trial.account, call)
        assert len(submitted.accepted) == len(call.messages)
    found = trial.simulator.accepted()
    assert {each["type"] for each in found} == {"MMS" if trial.channel == "mms" else "BRAND_MESSAGE"}
    assert all(each.get("files") or each.get("imageUrl") for each in found)
    assert (trial.uploads, trial.sends) == (1, 2)


async def test_each_picture_is_its_own_and_a_call_has_one(trial: Trial) -> None:
    one, two = message(trial.channel), message(trial.channel, picture=picture(JPEG + b"!"))
    assert [len(call) for call in trial.provider.calls([one, two, replace(one, message=uuid4())])] == [2, 1]
    for each in (one, two):
        await trial.provider.submit(trial.account, Submission(uuid4(), trial.clock.now(), [each]))
    shown = [each.get("imageUrl") or each["files"][0] for each in trial.simulator.accepted()]
    assert len(set(shown)) == trial.uploads == 2


async def test_a_picture_that_is_there_no_more_is_brought_again(trial: Trial) -> None:
    await trial.provider.submit(trial.account, trial.call())
    # The account is another one, whose keys were the first one's: nothing of it is there.
    other = trial.open()
    renamed = {**trial.account.secrets, "app_key": other.secrets["app_key"], "secret_key": other.secrets["secret_key"]}
    moved = replace(trial.account, secrets=renamed)
    uploads = trial.provider._files if isinstance(trial.provider, Nhn) else trial.provider._images
    uploads._known[other.secrets["app_key"], picture().name] = trial.clock.now(), 9
    submitted = await trial.provider.submit(moved, trial.call())
    assert len(submitted.accepted) == 1
    assert (trial.uploads, trial.sends) == (2, 3)


async def test_a_picture_of_an_mms_is_brought_again_before_it_is_thrown_away(
    simulator: Simulator, clock: SettableClock
) -> None:
    trial = Trial("mms", simulator, clock)
    for days in (0, 5, 4):
        clock.advance(days * 86_400)
        assert (await trial.provider.submit(trial.account, trial.call())).refused == []
    assert (trial.uploads, trial.sends) == (2, 3)


async def test_a_picture_that_is_too_large_ends_its_message(trial: Trial) -> None:
    large = picture(b"\xff\xd8" + b"\x00" * (300 * 1024 if trial.channel == "mms" else 5 * 1024 * 1024))
    with pytest.raises(ProviderRefused) as caught:
        await trial.provider.submit(trial.account, trial.call(picture=large))
    assert caught.value.code == ("-2005" if trial.channel == "mms" else "-4007")
    assert trial.sends == 0


Plan = Mapping[str, Any]
UPLOAD = "Upload|/images"
UPLOADS_LOST: Mapping[str, tuple[Plan, type[ProviderError]]] = {
    "answer lost": ({"accept_then_drop": {"count": 1, "on": UPLOAD}}, ProviderUnavailable),
    "connection lost": ({"drop_before": {"count": 1, "on": UPLOAD}}, ProviderUnavailable),
    "failure inside": ({"fail_inside": {"count": 1, "on": UPLOAD}}, ProviderUnavailable),
    "too many": ({"too_many": {"count": 1, "on": UPLOAD}}, ProviderBusy),
    "outage": ({"outage": True}, ProviderUnavailable),
}


@pytest.mark.parametrize("fault", UPLOADS_LOST)
async def test_while_a_picture_is_brought_nothing_is_sent_yet(trial: Trial, fault: str) -> None:
    plan, error = UPLOADS_LOST[fault]
    trial.simulator.set_faults_of("nhn", **plan)
    call = trial.call()
    with pytest.raises(error) as caught:
        await trial.provider.submit(trial.account, call)
    assert type(caught.value) is error
    assert trial.simulator.accepted() == []
    trial.simulator.set_faults_of("nhn")
    assert await trial.provider.find(trial.account, call) is None
    assert len((await trial.provider.submit(trial.account, trial.call())).accepted) == 1


SENDS_LOST: Mapping[str, tuple[Plan, bool]] = {
    "answer lost after acceptance": ({"accept_then_drop": {"count": 1, "on": "{send}"}}, True),
    "connection lost before": ({"drop_before": {"count": 1, "on": "{send}"}}, False),
    "failure inside": ({"fail_inside": {"count": 1, "on": "{send}"}}, False),
    "accepted, and a failure inside": ({"accept_then_fail": {"count": 1, "on": "{send}"}}, True),
}


@pytest.mark.parametrize("fault", SENDS_LOST)
async def test_a_lost_answer_is_decided_by_our_names(trial: Trial, fault: str) -> None:
    plan, taken = SENDS_LOST[fault]
    [(kind, drop)] = plan.items()
    trial.simulator.set_faults_of("nhn", **{kind: {**drop, "on": f"POST .*{trial.sending}"}})
    call = trial.call(DELIVERED, BAD_NUMBER)
    with pytest.raises(ProviderUndecided):
        await trial.provider.submit(trial.account, call)
    found = await trial.provider.find(trial.account, call)
    assert (found is not None) == taken
    assert len(trial.simulator.accepted()) == (2 if taken else 0)
    if found is not None:
        assert {each.message for each in found.accepted} == {each.message for each in call.messages}


async def test_a_late_list_says_nothing_yet(trial: Trial) -> None:
    lost = {"count": 1, "on": f"POST .*{trial.sending}"}
    trial.simulator.set_faults_of("nhn", accept_then_drop=lost, list_delay_ms=60_000)
    call = trial.call()
    with pytest.raises(ProviderUndecided):
        await trial.provider.submit(trial.account, call)
    assert await trial.provider.find(trial.account, call) is None
    trial.clock.advance(61)
    assert await trial.provider.find(trial.account, call) is not None
    assert trial.provider.look_up_after > dt.timedelta(seconds=60)


async def test_part_of_a_call_is_refused_and_the_rest_reported(trial: Trial) -> None:
    call = trial.call(DELIVERED, REFUSED, BAD_NUMBER)
    submitted = await trial.provider.submit(trial.account, call)
    assert [each.message for each in submitted.accepted] == [call.messages[0].message, call.messages[2].message]
    assert [each.message for each in submitted.refused] == [call.messages[1].message]
    reports = {each.message: each for each in await trial.provider.batch_reports(trial.account, submitted.batch)}
    assert [reports[each.message].outcome for each in submitted.accepted] == [Outcome.DELIVERED, Outcome.FAILED]
    assert {each.channel for each in reports.values()} == {trial.channel}


async def test_the_carriers_final_timeout_of_an_mms_is_a_failure(simulator: Simulator, clock: SettableClock) -> None:
    trial = Trial("mms", simulator, clock)
    submitted = await trial.provider.submit(trial.account, trial.call(UNTOLD))
    [waiting] = await trial.provider.batch_reports(trial.account, submitted.batch)
    clock.advance(80 * 3_600)
    simulator.report("2000", to=UNTOLD, provider="nhn")
    [ended] = await trial.provider.batch_reports(trial.account, submitted.batch)
    assert (waiting.outcome, ended.outcome, ended.code) == (Outcome.SENT, Outcome.FAILED, "2000")


async def test_a_month_without_room_is_told_as_what_it_is(simulator: Simulator, clock: SettableClock) -> None:
    trial = Trial("mms", simulator, clock)
    account = trial.open(monthlyQuota=0)
    with pytest.raises(ProviderUnavailable, match="월 발송 한도") as caught:
        await trial.provider.submit(account, trial.call())
    assert caught.value.code == "-2052"


async def test_an_identical_message_is_told_as_what_it_is(simulator: Simulator, clock: SettableClock) -> None:
    trial = Trial("mms", simulator, clock)
    account = trial.open(blocksDuplicates=True)
    first, second = [await trial.provider.submit(account, trial.call()) for _ in range(2)]
    [told] = await trial.provider.batch_reports(account, second.batch)
    assert (told.code, told.outcome) == (DUPLICATE, Outcome.FAILED)
    assert "중복 메시지" in (told.detail or "")
    [delivered] = await trial.provider.batch_reports(account, first.batch)
    assert delivered.outcome is Outcome.DELIVERED
    assert len(simulator.accepted()) == 1


BUTTON = Button("메뉴 보기", "https://shop.example/menu")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        pytest.param({"buttons": [BUTTON]}, None, id="a button"),
        pytest.param({"buttons": [BUTTON._replace(desktop="https://shop.example/")] * 5}, None, id="five buttons"),
        pytest.param({"buttons": [BUTTON] * 6}, "-3304", id="six buttons"),
        pytest.param({"buttons": [BUTTON._replace(name="가" * 15)]}, "-3304", id="a long name"),
        pytest.param({"buttons": [BUTTON._replace(mobile="shop.example")]}, "-3310", id="no link"),
        pytest.param({"picture": None}, None, id="no picture"),
    ],
)
async def test_the_parts_of_a_brand_message_are_taken_or_refused(
    simulator: Simulator,
    clock: SettableClock,
    fields: dict[str, Any],
    code: str | None,
) -> None:
    trial = Trial("brand", simulator, clock)
    if code is None:
        assert len((await trial.provider.submit(trial.account, trial.call(**fields))).accepted) == 1
        return
    with pytest.raises(ProviderRefused) as caught:
        await trial.provider.submit(trial.account, trial.call(**fields))
    assert caught.value.code == code


@pytest.mark.parametrize(("at", "code"), [("07:59", "3022"), ("08:00", "1000"), ("20:49", "1000"), ("20:50", "3022")])
async def test_a_brand_message_outside_its_hours_fails_and_says_so(
    simulator: Simulator, clock: SettableClock, at: str, code: str
) -> None:
    trial, there = Trial("brand", simulator, clock), clock.now().astimezone(SEOUL)
    then = dt.datetime.combine(there.date() + dt.timedelta(days=1), dt.time.fromisoformat(at), SEOUL)
    clock.advance((then - there).total_seconds())
    submitted = await trial.provider.submit(trial.account, trial.call())
    [report] = await trial.provider.batch_reports(trial.account, submitted.batch)
    assert (report.code, report.lasting) == (code, False)
    assert report.outcome is (Outcome.DELIVERED if code == "1000" else Outcome.FAILED)
