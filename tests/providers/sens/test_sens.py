"""SENS's texts: calls without a recipient twice, signatures, look-ups by what was sent, words of what ended."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.outcomes import Outcome
from shared.providers import (
    OutboundMessage,
    ProviderAccount,
    ProviderAmbiguous,
    ProviderBusy,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    ProviderUndecided,
    Settlement,
    Word,
    webhook_proof,
)
from shared.providers.sens import Sens
from shared.providers.sens.provider import MOST_RECIPIENTS
from tests.clock import SettableClock
from tests.providers.simulated import SENDER, Simulator

DELIVERED, BAD_NUMBER, REFUSED = "01090004000", "01090003010", "01090001062"
TEXT = "수업이 곧 시작됩니다."
ACCOUNT = ProviderAccount(
    "cafe", "main", "sens", SENDER, None, {"service_id": "ncp:sms:kr:1:s", "access_key": "a", "secret_key": "s"}
)
MINUTE = dt.timedelta(minutes=1)


def sms(to: str = DELIVERED, text: str = TEXT, channel: str = "sms") -> OutboundMessage:
    return OutboundMessage(uuid4(), 0, channel, to, text)


@given(
    st.lists(
        st.tuples(st.sampled_from(["sms", "lms"]), st.integers(0, 5), st.sampled_from(["가", "(광고) 나"])), max_size=60
    ),
    st.sampled_from([2, 3, MOST_RECIPIENTS]),
)
def test_each_message_is_in_one_call_and_no_call_has_a_recipient_twice(
    kinds: Sequence[tuple[str, int, str]], most: int
) -> None:
    messages = [sms(f"0109000500{number}", text, channel) for channel, number, text in kinds]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shared.providers.sens.provider.MOST_RECIPIENTS", most)
        calls = Sens("http://sens", SettableClock()).calls(messages)
    assert sorted(each.message for call in calls for each in call) == sorted(each.message for each in messages)
    for call in calls:
        assert 1 <= len(call) <= most
        assert len({each.to for each in call}) == len(call)
        assert len({(each.channel, each.text.startswith("(광고)")) for each in call}) == 1


async def test_a_call_is_found_by_what_was_sent_and_its_words_name_call_and_recipient(
    sens: Sens, service: ProviderAccount, submission: Any, simulator: Simulator, clock: SettableClock
) -> None:
    call = submission(sms(), sms(BAD_NUMBER))
    assert await sens.find(service, call) is None
    submitted = await sens.submit(service, call)
    assert [each.provider_message_id for each in submitted.accepted] == [None, None]
    while simulator.control.get("/control/summary").json()["types"].get("SMS", {}).get("requested"):
        pass
    found = await sens.find(service, call)
    assert found is not None
    assert (found.batch, [each.message for each in found.accepted]) == (
        submitted.batch,
        [each.message for each in call.messages],
    )
    for words in (
        await sens.batch_reports(service, submitted.batch),
        await sens.poll(service, clock.now() - MINUTE, clock.now() + MINUTE),
    ):
        assert {(word.batch, word.to, word.code, word.outcome) for word in words if isinstance(word, Word)} == {
            (submitted.batch, DELIVERED, "0", Outcome.DELIVERED),
            (submitted.batch, BAD_NUMBER, "3003", Outcome.FAILED),
        }
        assert {word.at for word in words} == {clock.now()}
    assert await sens.poll(service, clock.now() - 3 * MINUTE, clock.now() - 2 * MINUTE) == []


async def test_what_fits_another_number_than_was_sent_is_not_taken_for_it(
    sens: Sens, service: ProviderAccount, submission: Any
) -> None:
    pair = submission(sms(), sms(BAD_NUMBER))
    await sens.submit(service, submission(sms()))
    with pytest.raises(ProviderAmbiguous):
        await sens.find(service, pair)
    await sens.submit(service, submission(sms()))
    with pytest.raises(ProviderAmbiguous):
        await sens.find(service, submission(sms()))
    assert await sens.find(service, submission(sms(text="다른 말"))) is None
    assert await sens.find(replace(service, sender="0299999999"), submission(sms())) is None


@pytest.mark.parametrize("key", ["secret_key", "access_key"])
async def test_who_is_not_let_in_has_sent_nothing_and_may_try_again(
    sens: Sens, service: ProviderAccount, submission: Any, simulator: Simulator, key: str
) -> None:
    wrong = replace(service, secrets={**service.secrets, key: "another"})
    with pytest.raises(ProviderUnavailable):
        await sens.submit(wrong, submission(sms()))
    assert simulator.accepted() == []


async def test_a_signature_of_another_time_is_refused(
    simulator: Simulator, service: ProviderAccount, client: httpx.AsyncClient, submission: Any, clock: SettableClock
) -> None:
    late = SettableClock(clock.now() - 6 * MINUTE)
    with pytest.raises(ProviderUnavailable):
        await Sens(simulator.url, late, client).submit(service, submission(sms()))


@pytest.mark.parametrize(
    "message",
    [sms(REFUSED), sms("0"), sms(text="")],
    ids=["refused", "no number", "no text"],
)
async def test_a_call_with_one_that_is_refused_is_refused_whole(
    sens: Sens, service: ProviderAccount, submission: Any, simulator: Simulator, message: OutboundMessage
) -> None:
    with pytest.raises(ProviderRefused):
        await sens.submit(service, submission(message, sms()))
    assert simulator.accepted() == []


async def test_more_than_a_hundred_recipients_are_refused(
    sens: Sens, service: ProviderAccount, submission: Any
) -> None:
    with pytest.raises(ProviderRefused):
        await sens.submit(service, submission(*(sms(f"0109000{at:04}") for at in range(5000, 5101))))


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (429, {}, ProviderBusy),
        (500, {}, ProviderUndecided),
        (202, b"<html>", ProviderUndecided),
        (202, {"requestId": "R", "statusCode": "400", "statusName": "fail"}, ProviderUndecided),
        (202, {"statusName": "success"}, ProviderUndecided),
        (400, {"error": {"errorCode": "400", "message": "Bad Request"}}, ProviderRefused),
        (404, {"error": {"errorCode": "300", "message": "Not Found"}}, ProviderRefused),
        (400, b"<html>", ProviderUndecided),
    ],
    ids=["too many", "failed", "no JSON", "fail", "no request", "refused", "no such service", "a stranger's 400"],
)
async def test_what_is_answered_means_refused_nothing_done_or_ask_first(
    submission: Any, status: int, body: Any, error: type[ProviderError]
) -> None:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    client = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(status, content=content)))
    with pytest.raises(error) as caught:
        await Sens("http://sens", SettableClock(), client).submit(ACCOUNT, submission(sms()))
    assert type(caught.value) is error


def test_nobody_calls_us_for_it() -> None:
    sens = Sens("http://sens", SettableClock())
    assert (sens.proof_of({"x": "y"}), webhook_proof("sens", "secret"), sens.webhook_entries([])) == ("", None, [])
    with pytest.raises(ValueError, match="nobody"):
        sens.parse_webhook(b"[]")
    assert sens.settlement is Settlement.MATCHED
    assert sens.channels == {"sms", "lms", "mms", "alimtalk"}


async def test_a_call_that_takes_too_long_is_asked_about(
    simulator: Simulator, service: ProviderAccount, submission: Any, clock: SettableClock
) -> None:
    async with httpx.AsyncClient(timeout=httpx.Timeout(5, read=0.05)) as hasty:
        simulator.set_faults_of("sens", latency_ms=500)
        with pytest.raises(ProviderUndecided):
            await Sens(simulator.url, clock, hasty).submit(service, submission(sms()))
