"""The vendor's own SDK sends through the simulator, unchanged but for its address."""

import asyncio
import struct
from datetime import timedelta
from pathlib import Path

import pytest
from solapi import SolapiMessageService
from solapi.error.MessageNotReceiveError import MessageNotReceivedError
from solapi.model import KakaoOption, RequestMessage, SendRequestConfig
from solapi.model.request.groups.get_groups import GetGroupsRequest
from solapi.model.request.messages.get_messages import GetMessagesRequest
from solapi.model.webhook.single_report import SingleReportPayload

from tests.simulator.client import SENDER, Caller, Inbox, now_there


@pytest.fixture
def sdk(solapi: Caller, simulator: str) -> SolapiMessageService:
    """The SDK with the caller's account."""
    service = SolapiMessageService(solapi.api_key, solapi.api_secret)
    service.base_url = simulator
    return service


async def test_the_sdk_sends_and_finds_its_message(sdk: SolapiMessageService, solapi: Caller) -> None:
    message = RequestMessage(from_=SENDER, to="010-1111-2222", text="안녕하세요", custom_fields={"message": "a"})
    sent = await asyncio.to_thread(sdk.send, message, SendRequestConfig(show_message_list=True))
    assert sent.group_info.count.registered_success == 1
    [item] = sent.message_list
    group_id = sent.group_info.group_id

    listed = await asyncio.to_thread(sdk.get_messages, GetMessagesRequest(message_id=item.message_id))
    assert listed.message_list[item.message_id].custom_fields == {"message": "a"}
    several = await asyncio.to_thread(sdk.get_messages, GetMessagesRequest(message_ids=[item.message_id]))
    assert list(several.message_list) == [item.message_id]
    in_group = await asyncio.to_thread(sdk.get_group_messages, group_id)
    assert in_group.message_list[item.message_id].to == "01011112222"
    assert (await asyncio.to_thread(sdk.get_group, group_id)).group_id == group_id
    groups = await asyncio.to_thread(sdk.get_groups, GetGroupsRequest(group_id=group_id))
    assert list(groups.group_list) == [group_id]
    assert (await asyncio.to_thread(sdk.get_balance)).balance > 0
    assert [accepted["to"] for accepted in await solapi.accepted()] == ["01011112222"]


async def test_the_sdk_sends_an_alimtalk(sdk: SolapiMessageService, solapi: Caller) -> None:
    await solapi.register(templates=[{"templateId": "KA1", "pfId": "PF1", "content": "#{이름}님 안녕하세요"}])
    option = KakaoOption(pf_id="PF1", template_id="KA1", variables={"이름": "가나"}, disable_sms=True)
    await asyncio.to_thread(sdk.send, [RequestMessage(from_=SENDER, to="01011112222", kakao_options=option)])
    [accepted] = await solapi.accepted()
    assert (accepted["type"], accepted["text"]) == ("ATA", "가나님 안녕하세요")


async def test_the_sdk_learns_why_all_its_messages_were_refused(sdk: SolapiMessageService) -> None:
    message = RequestMessage(from_=SENDER, to="01099991062", text="안녕하세요")
    with pytest.raises(MessageNotReceivedError) as refused:
        await asyncio.to_thread(sdk.send, message)
    assert [failed.status_code for failed in refused.value.failed_messages] == ["1062"]


async def test_the_sdk_schedules_and_cancels(sdk: SolapiMessageService, solapi: Caller) -> None:
    tomorrow = SendRequestConfig(scheduled_date=now_there() + timedelta(days=1))
    message = RequestMessage(from_=SENDER, to="01011112222", text="내일")
    sent = await asyncio.to_thread(sdk.send, message, tomorrow)
    assert sent.group_info.status == "SCHEDULED"
    cancelled = await asyncio.to_thread(sdk.cancel_scheduled_message, sent.group_info.group_id)
    assert cancelled.status == "FAILED"
    assert await solapi.accepted() == []


async def test_the_sdk_uploads_an_image_for_an_mms(sdk: SolapiMessageService, solapi: Caller, tmp_path: Path) -> None:
    image = tmp_path / "image.jpg"
    image.write_bytes(b"\xff\xd8\xff\xc0" + struct.pack(">HBHH", 17, 8, 600, 800) + bytes(10))
    stored = await asyncio.to_thread(sdk.upload_file, str(image))
    message = RequestMessage(from_=SENDER, to="01011112222", text="사진", image_id=stored.file_id)
    await asyncio.to_thread(sdk.send, message)
    assert [accepted["type"] for accepted in await solapi.accepted()] == ["MMS"]


async def test_a_wrong_secret_reaches_the_sdk_as_the_vendors_error(simulator: str, solapi: Caller) -> None:
    service = SolapiMessageService(solapi.api_key, "wrong")
    service.base_url = simulator
    with pytest.raises(Exception, match="SignatureDoesNotMatch"):
        await asyncio.to_thread(service.get_balance)


async def test_the_sdk_reads_the_reports(sdk: SolapiMessageService, inbox: Inbox) -> None:
    message = RequestMessage(from_=SENDER, to="01011112222", text="안녕하세요", custom_fields={"message": "a"})
    await asyncio.to_thread(sdk.send, message)
    await inbox.until(lambda box: bool(box.events))
    [report] = SingleReportPayload.model_validate(inbox.events).root
    assert (report.data.status_code, report.data.custom_fields) == ("4000", {"message": "a"})
    assert report.event_data_id
