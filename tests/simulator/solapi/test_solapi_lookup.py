"""Finding messages again."""

from datetime import timedelta
from typing import Any

import pytest

from tests.simulator.client import SENDER, Caller, now_there, numbers, sms

LIST = "/messages/v4/list"


async def found(solapi: Caller, **filters: Any) -> list[str]:
    answer = await solapi.call("GET", LIST, **filters)
    return [message["to"] for message in answer["messageList"].values()]


async def test_the_list_is_an_object_by_message_id_newest_first(solapi: Caller) -> None:
    await solapi.send(sms("01011112222", customFields={"message": "a"}))
    await solapi.send(sms("01033334444"))
    answer = await solapi.call("GET", LIST)
    first, second = answer["messageList"].values()
    assert list(answer["messageList"]) == [first["messageId"], second["messageId"]]
    assert (first["to"], second["to"]) == ("01033334444", "01011112222")
    assert second["customFields"] == {"message": "a"}
    assert (answer["nextKey"], answer["limit"]) == (None, 20)


async def test_pages_follow_each_other_without_gap_or_repetition(solapi: Caller) -> None:
    recipients = list(numbers(10))
    await solapi.send(*(sms(number) for number in recipients))
    seen: list[str] = []
    page = await solapi.call("GET", LIST, limit=4)
    while True:
        seen += [message["to"] for message in page["messageList"].values()]
        if page["nextKey"] is None:
            break
        page = await solapi.call("GET", LIST, limit=4, startKey=page["nextKey"])
    assert seen == recipients[::-1]


async def test_pages_of_a_filtered_list_follow_each_other(solapi: Caller) -> None:
    recipients = list(numbers(6))
    group = await solapi.group(*(sms(number) for number in recipients))
    await solapi.send(sms("01011112222"))
    first = await solapi.call("GET", LIST, limit=4, groupId=group)
    second = await solapi.call("GET", LIST, limit=4, groupId=group, startKey=first["nextKey"])
    seen = [message["to"] for page in (first, second) for message in page["messageList"].values()]
    assert seen == recipients[::-1]


async def test_filters_narrow_the_list(solapi: Caller) -> None:
    answer = await solapi.send(sms("01011112222"), sms("01033334444", "가" * 50), sms("01099991061"))
    by_number = {message["to"]: message for message in (await solapi.messages_by_id()).values()}
    short, refused = by_number["01011112222"], by_number["01099991061"]
    group = answer["groupInfo"]["groupId"]
    await solapi.send(sms("01055556666"))

    assert await found(solapi, messageId=short["messageId"]) == ["01011112222"]
    ids = f'["{short["messageId"]}","{refused["messageId"]}"]'
    assert set(await found(solapi, **{"messageIds[in]": ids})) == {"01011112222", "01099991061"}
    assert set(await found(solapi, messageIds=[short["messageId"], refused["messageId"]])) == {
        "01011112222",
        "01099991061",
    }
    assert set(await found(solapi, groupId=group)) == {"01011112222", "01033334444", "01099991061"}
    assert await found(solapi, to="01033334444") == ["01033334444"]
    assert await found(solapi, type="LMS") == ["01033334444"]
    assert await found(solapi, statusCode="1061") == ["01099991061"]
    assert set(await found(solapi, **{"type[in]": '["LMS"]', "from": SENDER})) == {"01033334444"}
    assert await found(solapi, criteria="to,type", cond="eq,eq", value="01033334444,LMS") == ["01033334444"]
    assert await found(solapi, groupId=group, statusCode="1061") == ["01099991061"]
    assert await found(solapi, groupId="G4V-unknown") == []
    assert await found(solapi, messageId="M4V-unknown") == []


async def test_dates_narrow_the_list(solapi: Caller) -> None:
    await solapi.send(sms("01011112222"))
    now = now_there()
    earlier, later = (now - timedelta(minutes=1)).isoformat(), (now + timedelta(minutes=1)).isoformat()
    assert await found(solapi, startDate=earlier, endDate=later) == ["01011112222"]
    assert await found(solapi, startDate=later, dateType="CREATED") == []
    assert await found(solapi, endDate=earlier, dateType="UPDATED") == []
    assert await found(solapi, **{"dateCreated[gte]": earlier}) == ["01011112222"]


async def test_another_account_sees_nothing(solapi: Caller, simulator: str) -> None:
    await solapi.send(sms("01011112222"))
    message = await solapi.only_message()
    async with Caller.to(simulator) as stranger:
        await stranger.register()
        assert await found(stranger) == []
        assert await found(stranger, messageId=message["messageId"]) == []


@pytest.mark.parametrize(
    "query",
    [
        {"colour": "red"},
        {"to[like]": "010"},
        {"limit": "0"},
        {"limit": "many"},
        {"startKey": "M4V-unknown"},
        {"startDate": "yesterday"},
        {"criteria": "to,type", "cond": "eq", "value": "x"},
    ],
)
async def test_a_filter_that_does_not_exist_is_refused(solapi: Caller, query: dict[str, str]) -> None:
    answer = await solapi.request("GET", LIST, **query)
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "ValidationError")


async def test_the_price_list_needs_no_signature(solapi: Caller) -> None:
    answer = await solapi.http.get("/pricing/v1/messaging/default", params={"countryId": "82"})
    assert answer.json()["countryId"] == "82"
    assert answer.json().keys() >= {"sms", "lms", "mms", "ata"}
    elsewhere = await solapi.http.get("/pricing/v1/messaging/default", params={"countryId": "1"})
    assert elsewhere.status_code == 404
