"""The control API beside faults and reports."""

from typing import Any

import pytest

from tests.simulator.client import Caller, sms


async def test_health_answers(solapi: Caller) -> None:
    health = await solapi.control("GET", "health")
    assert health["status"] == "ok"
    assert 0 < health["smtpPort"] < 65_536


async def test_the_accepted_list_can_be_counted_and_emptied(solapi: Caller) -> None:
    await solapi.send(sms("01011112222", customFields={"message": "a"}), sms("01033334444"))
    [first, _] = await solapi.accepted()
    assert first.keys() >= {"messageId", "groupId", "to", "from", "type", "text", "customFields", "at", "status"}
    assert first["customFields"] == {"message": "a"}
    assert await solapi.control("GET", "accepted", count="true") == {"count": 2}
    assert await solapi.control("DELETE", "accepted") == {"count": 0}
    assert await solapi.accepted() == []


async def test_the_summary_counts_by_type_and_status(solapi: Caller) -> None:
    await solapi.send(sms("01011112222"), sms("01090003010"), sms("01033334444", "가" * 50))
    for number in ("01011112222", "01090003010", "01033334444"):
        await solapi.settled(to=number)
    summary = await solapi.control("GET", "summary")
    assert summary["total"] == 3
    assert summary["types"] == {"LMS": {"4000": 1}, "SMS": {"3010": 1, "4000": 1}}


async def test_registering_again_changes_only_what_is_given(solapi: Caller) -> None:
    await solapi.register(senders=["15881234"], balance=50)
    await solapi.register(balance=70)
    accounts = (await solapi.control("GET", "accounts"))["accounts"]
    [mine] = [account for account in accounts if account.get("apiKey") == solapi.api_key]
    assert (mine["senders"], mine["balance"]) == (["15881234"], 70)
    assert "apiSecret" not in mine


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("PUT", "accounts", {"apiKey": "K"}, "apiSecret"),
        ("PUT", "accounts", {"apiKey": "K", "apiSecret": "S", "senders": ["02-123"]}, "senders.0"),
        ("PUT", "accounts", {"apiKey": "K", "apiSecret": "S", "webhookUrl": "ftp://x"}, "webhookUrl"),
        ("POST", "reports", {"to": "010", "statusCode": "9999"}, "statusCode"),
        ("POST", "reports", {"to": "010", "statusCode": "1026"}, "statusCode"),
        ("POST", "reports", {"statusCode": "4000"}, ""),
        ("PUT", "templates", {"apiKey": "K", "templateId": "T", "status": "LOVED"}, "status"),
    ],
)
async def test_an_order_that_does_not_fit_is_refused_with_the_field(
    solapi: Caller, method: str, path: str, body: Any, field: str
) -> None:
    answer = await solapi.http.request(method, f"/control/{path}", json=body)
    assert answer.status_code == 422
    assert [detail["field"] for detail in answer.json()["details"]] == [field]


async def test_a_report_for_nobody_is_not_found(solapi: Caller) -> None:
    for order in ({"to": "01000000000", "statusCode": "4000"}, {"messageId": "M4V", "statusCode": "4000"}):
        answer = await solapi.http.post("/control/reports", json=order)
        assert answer.status_code == 404


async def test_a_message_that_was_not_sent_can_not_be_reported(solapi: Caller) -> None:
    await solapi.group(sms("01011112222"))
    message = await solapi.only_message()
    answer = await solapi.http.post("/control/reports", json={"messageId": message["messageId"], "statusCode": "4000"})
    assert answer.status_code == 404


async def test_a_path_that_does_not_exist_is_answered_in_the_providers_form(solapi: Caller) -> None:
    answer = await solapi.request("GET", "/messages/v4/nothing")
    assert (answer.status_code, answer.json()["errorCode"]) == (404, "ResourceNotFound")
