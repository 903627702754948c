"""The vendor's own client sends through the simulator, unchanged but for its addresses.

It is an npm package: `npm install --prefix DIR aligoapi@1.1.3`, and `NODE_PATH=DIR/node_modules`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.simulator.client import PATIENCE, SENDER
from tests.tls import NO_TLS

NODE = shutil.which("node")
SCRIPT = Path(__file__).with_name("stock.js")


def _why_not() -> str | None:
    if NODE is None:
        return "there is no node"
    found = subprocess.run(  # noqa: S603
        [NODE, "-e", "require('aligoapi')"], capture_output=True, check=False, env=os.environ, timeout=60
    )
    return "node finds no aligoapi: see this file's head" if found.returncode else None


@pytest.fixture(scope="module", autouse=True)
def _client() -> None:
    if why := _why_not():
        pytest.skip(why)


@pytest.fixture
def user(simulator: str) -> Iterator[tuple[httpx.Client, str]]:
    with httpx.Client(base_url=simulator, timeout=PATIENCE, verify=NO_TLS) as http:
        name = f"user{uuid.uuid4().hex[:8]}"
        given = {
            "provider": "aligo",
            "apiKey": "key",
            "userId": name,
            "senders": [SENDER],
            "senderKeys": ["SK"],
            "templates": [{"tplCode": "T", "content": "#{이름}님, 어서 오세요."}],
        }
        http.put("/control/accounts", json=given).raise_for_status()
        http.put("/control/faults", json={"report_delay_ms": 0}).raise_for_status()
        http.delete("/control/accepted")
        yield http, name
        http.put("/control/faults", json={}).raise_for_status()


def call(http: httpx.Client, *calls: tuple[str, dict[str, Any], dict[str, str]]) -> list[dict[str, Any]]:
    assert NODE is not None
    command = [NODE, str(SCRIPT), str(http.base_url).rstrip("/"), json.dumps(calls)]
    done = subprocess.run(command, capture_output=True, check=False, text=True, env=os.environ, timeout=60)  # noqa: S603
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def test_it_sends_texts_and_alimtalk_and_reads_what_became_of_them(user: tuple[httpx.Client, str]) -> None:
    http, name = user
    texts = {"key": "key", "user_id": name}
    talks = {"apikey": "key", "userid": name}
    one, mass, talk, remain = call(
        http,
        ("send", {"sender": SENDER, "receiver": "01011112222", "msg": "안녕😀", "msg_type": "SMS"}, texts),
        (
            "sendMass",
            {"sender": SENDER, "rec_1": "01011113333", "msg_1": "하나", "cnt": 1, "msg_type": "SMS"},
            texts,
        ),
        (
            "alimtalkSend",
            {
                "senderkey": "SK",
                "tpl_code": "T",
                "sender": SENDER,
                "receiver_1": "01011114444",
                "subject_1": "안내",
                "message_1": "가나님, 어서 오세요.",
                "failover": "N",
            },
            talks,
        ),
        ("remain", {}, texts),
    )
    assert [str(each["result_code"]) for each in (one, mass, remain)] == ["1", "1", "1"]
    assert {type(each["result_code"]) for each in (one, mass)} == {int, str}
    assert str(talk["code"]) == "0"
    accepted = http.get("/control/accepted").json()["accepted"]
    assert [(each["to"], each["type"], each["text"]) for each in accepted] == [
        ("01011112222", "SMS", "안녕?"),
        ("01011113333", "SMS", "하나"),
        ("01011114444", "AT", "가나님, 어서 오세요."),
    ]
    listed, detail, history = call(
        http,
        ("list", {"page_size": 30}, texts),
        ("smsList", {"mid": one["msg_id"]}, texts),
        ("historyDetail", {"mid": talk["info"]["mid"]}, talks),
    )
    assert [each["type"] for each in listed["list"]] == ["AT", "SMS", "SMS"]
    assert [(each["receiver"], each["sms_state"]) for each in detail["list"]] == [("01011112222", "발송완료")]
    assert [(each["phone"], each["rslt"]) for each in history["list"]] == [("01011114444", "0")]


def test_it_is_refused_as_the_vendor_refuses(user: tuple[httpx.Client, str]) -> None:
    http, name = user
    message = {"sender": SENDER, "receiver": "01011112222", "msg": "안내", "msg_type": "SMS"}
    wrong, nobody, tested, soon = call(
        http,
        ("send", message, {"key": "another", "user_id": name}),
        ("send", {**message, "sender": "0299999999"}, {"key": "key", "user_id": name}),
        ("send", message, {"key": "key", "user_id": name, "testmode_yn": "Y"}),
        ("send", {**message, "rdate": "20200101", "rtime": "0000"}, {"key": "key", "user_id": name}),
    )
    assert [int(each["result_code"]) for each in (wrong, nobody, tested, soon)] == [-101, -102, 1, -109]
    assert http.get("/control/accepted?count=true").json()["count"] == 0
