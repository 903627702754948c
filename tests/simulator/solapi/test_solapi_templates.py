"""AlimTalk templates, from draft to sending."""

import pytest

from tests.simulator.client import Caller

TEMPLATES = "/kakao/v2/templates"
DRAFT = {"channelId": "PF1", "name": "예약 안내", "content": "#{이름}님, #{이름}님의 예약은 #{시각}입니다."}


async def test_a_template_goes_from_draft_to_approval(solapi: Caller) -> None:
    created = await solapi.call("POST", TEMPLATES, DRAFT)
    assert created["status"] == "PENDING"
    assert [variable["name"] for variable in created["variables"]] == ["#{이름}", "#{시각}"]
    path = f"{TEMPLATES}/{created['templateId']}"

    assert (await solapi.call("PUT", f"{path}/inspection"))["status"] == "INSPECTING"
    verdict = {"apiKey": solapi.api_key, "templateId": created["templateId"], "status": "APPROVED"}
    await solapi.control("PUT", "templates", verdict)
    assert (await solapi.call("GET", path))["status"] == "APPROVED"
    refused = await solapi.request("DELETE", path)
    assert (refused.status_code, refused.json()["errorCode"]) == (400, "NotOperationalStatus")


async def test_a_template_tells_the_variables_of_its_buttons(solapi: Caller) -> None:
    button = {"buttonType": "WL", "buttonName": "#{이름} 보기", "linkMo": "https://a.example/#{코드}?n=#{이름}"}
    created = await solapi.call("POST", TEMPLATES, {**DRAFT, "buttons": [button]})
    assert [variable["name"] for variable in created["variables"]] == ["#{이름}", "#{시각}", "#{코드}"]


async def test_a_changed_template_has_its_new_variables(solapi: Caller) -> None:
    created = await solapi.call("POST", TEMPLATES, DRAFT)
    path = f"{TEMPLATES}/{created['templateId']}"
    changed = await solapi.call("PUT", path, {"content": "#{상품} 도착"})
    assert changed["name"] == "예약 안내"
    assert [variable["name"] for variable in changed["variables"]] == ["#{상품}"]


async def test_a_draft_can_be_deleted(solapi: Caller) -> None:
    created = await solapi.call("POST", TEMPLATES, DRAFT)
    path = f"{TEMPLATES}/{created['templateId']}"
    assert (await solapi.call("DELETE", path))["status"] == "DELETED"
    assert (await solapi.request("GET", path)).status_code == 404


async def test_templates_are_listed_by_channel_status_and_page(solapi: Caller) -> None:
    await solapi.register(
        templates=[
            {"templateId": f"KA{index}", "pfId": f"PF{index % 2}", "content": "안내", "name": f"안내 {index}"}
            for index in range(5)
        ]
    )
    await solapi.call("POST", TEMPLATES, DRAFT)

    async def ids(**query: object) -> list[str]:
        return [item["templateId"] for item in (await solapi.call("GET", TEMPLATES, **query))["templateList"]]

    assert await ids(channelId="PF0", status="APPROVED") == ["KA0", "KA2", "KA4"]
    assert await ids(templateId="KA3") == ["KA3"]
    assert await ids(**{"name[like]": "안내 1"}) == ["KA1"]
    first = await solapi.call("GET", TEMPLATES, limit=4)
    assert first["nextKey"] == "KA4"
    assert len(await ids(limit=4, startKey=first["nextKey"])) == 2


@pytest.mark.parametrize(
    ("name", "status"), [("안내(승인)", "APPROVED"), ("안내(반려)", "REJECTED"), ("안내", "INSPECTING")]
)
async def test_a_name_may_bring_the_verdict_of_its_inspection(solapi: Caller, name: str, status: str) -> None:
    created = await solapi.call("POST", TEMPLATES, {**DRAFT, "name": name, "extra": "고객센터 02-1234-5678"})
    inspected = await solapi.call("PUT", f"{TEMPLATES}/{created['templateId']}/inspection")
    assert (inspected["status"], inspected["extra"]) == (status, "고객센터 02-1234-5678")
    assert [comment["isAdmin"] for comment in inspected["comments"]] == ([True] if status == "REJECTED" else [])


async def test_an_account_may_have_its_inspections_under_the_old_path_alone(solapi: Caller) -> None:
    await solapi.register(inspection="/v1/")
    created = await solapi.call("POST", TEMPLATES, DRAFT)
    path = f"{TEMPLATES}/{created['templateId']}/inspection"
    assert (await solapi.request("PUT", path)).status_code == 404
    assert (await solapi.call("PUT", path.replace("/v2/", "/v1/")))["status"] == "INSPECTING"


async def test_a_template_without_content_is_refused(solapi: Caller) -> None:
    answer = await solapi.request("POST", TEMPLATES, {"channelId": "PF1", "name": "빈 것"})
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "ValidationError")
