"""SENS's MMS: its picture is handed over first, under a name that is that of its content."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

import httpx
import pytest

from shared.contracts.outcomes import Outcome
from shared.providers import OutboundMessage, ProviderAccount, ProviderUnavailable, Submission, Word
from shared.providers.base import Picture
from shared.providers.sens import Sens, texts
from tests.clock import SettableClock
from tests.providers.pictures import picture
from tests.providers.simulated import Simulator

DELIVERED, BAD_NUMBER = "01090004000", "01090003010"
Of = Callable[..., Submission]


def mms(shown: Picture | None = None, to: str = DELIVERED) -> OutboundMessage:
    return OutboundMessage(uuid4(), 0, "mms", to, "새 메뉴입니다.", subject="안내", picture=shown or picture())


async def test_an_mms_goes_out_with_its_picture_and_is_found_and_told_of_as_one(
    sens: Sens, service: ProviderAccount, submission: Of, simulator: Simulator
) -> None:
    call = submission(mms(), mms(to=BAD_NUMBER))
    submitted = await sens.submit(service, call)
    assert [(each["type"], each["subject"]) for each in simulator.accepted()] == [("MMS", "안내")] * 2
    found = await sens.find(service, call)
    assert found is not None
    assert found.batch == submitted.batch
    while simulator.control.get("/control/summary").json()["types"]["MMS"].get("requested"):
        pass
    said = await sens.batch_reports(service, submitted.batch)
    assert {(word.to, word.channel, word.outcome) for word in said if isinstance(word, Word)} == {
        (DELIVERED, "mms", Outcome.DELIVERED),
        (BAD_NUMBER, "mms", Outcome.FAILED),
    }


def test_two_pictures_of_one_size_have_names_of_their_own_that_the_vendor_takes() -> None:
    first, second = (texts.file_of(picture(seed=seed)) for seed in (b"one", b"two"))
    assert first["fileName"] != second["fileName"]
    assert len(first["fileName"]) == 40
    assert first["fileName"].endswith(".jpg")


def test_messages_of_different_pictures_go_by_different_calls() -> None:
    one, two = picture(seed=b"1"), picture(seed=b"2")
    messages = [mms(picture, f"0109000500{at}") for at, picture in enumerate((one, two, one))]
    calls = Sens("http://sens", SettableClock()).calls(messages)
    assert [{each.picture for each in call} for call in calls] == [{one}, {two}]


@pytest.mark.parametrize(
    "picture",
    [picture(size=300 * 1024 + 1), picture(width=1501), picture(height=1441), Picture("a.jpg", b"GIF89a")],
    ids=["bytes", "width", "height", "no JPEG"],
)
async def test_a_picture_that_is_refused_ends_its_messages_and_is_asked_about_once(
    sens: Sens, service: ProviderAccount, submission: Of, simulator: Simulator, picture: Picture
) -> None:
    submitted = await sens.submit(service, submission(mms(picture), mms(picture, BAD_NUMBER)))
    assert submitted.accepted == []
    assert [(each.code, each.outcome) for each in submitted.refused] == [("400", Outcome.FAILED)] * 2
    assert simulator.accepted() == []


async def test_a_picture_whose_answer_is_lost_leaves_nothing_sent_and_nothing_undecided(
    sens: Sens, service: ProviderAccount, submission: Of, simulator: Simulator
) -> None:
    for fault in ({"accept_then_drop": {"count": 1, "on": "/files"}}, {"drop_before": {"count": 1, "on": "/files"}}):
        simulator.set_faults_of("sens", **fault)
        with pytest.raises(ProviderUnavailable):
            await sens.submit(service, submission(mms()))
    assert simulator.accepted() == []
    assert (await sens.submit(service, submission(mms()))).accepted


async def test_without_its_picture_the_vendor_makes_an_lms_of_it(
    simulator: Simulator, sens: Sens, service: ProviderAccount, submission: Of, client: httpx.AsyncClient
) -> None:
    await sens.submit(service, submission(replace(mms(), picture=None)))
    assert [each["type"] for each in simulator.accepted()] == ["LMS"]
