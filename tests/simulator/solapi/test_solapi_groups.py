"""The two-phase path: fill a group, then send it, once."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from simulator.solapi.accounts import DEFAULT_API_KEY, DEFAULT_API_SECRET
from simulator.testing import running_simulator
from tests.simulator.client import PATIENCE, Caller, Json, now_there, numbers, sms

GROUPS = "/messages/v4/groups"


async def refusal(solapi: Caller, method: str, path: str, body: Json | None = None) -> tuple[int, str]:
    answer = await solapi.request(method, f"{GROUPS}/{path}", body)
    return answer.status_code, answer.json()["errorCode"]


async def test_nothing_is_accepted_or_charged_before_a_group_is_sent(solapi: Caller) -> None:
    before = await solapi.call("GET", "/cash/v1/balance")
    group = await solapi.group(sms("01011112222"), sms("01033334444"))
    assert await solapi.accepted() == []
    assert await solapi.call("GET", "/cash/v1/balance") == before
    shown = await solapi.call("GET", f"{GROUPS}/{group}")
    assert (shown["status"], shown["dateSent"], shown["count"]["sentTotal"]) == ("PENDING", None, 0)


async def test_sending_a_group_accepts_and_charges_its_messages(solapi: Caller) -> None:
    await solapi.register(balance=1000)
    group = await solapi.group(sms("01011112222"), sms("01033334444", "가" * 50), sms("01099991062"))
    sent = await solapi.call("POST", f"{GROUPS}/{group}/send")
    assert sent["status"] == "SENDING"
    assert sent["count"]["sentTotal"] == 2
    assert sent["countForCharge"]["sms"] == sent["countForCharge"]["lms"] == {"82": 1}
    assert (await solapi.call("GET", "/cash/v1/balance"))["balance"] == 1000 - 18 - 45
    assert {message["to"] for message in await solapi.accepted()} == {"01011112222", "01033334444"}


async def test_a_group_can_be_sent_once(solapi: Caller) -> None:
    group = await solapi.group(sms("01011113000"))
    await solapi.call("POST", f"{GROUPS}/{group}/send")
    assert await refusal(solapi, "POST", f"{group}/send") == (409, "GroupInProcessing")
    await solapi.wait_for_status("3000")
    await solapi.control("POST", "reports", {"to": "01011113000", "statusCode": "4000"})
    assert await refusal(solapi, "POST", f"{group}/send") == (409, "AlreadySent")
    assert len(await solapi.accepted()) == 1


async def test_a_deleted_group_can_not_be_sent(solapi: Caller) -> None:
    group = await solapi.group(sms("01011112222"))
    assert (await solapi.call("DELETE", f"{GROUPS}/{group}"))["status"] == "DELETED"
    assert await refusal(solapi, "POST", f"{group}/send") == (400, "DeletedGroup")
    assert await refusal(solapi, "PUT", f"{group}/messages", {"messages": [sms("01033334444")]}) == (
        400,
        "InvalidGroupStatus",
    )
    assert (await solapi.call("GET", f"{GROUPS}/{group}"))["status"] == "DELETED"
    assert await solapi.accepted() == []


async def test_a_sent_group_can_not_be_deleted_or_added_to(solapi: Caller) -> None:
    group = await solapi.group(sms("01011112222"))
    await solapi.call("POST", f"{GROUPS}/{group}/send")
    assert await refusal(solapi, "DELETE", group) == (400, "NotOperationalStatus")
    assert await refusal(solapi, "PUT", f"{group}/messages", {"messages": [sms("01033334444")]}) == (
        400,
        "InvalidGroupStatus",
    )


async def test_adding_answers_for_each_message(solapi: Caller) -> None:
    group = await solapi.group()
    messages = [sms("01011112222", customFields={"message": "a"}), sms("01099991061"), sms("01011112222")]
    answer = await solapi.call("PUT", f"{GROUPS}/{group}/messages", {"messages": messages})
    assert answer["errorCount"] == 2
    assert [result["statusCode"] for result in answer["resultList"]] == ["2000", "1061", "1026"]
    assert answer["resultList"][0]["customFields"] == {"message": "a"}


async def test_duplicates_are_found_across_requests_of_a_group(solapi: Caller) -> None:
    group = await solapi.group(sms("01011112222"))
    again = {"messages": [sms("01011112222")]}
    answer = await solapi.call("PUT", f"{GROUPS}/{group}/messages", again)
    assert answer["resultList"][0]["statusCode"] == "1026"
    allowing = await solapi.group(sms("01011112222"), allowDuplicates=True)
    assert (await solapi.call("PUT", f"{GROUPS}/{allowing}/messages", again))["errorCount"] == 0


async def test_a_group_without_accepted_messages_can_not_be_sent(solapi: Caller) -> None:
    group = await solapi.group(sms("01099991061"))
    assert await refusal(solapi, "POST", f"{group}/send") == (400, "EmptyGroup")


async def test_an_unknown_group_is_not_found(solapi: Caller) -> None:
    for method, path in [("GET", "G4V"), ("DELETE", "G4V"), ("POST", "G4V/send"), ("GET", "G4V/messages")]:
        assert await refusal(solapi, method, path) == (404, "ResourceNotFound")


async def test_a_group_of_another_account_is_not_found(solapi: Caller, simulator: str) -> None:
    group = await solapi.group(sms("01011112222"))
    async with Caller.to(simulator) as stranger:
        await stranger.register()
        assert await refusal(stranger, "POST", f"{group}/send") == (404, "ResourceNotFound")


async def test_a_group_that_the_balance_does_not_cover_is_not_sent(solapi: Caller) -> None:
    await solapi.register(balance=35.99)
    group = await solapi.group(sms("01011112222"), sms("01033334444"))
    assert await refusal(solapi, "POST", f"{group}/send") == (402, "NotEnoughBalance")
    assert await solapi.accepted() == []
    await solapi.register(balance=36)
    await solapi.call("POST", f"{GROUPS}/{group}/send")
    assert (await solapi.call("GET", "/cash/v1/balance"))["balance"] == 0


async def test_the_messages_of_a_group_come_in_pages(solapi: Caller) -> None:
    recipients = list(numbers(7))
    group = await solapi.group(*(sms(number) for number in recipients))
    seen: list[str] = []
    key: str | None = None
    while True:
        page = await solapi.call(
            "GET", f"{GROUPS}/{group}/messages", **{"limit": 3, **({"startKey": key} if key else {})}
        )
        seen += [message["to"] for message in page["messageList"].values()]
        key = page["nextKey"]
        if key is None:
            break
    assert seen == recipients


class Hands:
    """A clock whose hands a test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

    def __call__(self) -> float:
        return self.now.timestamp()


