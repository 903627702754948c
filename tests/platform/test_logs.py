"""What the log says, and what it never says."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import httpx
import orjson
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from shared.platform.logs import log
from shared.platform.loops.coalescer import Coalescer
from shared.platform.pubsub.push import Pushed, push_raw
from shared.providers import ProviderAccount
from shared.tenants.accounts import register_account
from simulator.testing import running_simulator
from tests.endpoints import push_of, running
from tests.log_lines import LogLines, log_lines
from tests.world import KEY, KEYS, World, event_fields

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


async def lines_of(handler: Any, *headers: dict[str, str]) -> LogLines:
    """What a function logs that is called once with each of these headers, at the same time."""
    function = push_raw(dead_letters=None)(handler)  # type: ignore[arg-type]
    app = Starlette(routes=[Route("/", function, methods=["POST"])])
    with log_lines() as lines:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://function") as client:
            await asyncio.gather(*(client.post("/", content=push_of(b"{}"), headers=each) for each in headers))
    return lines


async def saying(_: Pushed) -> None:
    log("test").info("said")


@pytest.mark.parametrize(
    "headers",
    [
        {"traceparent": f"00-{TRACE}-{SPAN}-01"},
        {"X-Cloud-Trace-Context": f"{TRACE}/{int(SPAN, 16)};o=1"},
        {"X-Cloud-Trace-Context": f"{TRACE.upper()}/{int(SPAN, 16)}"},
    ],
)
async def test_a_line_carries_its_requests_trace_and_execution(
    headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "my-project")
    [line] = (await lines_of(saying, headers | {"Function-Execution-Id": "abc-1"})).of("test")
    assert line["logging.googleapis.com/trace"] == f"projects/my-project/traces/{TRACE}"
    assert line["logging.googleapis.com/spanId"] == SPAN
    assert line["logging.googleapis.com/labels"] == {"execution_id": "abc-1"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"traceparent": "00-short-1-01", "X-Cloud-Trace-Context": "nonsense"},
        {"X-Cloud-Trace-Context": f"{TRACE}/99999999999999999999999999"},
        {"Function-Execution-Id": '"}, "forged": {"'},
    ],
)
async def test_a_header_that_is_none_makes_no_field(headers: dict[str, str]) -> None:
    [line] = (await lines_of(saying, headers)).of("test")
    assert set(line) == {"severity", "message", "logger"}


async def test_a_batchs_line_carries_the_first_request_of_the_batch_and_how_many_they_were() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def work(items: Sequence[int]) -> list[None]:
        log("test").info("batch")
        begun.set()
        await go_on.wait()
        return [None] * len(items)

    batches = Coalescer(work, max_weight=10)

    async def handler(_: Pushed) -> None:
        await batches.submit(1)

    async def release() -> None:
        await begun.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        go_on.set()

    traces = [f"{number:032x}" for number in (1, 2, 3)]
    releasing = asyncio.create_task(release())

    async def one_at_first() -> LogLines:
        function = push_raw(dead_letters=None)(handler)  # type: ignore[arg-type]
        app = Starlette(routes=[Route("/", function, methods=["POST"])])
        with log_lines() as lines:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://function") as client:

                async def call(trace: str) -> None:
                    await client.post("/", content=push_of(b"{}"), headers={"traceparent": f"00-{trace}-{SPAN}-01"})

                first = asyncio.create_task(call(traces[0]))
                await begun.wait()
                await asyncio.gather(first, call(traces[1]), call(traces[2]))
        return lines

    lines = (await one_at_first()).of("test")
    await releasing
    assert [(line["logging.googleapis.com/trace"][-32:], line.get("batched")) for line in lines] == [
        (traces[0], None),
        (traces[1], 2),
    ]


PLAIN = {
    "name": "plain",
    "on": "subscription.signup",
    "steps": [{"send": "plain", "route": ["sms"]}],
}
WORDS = "당신만의 비밀 이야기"
NAME = "홍길동전"
PHONES = ("010-9000-4000", "010-9000-3010", "010-9000-1062", "010-9000-3000")
API_KEY, API_SECRET, HOOK = "NCSKEYTHATISSECRET", "secret-of-the-account", "secret-of-the-webhook"


async def test_a_run_from_event_to_report_leaves_no_number_no_content_and_no_key_in_any_log(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    template = {"variables": {"이름": "customer.name"}, "sms": {"text": f"#{{이름}}님, {WORDS}"}}
    async with running_simulator(clock=lambda: world.clock.now().timestamp()) as address:
        monkeypatch.setenv("SOLAPI_URL", address)
        tenant = await _tenant(world, address, template)
        async with running("on_subscription_event", world) as function:
            for number, phone in enumerate(PHONES):
                person = {"id": f"c-{number}", "name": NAME, "phone": phone}
                assert await function.push(event_fields(tenant, f"e-{number}", customer=person)) == 204
            await function.push(event_fields(tenant, "bad", time="01090004000", customer={"name": NAME}))
            with world.out_of_reach("allim_events"):
                assert await function.push(event_fields(tenant, "lost", customer={"name": NAME})) == 503
        async with httpx.AsyncClient(base_url=address) as provider:
            await provider.put("/control/faults", json={"outage": True})
            await _send(world)
            await provider.put("/control/faults", json={})
        await _send(world)
        await _report(world, tenant)
        async with running("watch", world) as function:
            assert await function.push({}) == 204
    said = capsys.readouterr().out
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    counted: Counter[tuple[str, ...]] = Counter()
    for line in lines:
        if line["logger"] == "allim.metrics":
            counted[line["outcome"], line["provider"], line["channel"], line["reason"]] += line["count"]
    assert counted == {
        ("accepted", "", "sms", ""): 4,
        ("sent", "solapi", "sms", ""): 3,
        ("failed", "solapi", "sms", "1062"): 1,
        ("delivered", "solapi", "sms", ""): 1,
        ("failed", "solapi", "sms", "3010"): 2,
    }
    loggers = {"allim.dead_letters", "allim.on_subscription_event", "allim.dispatching"}
    assert loggers <= {line["logger"] for line in lines}
    digits = {phone.replace("-", "") for phone in PHONES}
    keys = {API_KEY, API_SECRET, HOOK, base64.b64encode(KEY).decode(), "role-password"}
    for private in {*PHONES, *digits, *(number[1:] for number in digits), WORDS, NAME, *keys}:
        assert private not in said, private


async def _tenant(world: World, address: str, template: Any) -> str:
    tenant = await world.tenant(PLAIN, templates={"plain": template})
    account = ProviderAccount(
        tenant,
        "main",
        "solapi",
        "021234567",
        "pf",
        {"api_key": API_KEY, "api_secret": API_SECRET, "webhook_secret": HOOK},
    )
    async with world.owner.transaction() as connection:
        await register_account(connection, KEYS, account, now=world.clock.now())
    spec = {"apiKey": API_KEY, "apiSecret": API_SECRET, "senders": ["021234567"]}
    async with httpx.AsyncClient(base_url=address) as client:
        (await client.put("/control/accounts", json=spec)).raise_for_status()
    return tenant


async def _send(world: World) -> None:
    """Take every ticket there is."""
    tickets = [body for topic, body in world.publisher.published if topic == "send-requests"]
    async with running("on_send_request", world) as function:
        for ticket in tickets:
            assert await function.push(ticket) == 204


async def _report(world: World, tenant: str) -> None:
    """The provider reports on all that was sent, and something that makes no sense."""
    sent = [row for row in world.messages(tenant) if row["status"] == "sent"]
    entries = [
        {
            "messageId": f"M{number}",
            "groupId": "G1",
            "to": "01090004000",
            "text": WORDS,
            "statusCode": "4000" if number == 0 else "3010",
            "statusMessage": f"01090004000 {WORDS}"[:12],
            "customFields": {"allim": f"{row['id']}/{row['attempt']}/sms"},
        }
        for number, row in enumerate(sent)
    ]
    headers = {
        "x_solapi_secret": hashlib.sha1(HOOK.encode(), usedforsecurity=False).hexdigest(),
        "content_type": "application/json",
    }
    world.publisher.published.clear()
    async with running("provider_webhook", world) as function:
        path = f"/solapi/{tenant}/main"
        assert (await function.post(orjson.dumps(entries), path, **headers)).status_code == 200
        broken = f"not JSON, to 01090004000: {WORDS}".encode()
        assert (await function.post(broken, path, **headers)).status_code == 400
    async with running("on_delivery_callback", world) as function:
        for _, batch in list(world.publisher.published):
            assert await function.push(batch) == 204
