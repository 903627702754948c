"""KakaoTalk to oneself: tokens that end and are replaced, quotas, and what nobody can know."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest

from shared.providers import (
    OutboundMessage,
    ProviderAccount,
    ProviderAmbiguous,
    ProviderBusy,
    ProviderRefused,
    ProviderUnavailable,
    ProviderUndecided,
    Settlement,
    Submission,
)
from shared.providers.kakao_me import ENDS_SOON, KakaoMe
from tests.clock import NOON, SettableClock
from tests.providers.simulated import Simulator

TEXT = "오늘 발송 3,120건, 실패 12건입니다."
SEND = "/v2/api/talk/"
A_DAY, SOON = 24 * 3600, 20 * 24 * 3600


def memo(text: str = TEXT, **parts: Any) -> OutboundMessage:
    return OutboundMessage(uuid4(), 0, "kakao_me", "", text, **parts)


@pytest.fixture
def owner(simulator: Simulator) -> ProviderAccount:
    return simulator.add_kakao_owner()


@pytest.fixture
def kakao(simulator: Simulator, clock: SettableClock, client: httpx.AsyncClient) -> KakaoMe:
    return KakaoMe(simulator.url, simulator.url, clock, client)


async def send(kakao: KakaoMe, account: ProviderAccount, message: OutboundMessage | None = None) -> Any:
    return await kakao.submit(account, Submission(uuid4(), NOON, [message or memo()]))


async def test_a_message_reaches_its_owner(simulator: Simulator, kakao: KakaoMe, owner: ProviderAccount) -> None:
    message = memo(link="https://console.example/today")
    taken = await send(kakao, owner, message)
    [entry] = simulator.accepted()
    assert (entry["provider"], entry["type"], entry["text"], entry["link"]) == ("kakao_me", "MEMO", TEXT, message.link)
    assert ([each.message for each in taken.accepted], taken.amiss) == ([message.message], None)
    assert kakao.calls([message, message]) == [[message], [message]]
    assert kakao.settlement is Settlement.NONE


async def test_a_token_is_asked_for_once_and_again_when_it_is_over(
    simulator: Simulator, kakao: KakaoMe, owner: ProviderAccount, clock: SettableClock
) -> None:
    await send(kakao, owner)
    simulator.set_faults_of("kakao_me", drop_before={"count": 1, "on": "/oauth/token"})
    await send(kakao, owner)
    clock.advance(A_DAY)
    with pytest.raises(ProviderUnavailable):
        await send(kakao, owner)
    await send(kakao, owner)
    assert len(simulator.accepted()) == 3


async def test_that_a_refresh_token_ends_soon_is_told_to_a_person(simulator: Simulator, kakao: KakaoMe) -> None:
    owner = simulator.add_kakao_owner(endsIn=SOON)
    taken = await send(kakao, owner)
    assert taken.amiss == ENDS_SOON
    assert len(simulator.accepted()) == 1


@pytest.mark.parametrize("wrong", ["rest_api_key", "refresh_token"])
async def test_who_is_not_let_in_sends_nothing_and_waits(
    simulator: Simulator, kakao: KakaoMe, owner: ProviderAccount, wrong: str
) -> None:
    with pytest.raises(ProviderUnavailable) as caught:
        await send(kakao, replace(owner, secrets={**owner.secrets, wrong: "guessed"}))
    assert caught.value.code.startswith("KOE")
    assert simulator.accepted() == []


async def test_a_token_that_was_taken_back_is_forgotten(
    simulator: Simulator, kakao: KakaoMe, owner: ProviderAccount
) -> None:
    await send(kakao, owner)
    key = (owner.secrets["rest_api_key"], owner.secrets["refresh_token"])
    kakao._tokens[key] = kakao._tokens[key]._replace(bearer="taken back")
    with pytest.raises(ProviderUnavailable, match="-401"):
        await send(kakao, owner)
    await send(kakao, owner)
    assert len(simulator.accepted()) == 2


async def test_a_quota_that_is_used_up_asks_for_a_pause(simulator: Simulator, kakao: KakaoMe) -> None:
    owner = simulator.add_kakao_owner(daily=1)
    await send(kakao, owner)
    with pytest.raises(ProviderBusy) as caught:
        await send(kakao, owner)
    assert (caught.value.code, caught.value.again_in.total_seconds()) == ("-532", 600)


async def test_what_is_too_long_is_refused(kakao: KakaoMe, owner: ProviderAccount) -> None:
    with pytest.raises(ProviderRefused, match="template_object"):
        await send(kakao, owner, memo("가" * 201))


FAULTS: dict[str, tuple[dict[str, Any], int]] = {
    "dropped before": ({"drop_before": {"count": 1, "on": SEND}}, 0),
    "dropped after": ({"accept_then_drop": {"count": 1, "on": SEND}}, 1),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_of_what_was_not_answered_nobody_knows(
    simulator: Simulator, kakao: KakaoMe, owner: ProviderAccount, fault: str
) -> None:
    plan, arrived = FAULTS[fault]
    simulator.set_faults_of("kakao_me", **plan)
    with pytest.raises(ProviderUndecided):
        await send(kakao, owner)
    assert len(simulator.accepted()) == arrived
    with pytest.raises(ProviderAmbiguous):
        await kakao.find(owner, Submission(uuid4(), NOON, [memo()]))


async def test_a_login_that_gives_no_answer_has_sent_nothing(
    simulator: Simulator, kakao: KakaoMe, owner: ProviderAccount
) -> None:
    simulator.set_faults_of("kakao_me", accept_then_drop={"count": 1, "on": "/oauth/token"})
    with pytest.raises(ProviderUnavailable):
        await send(kakao, owner)
    await send(kakao, owner)
    assert len(simulator.accepted()) == 1


async def test_an_outage_is_told(simulator: Simulator, kakao: KakaoMe, owner: ProviderAccount) -> None:
    await send(kakao, owner)
    simulator.set_faults_of("kakao_me", outage=True)
    with pytest.raises(ProviderUndecided):
        await send(kakao, owner)
    simulator.set_faults_of("kakao_me", too_many={"count": 1, "on": SEND}, retry_after=7)
    with pytest.raises(ProviderBusy) as caught:
        await send(kakao, owner)
    assert caught.value.again_in.total_seconds() == 7


def test_nobody_calls_us(kakao: KakaoMe) -> None:
    with pytest.raises(ValueError, match="no calls"):
        kakao.parse_webhook(b"{}")
    assert (kakao.proof_of({}), kakao.webhook_entries({})) == ("", [])
