"""MMS and Brand Messages at SOLAPI: pictures are stored first, once for many messages."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest

from shared.contracts.outcomes import Outcome
from shared.platform.clock import SEOUL
from shared.providers.base import (
    Button,
    OutboundMessage,
    Picture,
    ProviderAccount,
    ProviderBusy,
    ProviderRefused,
    ProviderUnavailable,
)
from shared.providers.solapi import Solapi
from shared.providers.solapi.pictures import KEPT_FOR
from tests.clock import NOON, SettableClock
from tests.providers.pictures import picture
from tests.providers.simulated import KAKAO_CHANNEL, Simulator

DELIVERED, NO_FRIEND, NOT_ON_KAKAO = "01090004000", "01090003102", "01090003104"
PAGE = Button("보러 가기", "https://m.shop.example/new", "https://shop.example/new")


def mms(to: str = DELIVERED, shown: Picture | None = None) -> OutboundMessage:
    return OutboundMessage(uuid4(), 0, "mms", to, "오늘의 사진", subject="사진", picture=shown or picture())


def brand(to: str = DELIVERED, **parts: Any) -> OutboundMessage:
    return OutboundMessage(uuid4(), 0, "brand", to, parts.pop("text", "(광고) 새로 나왔습니다."), **parts)


class Watched(httpx.AsyncBaseTransport):
    """Requests on their way, remembered by path with their bodies."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.bodies: list[tuple[str, Any]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        content = await request.aread()
        self.bodies.append((request.url.path, orjson.loads(content) if content else None))
        return await self._inner.handle_async_request(request)

    def uploads(self) -> list[Any]:
        return [body for path, body in self.bodies if path == "/storage/v1/files"]

    def messages(self) -> list[Any]:
        return [each for path, body in self.bodies if path.endswith("/messages") and body for each in body["messages"]]


@pytest.fixture(autouse=True)
def _by_day(clock: SettableClock) -> None:
    """Brand Messages do not leave at night, and the clock is that of all providers' tests."""
    clock.advance(((12 - clock.now().astimezone(SEOUL).hour) % 24) * 3_600)


@pytest.fixture
def own_clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def watched() -> Watched:
    return Watched(httpx.AsyncHTTPTransport(verify=False))


@pytest.fixture
def sender(simulator: Simulator, clock: SettableClock, watched: Watched) -> Solapi:
    return Solapi(simulator.url, clock, httpx.AsyncClient(transport=watched))


async def sent(solapi: Solapi, account: ProviderAccount, *messages: OutboundMessage) -> None:
    prepared = await solapi.prepare(account, messages)
    assert prepared.refused == []
    assert prepared.batch is not None
    await solapi.send(account, prepared.batch)


async def test_an_mms_shows_its_picture(sender: Solapi, account: ProviderAccount, simulator: Simulator) -> None:
    message = mms()
    await sent(sender, account, message)
    [accepted] = simulator.accepted()
    assert message.picture is not None
    assert (accepted["type"], accepted["text"], accepted["image"]) == ("MMS", message.text, message.picture.name)


async def test_a_picture_is_stored_once_for_many_messages_and_batches(
    sender: Solapi, account: ProviderAccount, simulator: Simulator, watched: Watched
) -> None:
    other = picture(300, 300)
    await sent(sender, account, mms(), mms(), mms(shown=other))
    await sent(sender, account, mms(), mms(shown=other))
    assert [upload["name"] for upload in watched.uploads()] == [picture().name, other.name]
    assert [accepted["image"] for accepted in simulator.accepted()] == [
        *(picture().name, picture().name, other.name),
        *(picture().name, other.name),
    ]


async def test_a_picture_is_stored_for_each_use_and_each_account(
    sender: Solapi, account: ProviderAccount, simulator: Simulator, watched: Watched
) -> None:
    await sent(sender, account, mms(), brand(picture=picture()))
    await sent(sender, simulator.add_account(), mms())
    assert [upload["type"] for upload in watched.uploads()] == ["MMS", "BMS", "MMS"]