@pytest.fixture
def hands() -> Hands:
    return Hands()


async def test_a_scheduled_group_is_sent_when_its_time_comes(hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.simulator.client.present", hands)
    async with running_simulator(clock=hands) as url, Caller.to(url) as solapi:
        solapi.api_key, solapi.api_secret = DEFAULT_API_KEY, DEFAULT_API_SECRET
        await solapi.control("PUT", "faults", {"report_delay_ms": 1})
        group = await solapi.group(sms("01011112222"))
        due = {"scheduledDate": (hands.now + timedelta(hours=1)).isoformat()}
        shown = await solapi.call("POST", f"{GROUPS}/{group}/schedule", due)
        assert shown["status"] == "SCHEDULED"
        assert await refusal(solapi, "POST", f"{group}/send") == (409, "ScheduledGroup")
        assert await refusal(solapi, "DELETE", group) == (400, "NotOperationalStatus")
        assert await solapi.accepted() == []

        hands.now += timedelta(hours=1)
        assert (await solapi.settled())["statusCode"] == "4000"
        assert await refusal(solapi, "DELETE", f"{group}/schedule") == (400, "InvalidStatus")

        poor = await solapi.group(sms("01011112222"))
        await solapi.call("POST", f"{GROUPS}/{poor}/schedule", {"scheduledDate": "2026-03-02T15:00:00Z"})
        await solapi.register(balance=0)
        hands.now += timedelta(hours=3)
        assert await _status_after(solapi, poor, "SCHEDULED") == "FAILED"


async def _status_after(solapi: Caller, group: str, status: str) -> str:
    async with asyncio.timeout(PATIENCE):
        while True:
            shown = await solapi.call("GET", f"{GROUPS}/{group}")
            if shown["status"] != status:
                return str(shown["status"])


async def test_a_cancelled_schedule_never_leaves(solapi: Caller) -> None:
    group = await solapi.group(sms("01011112222"))
    tomorrow = (now_there() + timedelta(days=1)).isoformat()
    await solapi.call("POST", f"{GROUPS}/{group}/schedule", {"scheduledDate": tomorrow})
    assert (await solapi.call("DELETE", f"{GROUPS}/{group}/schedule"))["status"] == "FAILED"
    assert await refusal(solapi, "POST", f"{group}/send") == (400, "FailedGroup")
    assert await solapi.accepted() == []


async def test_a_past_date_sends_at_once(solapi: Caller) -> None:
    yesterday = (now_there() - timedelta(days=1)).isoformat()
    answer = await solapi.send(sms("01011112222"), scheduledDate=yesterday)
    assert answer["groupInfo"]["dateSent"]
    assert len(await solapi.accepted()) == 1


async def test_a_date_in_the_future_waits(solapi: Caller) -> None:
    tomorrow = (now_there() + timedelta(days=1)).isoformat()
    answer = await solapi.send(sms("01011112222"), scheduledDate=tomorrow)
    assert answer["groupInfo"]["status"] == "SCHEDULED"
    assert await solapi.accepted() == []
    await solapi.call("DELETE", f"{GROUPS}/{answer['groupInfo']['groupId']}/schedule")


@pytest.mark.parametrize(
    ("date", "code"), [("2099-01-01T00:00:00Z", "InvalidScheduledDate"), ("tomorrow", "ValidationError")]
)
async def test_a_date_that_can_not_be_kept_is_refused(solapi: Caller, date: str, code: str) -> None:
    group = await solapi.group(sms("01011112222"))
    assert await refusal(solapi, "POST", f"{group}/schedule", {"scheduledDate": date}) == (400, code)
    assert (await solapi.call("GET", f"{GROUPS}/{group}"))["status"] == "PENDING"
