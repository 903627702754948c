"""What becomes of a message: the last four digits of its recipient choose it."""

from typing import Any

import pytest

from simulator.fates import FATES, Stage
from tests.simulator.client import SENDER, Caller, Json, sms

TEMPLATE = {"templateId": "KA01TP1", "pfId": "PF1", "name": "안내", "content": "안내 말씀입니다."}


def alimtalk(to: str, disable_sms: bool = True, **more: Any) -> Json:
    kakao = {"pfId": "PF1", "templateId": "KA01TP1", "disableSms": disable_sms}
    return {"to": to, "from": SENDER, "kakaoOptions": kakao, **more}


@pytest.fixture
async def account(solapi: Caller) -> Caller:
    """The caller's account, with an approved template."""
    await solapi.register(templates=[TEMPLATE], balance=1000)
    return solapi


async def end_of(account: Caller, message: Json) -> tuple[str, str]:
    await account.send(message)
    settled = await account.settled()
    return settled["type"], settled["statusCode"]


@pytest.mark.parametrize(
    ("digits", "by_sms", "by_alimtalk"),
    [
        ("4000", "4000", "4000"),
        ("1234", "4000", "4000"),
        ("2000", "4000", "4000"),
        ("3104", "4000", "3104"),
        ("3107", "4000", "3107"),
        ("3010", "3010", "3010"),
        ("3043", "3043", "3043"),
        ("2254", "2254", "2254"),
    ],
)
async def test_digits_choose_the_end_by_channel(account: Caller, digits: str, by_sms: str, by_alimtalk: str) -> None:
    assert await end_of(account, sms(f"0109000{digits}")) == ("SMS", by_sms)
    await account.call("POST", "/messages/v4/send", {"message": alimtalk(f"0109000{digits}")})
    assert (await account.settled(type="ATA"))["statusCode"] == by_alimtalk


async def test_a_message_is_accepted_first_and_final_later(account: Caller) -> None:
    await account.control("PUT", "faults", {"report_delay_ms": 200})
    await account.send(sms("01090004000"))
    assert (await account.only_message())["statusCode"] == "2000"
    assert (await account.settled())["statusCode"] == "4000"


async def test_a_message_at_the_carrier_waits_for_word_by_number(account: Caller) -> None:
    await account.send(sms("01090003000"))
    await account.wait_for_status("3000")
    await account.control("POST", "reports", {"to": "01090003000", "statusCode": "3042"})
    assert (await account.only_message())["statusCode"] == "3042"


async def test_a_message_at_the_carrier_waits_for_word_by_id(account: Caller) -> None:
    await account.send(alimtalk("01090003000"))
    waiting = await account.wait_for_status("3000")
    await account.control("POST", "reports", {"messageId": waiting["messageId"], "statusCode": "4000"})
    assert (await account.only_message())["statusCode"] == "4000"


async def test_a_late_word_that_is_not_final_does_not_undo_the_end(account: Caller) -> None:
    await account.send(sms("01090004000"))
    settled = await account.settled()
    await account.control("POST", "reports", {"messageId": settled["messageId"], "statusCode": "3000"})
    assert (await account.only_message())["statusCode"] == "4000"


async def test_the_provider_falls_back_to_sms_by_itself_unless_told_not_to(account: Caller) -> None:
    assert await end_of(account, alimtalk("01090003104", disable_sms=False)) == ("SMS", "4000")
    [accepted] = await account.accepted()
    assert (accepted["type"], accepted["replacement"], accepted["text"]) == ("SMS", True, "안내 말씀입니다.")
    assert (await account.control("GET", "summary"))["types"] == {"SMS": {"4000": 1}}


async def test_the_fallback_is_on_when_nothing_is_said_of_it(account: Caller) -> None:
    message = alimtalk("01090003104")
    del message["kakaoOptions"]["disableSms"]
    assert await end_of(account, message) == ("SMS", "4000")


async def test_a_wrong_number_fails_by_the_fallback_too(account: Caller) -> None:
    assert await end_of(account, alimtalk("01090003010", disable_sms=False)) == ("SMS", "3010")


async def test_a_template_mismatch_falls_back_too(account: Caller) -> None:
    assert await end_of(account, alimtalk("01090004000", disable_sms=False, text="다른 말")) == ("SMS", "4000")


async def test_a_failure_is_paid_back_and_a_fallback_costs_its_own_price(account: Caller) -> None:
    async def balance() -> float:
        return float((await account.call("GET", "/cash/v1/balance"))["balance"])

    group: str = (await account.send(alimtalk("01090003104"), sms("01090004000")))["groupInfo"]["groupId"]
    await account.settled(type="ATA")
    await account.settled(type="SMS")
    assert await balance() == 1000 - 18
    shown = await account.call("GET", f"/messages/v4/groups/{group}")
    assert shown["balance"] == {"requested": 31, "replacement": 0, "refund": 13, "sum": 18}
    assert (shown["status"], shown["count"]["sentSuccess"], shown["count"]["sentFailed"]) == ("COMPLETE", 1, 1)

    await account.send(alimtalk("01090003104", disable_sms=False))
    await account.settled(replacement="true")
    assert await balance() == 1000 - 18 - 18


async def test_a_status_told_after_the_end_moves_the_money_once(account: Caller) -> None:
    await account.send(sms("01090004000"))
    message = await account.settled()
    for code in ("3042", "3042", "4000", "3010"):
        await account.control("POST", "reports", {"messageId": message["messageId"], "statusCode": code})
    assert (await account.call("GET", "/cash/v1/balance"))["balance"] == 1000
    shown = await account.call("GET", f"/messages/v4/groups/{message['groupId']}")
    assert (shown["count"]["sentFailed"], shown["count"]["sentSuccess"], shown["count"]["refund"]) == (1, 0, 1)


async def test_every_documented_failure_is_played(account: Caller) -> None:
    failing = [fate.code for fate in FATES.values() if fate.stage in (Stage.PLATFORM, Stage.CARRIER)]
    await account.register(balance=10_000)
    await account.send(*(sms(f"0109000{code}") for code in failing))
    for code in failing:
        assert (await account.settled(to=f"0109000{code}"))["statusCode"] == code