async def test_after_some_hours_a_picture_is_stored_anew(
    simulator: Simulator, account: ProviderAccount, clock: SettableClock, watched: Watched
) -> None:
    began = clock.moment
    solapi = Solapi(simulator.url, clock, httpx.AsyncClient(transport=watched))
    try:
        for later in (dt.timedelta(), KEPT_FOR - dt.timedelta(seconds=1), KEPT_FOR):
            clock.moment = began + later
            await sent(solapi, account, mms())
    finally:
        clock.moment = began
    assert len(watched.uploads()) == 2


async def test_a_stored_picture_that_is_gone_is_stored_again_with_the_next_try(
    account: ProviderAccount, own_clock: SettableClock
) -> None:
    gone, uploads = {"F1"}, 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal uploads
        if request.url.path == "/storage/v1/files":
            uploads += 1
            return httpx.Response(200, json={"fileId": f"F{uploads}"})
        if request.url.path.endswith("/groups"):
            return httpx.Response(200, json={"groupId": "G1"})
        [message] = orjson.loads(request.content)["messages"]
        code = "1023" if message["imageId"] in gone and uploads else "2000"
        result = {"statusCode": code, "messageId": "M1", "customFields": message["customFields"]}
        return httpx.Response(200, json={"resultList": [result]})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        solapi = Solapi("http://solapi.invalid", own_clock, client)
        gone.clear()
        assert (await solapi.prepare(account, [mms()])).batch == "G1"
        gone.add("F1")
        with pytest.raises(ProviderUnavailable, match="1023"):
            await solapi.prepare(account, [mms()])
        assert (await solapi.prepare(account, [mms()])).batch == "G1"
        assert uploads == 2
        # One that was stored just now, and is not known there, is the message's own fault.
        gone.add("F3")
        [refused] = (await solapi.prepare(account, [mms(shown=picture(1, 1))])).refused
        assert refused.code == "1023"


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (picture(padding=200 * 1024), "200KB"),
        (picture(width=1501), "1500x1440"),
        (picture(height=1441), "1500x1440"),
        (Picture("a.jpg", b"GIF89a and more"), "JPG"),
        (Picture("b.jpg", b""), "file"),
    ],
    ids=["too heavy", "too wide", "too high", "no JPEG", "empty"],
)
async def test_a_picture_that_solapi_does_not_take_fails_its_own_messages_alone(
    sender: Solapi, account: ProviderAccount, simulator: Simulator, wrong: Picture, why: str
) -> None:
    good, bad = mms(), mms(shown=wrong)
    prepared = await sender.prepare(account, [bad, good, bad])
    assert [entry.message for entry in prepared.accepted] == [good.message]
    assert [report.message for report in prepared.refused] == [bad.message, bad.message]
    assert prepared.refused[0].outcome is Outcome.FAILED
    assert why in str(prepared.refused[0].detail)
    alone = await sender.prepare(account, [bad])
    assert (alone.batch, len(alone.refused)) == (None, 1)


STORING = "POST /storage"
HARMLESS: dict[str, dict[str, Any]] = {
    "the request lost": {"drop_before": {"count": 1, "on": STORING}},
    "the answer lost": {"accept_then_drop": {"count": 1, "on": STORING}},
    "a server error": {"error_rate": 1},
    "an outage": {"outage": True},
}


@pytest.mark.parametrize("fault", HARMLESS)
async def test_whatever_becomes_of_an_upload_nothing_was_done(
    sender: Solapi, account: ProviderAccount, simulator: Simulator, fault: str
) -> None:
    simulator.set_faults(**HARMLESS[fault])
    with pytest.raises(ProviderUnavailable):
        await sender.prepare(account, [mms()])
    simulator.set_faults()
    await sent(sender, account, mms())
    assert len(simulator.accepted()) == 1


async def test_an_upload_that_comes_too_fast_waits_as_long_as_asked(
    sender: Solapi, account: ProviderAccount, simulator: Simulator
) -> None:
    simulator.set_faults(too_many={"count": 1, "on": STORING}, retry_after=40)
    with pytest.raises(ProviderBusy) as busy:
        await sender.prepare(account, [mms()])
    assert busy.value.again_in == dt.timedelta(seconds=40)


async def test_an_mms_without_a_picture_is_refused(sender: Solapi, account: ProviderAccount) -> None:
    message = OutboundMessage(uuid4(), 0, "mms", DELIVERED, "사진 없음")
    [refused] = (await sender.prepare(account, [message])).refused
    assert refused.code == "1034"


