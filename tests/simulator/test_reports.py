"""Reports to the webhook: batches, retries, and what can go wrong with them."""

import asyncio
import hashlib

from simulator.app import Settings
from simulator.testing import running_simulator
from simulator.webhooks import WebhookPolicy
from tests.simulator.client import Caller, Inbox, numbers, open_inbox, sms


async def test_a_report_names_its_message_and_its_end(solapi: Caller, inbox: Inbox) -> None:
    await solapi.send(sms("01090003043", customFields={"message": "a"}))
    await inbox.until(lambda box: bool(box.events))
    [call] = inbox.calls
    assert call.headers["X-Solapi-Event-Name"] == "SINGLE-REPORT"
    assert call.headers["X-Solapi-Secret"] == hashlib.sha1(b"webhook-secret", usedforsecurity=False).hexdigest()
    [event] = call.events
    message = await solapi.only_message()
    assert event["retryCount"] == 0
    assert event["eventDataId"]
    assert event["data"]["messageId"] == message["messageId"]
    assert event["data"]["groupId"] == message["groupId"]
    assert (event["data"]["to"], event["data"]["type"]) == ("01090003043", "SMS")
    assert (event["data"]["statusCode"], event["data"]["customFields"]) == ("3043", {"message": "a"})


async def test_reports_come_in_batches_of_500(solapi: Caller, inbox: Inbox) -> None:
    await solapi.send(*(sms(number) for number in numbers(1100)))
    await inbox.until(lambda box: len(box.events) == 1100)
    assert max(len(call.events) for call in inbox.calls) == 500
    assert len(inbox.calls) == 3
    assert len({event["eventDataId"] for event in inbox.events}) == 1100


async def test_what_is_refused_or_at_the_carrier_is_not_reported(solapi: Caller, inbox: Inbox) -> None:
    await solapi.send(sms("01090001061"), sms("01090003000"), sms("01090004000"))
    await inbox.until(lambda box: bool(box.events))
    assert inbox.codes() == ["4000"]
    await solapi.control("POST", "reports", {"to": "01090003000", "statusCode": "3040"})
    await inbox.until(lambda box: len(box.events) == 2)
    assert inbox.codes() == ["4000", "3040"]


async def test_a_report_that_is_not_taken_comes_again(solapi: Caller, inbox: Inbox) -> None:
    inbox.answers = [500, 302]
    await solapi.send(sms("01090004000"))
    await inbox.until(lambda box: len(box.calls) == 3)
    assert [event["retryCount"] for event in inbox.events] == [0, 1, 2]
    assert len({event["eventDataId"] for event in inbox.events}) == 1


async def test_a_report_is_given_up_after_the_last_try(solapi: Caller, inbox: Inbox) -> None:
    async def given_up() -> int:
        return int((await solapi.control("GET", "summary"))["reports"]["given_up"])

    before = await given_up()
    inbox.answers = [500] * 4
    await solapi.send(sms("01090004000"))
    async with asyncio.timeout(10):
        while await given_up() == before:
            pass
    assert len(inbox.calls) == 4


async def test_a_slow_webhook_does_not_hold_up_other_calls(solapi: Caller, inbox: Inbox) -> None:
    inbox.hold = asyncio.Event()
    for number in numbers(3):
        await solapi.send(sms(number))
        await inbox.until(lambda box, number=number: any(e["data"]["to"] == number for e in box.events))  # type: ignore[misc]
    assert inbox.most_at_once == 3
    inbox.hold.set()


async def test_a_webhook_that_is_too_slow_is_called_again(inbox: Inbox) -> None:
    policy = WebhookPolicy(timeout=0.05, first_backoff=0.01)
    async with running_simulator(Settings(webhooks=policy)) as url, Caller.to(url) as solapi, open_inbox() as slow:
        await solapi.register(webhookUrl=slow.url)
        slow.hold = asyncio.Event()
        await solapi.send(sms("01090004000"))
        await slow.until(lambda box: len(box.calls) >= 2)
        slow.hold.set()
    assert inbox.calls == []


async def test_an_account_without_webhook_gets_no_report(solapi: Caller, inbox: Inbox) -> None:
    await solapi.register(webhookUrl=None)
    await solapi.send(sms("01090004000"))
    await solapi.settled()
    await solapi.register(webhookUrl=inbox.url)
    await solapi.send(sms("01011112222"))
    await inbox.until(lambda box: bool(box.events))
    assert [event["data"]["to"] for event in inbox.events] == ["01011112222"]


async def test_repeated_reports_are_the_same_event(solapi: Caller, inbox: Inbox) -> None:
    await solapi.control("PUT", "faults", {"report_delay_ms": 1, "report_repeat_rate": 1})
    await solapi.send(sms("01090004000"))
    await inbox.until(lambda box: len(box.events) == 2)
    assert inbox.events[0] == inbox.events[1]
    assert len(inbox.calls) == 2


async def test_dropped_reports_never_come_but_the_status_is_known(solapi: Caller, inbox: Inbox) -> None:
    await solapi.control("PUT", "faults", {"report_delay_ms": 1, "report_drop_rate": 1})
    await solapi.send(sms("01090004000"))
    assert (await solapi.settled())["statusCode"] == "4000"
    await solapi.control("PUT", "faults", {"report_delay_ms": 1})
    await solapi.send(sms("01011112222"))
    await inbox.until(lambda box: bool(box.events))
    assert [event["data"]["to"] for event in inbox.events] == ["01011112222"]


async def test_a_late_message_is_at_the_carrier_until_its_report(solapi: Caller, inbox: Inbox) -> None:
    late = {"report_delay_ms": 1, "report_late_rate": 1, "report_late_ms": 300}
    await solapi.control("PUT", "faults", late)
    await solapi.send(sms("01090004000"))
    await solapi.wait_for_status("3000")
    assert inbox.events == []
    await inbox.until(lambda box: bool(box.events))
    assert inbox.codes() == ["4000"]


async def test_reordered_reports_may_come_after_the_final_one(solapi: Caller, inbox: Inbox) -> None:
    await solapi.control("PUT", "faults", {"report_delay_ms": 1, "report_reorder": True, "seed": 7})
    await solapi.send(*(sms(number) for number in numbers(20)))
    await inbox.until(lambda box: len(box.events) == 40)
    by_message: dict[str, list[str]] = {}
    for event in inbox.events:
        by_message.setdefault(event["data"]["to"], []).append(event["data"]["statusCode"])
    orders = set(map(tuple, by_message.values()))
    assert orders == {("3000", "4000"), ("4000", "3000")}
    assert list(by_message) != list(numbers(20))


async def test_the_same_seed_gives_the_same_losses(solapi: Caller, inbox: Inbox) -> None:
    async def survivors() -> list[str]:
        inbox.calls.clear()
        await solapi.control("PUT", "faults", {"report_delay_ms": 1, "report_drop_rate": 0.5, "seed": 42})
        await solapi.send(*(sms(number) for number in numbers(40)))
        await inbox.until(lambda box: bool(box.events))
        return [event["data"]["to"] for event in inbox.events]

    first = await survivors()
    assert 0 < len(first) < 40
    assert await survivors() == first
