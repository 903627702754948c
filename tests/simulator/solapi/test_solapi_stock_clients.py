"""The vendor's SDKs send pictures and Brand Messages through the simulator, unchanged but for the address."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
from solapi import SolapiMessageService
from solapi.model import KakaoOption, RequestMessage
from solapi.model.kakao.bms import BmsOption, BmsWebButton
from solapi.model.message_type import MessageType
from solapi.model.request.kakao.bms import Bms
from solapi.model.request.storage import FileTypeEnum

from tests.providers.pictures import jpeg
from tests.simulator.client import SENDER, Caller, Json

TO = "01011112222"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    file = tmp_path / "image.jpg"
    file.write_bytes(jpeg())
    return file


async def test_the_python_sdk_sends_a_brand_message_with_a_picture(simulator: str, solapi: Caller, image: Path) -> None:
    sdk = SolapiMessageService(solapi.api_key, solapi.api_secret)
    sdk.base_url = simulator
    stored = await asyncio.to_thread(sdk.upload_file, str(image), FileTypeEnum.BMS)
    button = BmsWebButton(name="보기", link_mobile="https://shop.example")
    bubble = Bms(targeting="I", chat_bubble_type="IMAGE", image_id=stored.file_id, buttons=[button])
    assert BmsOption.model_validate(bubble.model_dump()).chat_bubble_type == "IMAGE"
    option = KakaoOption(pf_id="PF1", bms=bubble, disable_sms=True)
    message = RequestMessage(from_=SENDER, to=TO, text="새 상품", type=MessageType.BMS_FREE, kakao_options=option)
    await asyncio.to_thread(sdk.send, message)
    [accepted] = await solapi.accepted()
    assert (accepted["type"], accepted["text"], accepted["image"]) == ("BMS_FREE", "새 상품", stored.file_id)
    assert [each["name"] for each in accepted["buttons"]] == ["보기"]


NODE = """
const real = globalThis.fetch;
globalThis.fetch = (url, options) =>
  real(String(url?.url ?? url).replace("https://api.solapi.com", process.env.BASE), options);
const { SolapiMessageService } = require("solapi");
(async () => {
  const sdk = new SolapiMessageService(process.env.KEY, process.env.SECRET);
  const mms = await sdk.uploadFile(process.env.IMAGE, "MMS");
  const bms = await sdk.uploadFile(process.env.IMAGE, "BMS");
  const common = { to: process.env.TO, from: process.env.FROM };
  const bubble = { targeting: "I", chatBubbleType: "IMAGE", imageId: bms.fileId,
    buttons: [{ linkType: "WL", name: "보기", linkMobile: "https://shop.example" }] };
  await sdk.send({ ...common, text: "사진", subject: "제목", imageId: mms.fileId });
  await sdk.send({ ...common, text: "새 상품", type: "BMS_FREE",
    kakaoOptions: { pfId: "PF1", disableSms: true, bms: bubble } });
  const statistics = await sdk.getStatistics({});
  console.log(JSON.stringify(statistics));
})().catch((error) => { console.error(error); process.exit(1); });
"""


@cache
def _missing() -> str | None:
    """Why the Node SDK can't be tried here."""
    node = shutil.which("node")
    if node is None:
        return "Node.js is not installed"
    found = subprocess.run([node, "-e", "require('solapi')"], capture_output=True, check=False)  # noqa: S603
    return None if found.returncode == 0 else "npm's solapi is not where NODE_PATH leads"


async def test_the_node_sdk_sends_a_picture_and_a_brand_message_and_reads_the_statistics(
    simulator: str, solapi: Caller, image: Path
) -> None:
    if why := await asyncio.to_thread(_missing):
        pytest.skip(why)
    variables = {"BASE": simulator, "KEY": solapi.api_key, "SECRET": solapi.api_secret}
    environment = {**os.environ, **variables, "IMAGE": str(image), "TO": TO, "FROM": SENDER}
    process = await asyncio.create_subprocess_exec(
        *("node", "-e", NODE), env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    assert [(each["type"], each["text"]) for each in await solapi.accepted()] == [
        ("MMS", "사진"),
        ("BMS_FREE", "새 상품"),
    ]
    statistics: Json = json.loads(out)
    assert statistics["total"]["total"] == 2