@pytest.mark.parametrize(("shown", "bubble"), [(None, "TEXT"), (picture(), "IMAGE")], ids=["text", "picture"])
async def test_a_brand_message_goes_to_friends_with_its_buttons_and_without_a_fallback(
    sender: Solapi, account: ProviderAccount, simulator: Simulator, watched: Watched, shown: Picture | None, bubble: str
) -> None:
    await sent(sender, account, brand(picture=shown, buttons=[PAGE, Button("앱", "https://shop.example/app")]))
    [wire] = watched.messages()
    assert wire["type"] == "BMS_FREE"
    assert (wire["kakaoOptions"]["pfId"], wire["kakaoOptions"]["disableSms"]) == (KAKAO_CHANNEL, True)
    bms = wire["kakaoOptions"]["bms"]
    assert (bms["targeting"], bms["chatBubbleType"]) == ("I", bubble)
    [accepted] = simulator.accepted()
    assert (accepted["text"], accepted["image"]) == ("(광고) 새로 나왔습니다.", shown.name if shown else None)
    assert [(button["name"], button["linkMobile"], button["linkPc"]) for button in accepted["buttons"]] == [
        ("보러 가기", "https://m.shop.example/new", "https://shop.example/new"),
        ("앱", "https://shop.example/app", "https://shop.example/app"),
    ]


@pytest.mark.parametrize("to", [NO_FRIEND, NOT_ON_KAKAO], ids=["no friend", "no KakaoTalk"])
async def test_a_brand_message_that_kakao_does_not_deliver_fails_and_is_not_replaced(
    sender: Solapi, account: ProviderAccount, simulator: Simulator, to: str
) -> None:
    prepared = await sender.prepare(account, [brand(to)])
    assert prepared.batch is not None
    await sender.send(account, prepared.batch)
    [report] = await sender.batch_reports(account, prepared.batch)
    assert (report.channel, report.code, report.outcome) == ("brand", to[-4:], Outcome.FAILED)
    [accepted] = simulator.accepted()
    assert (accepted["type"], accepted["replacement"]) == ("BMS_FREE", False)


FAULTY = {
    "too long": (brand(text="가" * 1301), "1031"),
    "six buttons": (brand(buttons=[PAGE] * 6), "1050"),
    "a long button": (brand(buttons=[Button("가" * 15, "https://shop.example")]), "1049"),
    "a button to nowhere": (brand(buttons=[Button("가", "shop.example")]), "1044"),
    "no words": (brand(text=""), "1010"),
}


@pytest.mark.parametrize("faulty", FAULTY)
async def test_a_faulty_brand_message_is_refused_alone(sender: Solapi, account: ProviderAccount, faulty: str) -> None:
    bad, code = FAULTY[faulty]
    good = brand(text="가" * 1300, buttons=[Button("가" * 14, "https://shop.example")] * 5)
    prepared = await sender.prepare(account, [bad, good])
    assert [entry.message for entry in prepared.accepted] == [good.message]
    assert [report.code for report in prepared.refused] == [code]


@pytest.mark.parametrize(
    ("hour", "minute", "code"), [(7, 59, "3108"), (8, 0, "4000"), (20, 49, "4000"), (20, 50, "3108")]
)
async def test_kakao_takes_brand_messages_by_day_only(
    sender: Solapi, account: ProviderAccount, clock: SettableClock, hour: int, minute: int, code: str
) -> None:
    began = clock.moment
    try:
        clock.moment = NOON + dt.timedelta(hours=hour - 12, minutes=minute)
        prepared = await sender.prepare(account, [brand()])
        assert prepared.batch is not None
        await sender.send(account, prepared.batch)
        [report] = await sender.batch_reports(account, prepared.batch)
    finally:
        clock.moment = began
    assert report.code == code


async def test_only_the_account_is_to_blame_where_it_is_not_let_in(
    sender: Solapi, account: ProviderAccount, simulator: Simulator
) -> None:
    wrong = ProviderAccount("academy", "main", "solapi", account.sender, None, {**account.secrets, "api_secret": "x"})
    with pytest.raises(ProviderUnavailable, match="SignatureDoesNotMatch"):
        await sender.prepare(wrong, [mms()])
    with pytest.raises(ProviderRefused):
        await sender.send(account, "G0")
