"""provider_webhook, given what a provider sends and what anybody may."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from shared.messages.reports.webhooks import MAX_WEBHOOK_BYTES, REPORTS_A_MESSAGE
from shared.providers import ProviderAccount
from shared.tenants.accounts import register_account
from tests.endpoints import Endpoint, running
from tests.world import KEYS, World

RIGHT = hashlib.sha1(b"hook", usedforsecurity=False).hexdigest()


@pytest.fixture(scope="module")
async def function(shared_world: World) -> AsyncIterator[Endpoint]:
    async with running("provider_webhook", shared_world) as endpoint:
        yield endpoint


@pytest.fixture
async def tenant(world: World) -> str:
    return await world.tenant()


def _entry(**changes: Any) -> dict[str, Any]:
    return {
        "messageId": "M1",
        "groupId": "G1",
        "statusCode": "4000",
        "statusMessage": "정상 처리",
        "customFields": {"allim": f"{uuid4()}/0/alimtalk"},
    } | changes


async def _call(
    function: Endpoint, tenant: str, entries: Any, *, secret: str = RIGHT, account: str = "main"
) -> tuple[int, Any]:
    body = entries if isinstance(entries, bytes) else orjson.dumps(entries)
    answer = await function.post(
        body, f"/solapi/{tenant}/{account}", x_solapi_secret=secret, content_type="application/json"
    )
    return answer.status_code, answer.json()


def _published(world: World) -> list[dict[str, Any]]:
    assert all(topic == "delivery-callbacks" for topic, _ in world.publisher.published)
    return [report for _, batch in world.publisher.published for report in batch["reports"]]


async def test_reports_of_an_account_that_sends_no_more_are_taken(
    function: Endpoint, world: World, tenant: str
) -> None:
    secrets = {"api_key": "another key", "api_secret": "another secret", "webhook_secret": "another hook"}
    successor = ProviderAccount(tenant, "successor", "solapi", "0233334444", "pf", secrets)
    async with world.owner.transaction() as connection:
        await register_account(connection, KEYS, successor, now=world.clock.now())
    assert await _call(function, tenant, [_entry()], account="main") == (200, {"taken": True})
    other = hashlib.sha1(b"another hook", usedforsecurity=False).hexdigest()
    assert await _call(function, tenant, [_entry()], account="successor", secret=other) == (200, {"taken": True})
    assert (await _call(function, tenant, [_entry()], account="successor"))[0] == 401
    assert [batch["account"] for _, batch in world.publisher.published] == ["main", "successor"]


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda entry: entry, id="flat"),
        pytest.param(lambda entry: {"eventDataId": "E", "data": entry, "retryCount": 2}, id="wrapped"),
    ],
)
async def test_reports_are_handed_on_flat_or_wrapped(function: Endpoint, world: World, tenant: str, wrap: Any) -> None:
    delivered, failed = _entry(), _entry(statusCode="3104")
    assert await _call(function, tenant, [wrap(delivered), wrap(failed)]) == (200, {"taken": True})
    [(_, batch)] = world.publisher.published
    assert (batch["tenant"], batch["provider"], batch["account"]) == (tenant, "solapi", "main")
    assert [report["outcome"] for report in batch["reports"]] == ["delivered", "failed"]
    assert [report["message"] for report in batch["reports"]] == [
        entry["customFields"]["allim"].split("/")[0] for entry in (delivered, failed)
    ]


@pytest.mark.parametrize("secret", ["", "wrong", RIGHT[:-1], RIGHT + "0", RIGHT.upper(), "hook", "가"])
async def test_a_wrong_secret_is_refused_and_nothing_is_kept(
    function: Endpoint, world: World, tenant: str, secret: str
) -> None:
    answer = await function.client.post(
        f"/solapi/{tenant}/main", content=b"[]", headers=[(b"x-solapi-secret", secret.encode())]
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")
    assert world.publisher.published == []
    assert world.dead_letters(tenant) == []


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/solapi",
        "/solapi/{tenant}",
        "/solapi/{tenant}/other",
        "/solapi/nobody/main",
        "/aligo/{tenant}/main",
        "/solapi/{tenant}%00/main",
        "/solapi/%FF/main",
        "/solapi/{tenant}/main%00",
        "/../{tenant}/main",
        "/" + "x" * 10_000,
    ],
)
async def test_an_unknown_account_is_refused_like_a_wrong_secret(
    function: Endpoint, world: World, tenant: str, path: str
) -> None:
    answer = await function.post(b"[]", path.format(tenant=tenant), x_solapi_secret=RIGHT)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")
    assert world.publisher.published == []


async def test_one_tenants_secret_opens_no_other_tenants_account(function: Endpoint, world: World, tenant: str) -> None:
    other = await world.tenant(webhook="other")
    assert (await _call(function, other, [_entry()]))[0] == 401
    assert (await _call(function, tenant, [_entry()]))[0] == 200


@pytest.mark.parametrize("secret", ["", hashlib.sha1(b"", usedforsecurity=False).hexdigest()])
@pytest.mark.parametrize("kept", [None, ""])
async def test_an_account_without_a_webhook_secret_takes_no_calls(
    function: Endpoint, world: World, kept: str | None, secret: str
) -> None:
    tenant = await world.tenant(webhook=kept)
    assert (await _call(function, tenant, [_entry()], secret=secret))[0] == 401
    assert world.publisher.published == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"{}",
        b"null",
        b'"text"',
        b"7",
        b"[1]",
        b"[null]",
        b"\xff",
        b"[" * 100_000,
        pytest.param(b'["\\ud800"]', id="half a letter"),
        pytest.param(b"[" * 600 + b"]" * 600, id="brackets that are closed"),
    ],
)
async def test_what_the_provider_never_sends_is_refused_and_kept(
    function: Endpoint, world: World, tenant: str, body: bytes
) -> None:
    status, answer = await _call(function, tenant, body)
    assert (status, answer["error"]["code"]) == (400, "malformed")
    assert [reason for reason, _ in world.dead_letters(tenant)] == ["malformed"]
    [row] = world.rows("select body, attributes from dead_letters where tenant = %s", tenant)
    assert row["body"] == body
    assert row["attributes"]["account"] == "main"
    assert world.publisher.published == []


SOME_MESSAGE = UUID(int=7)
BROKEN = [
    {"statusCode": None, "messageId": None},
    {"statusCode": "4\x000"},
    {"statusCode": "4" * 1_000},
    {"statusCode": {"a": 1}, "statusMessage": 7},
    {"messageId": "M\x00"},
    {"messageId": "M" * 1_000_000},
    {"statusMessage": ["no"]},
    {"customFields": {"allim": f"{SOME_MESSAGE}/-1/sms"}},
    {"customFields": {"allim": f"{SOME_MESSAGE}/99999/sms"}},
]


@pytest.mark.parametrize("change", BROKEN)
async def test_a_broken_report_does_not_hold_up_the_others_of_its_call(
    function: Endpoint, world: World, tenant: str, change: dict[str, Any]
) -> None:
    broken = {name: value for name, value in _entry(**change).items() if value is not None}
    good = [_entry() for _ in range(3)]
    assert (await _call(function, tenant, [good[0], broken, *good[1:]]))[0] == 200
    assert [report["message"] for report in _published(world)] == [
        entry["customFields"]["allim"].split("/")[0] for entry in good
    ]
    [row] = world.rows("select body, reason from dead_letters where tenant = %s", tenant)
    assert row["reason"] == "malformed"
    assert orjson.loads(row["body"]) == [broken]


@pytest.mark.parametrize(
    "fields",
    [
        None,
        {},
        {"other": "x"},
        "text",
        {"allim": ""},
        {"allim": "1/2"},
        {"allim": "x/0/sms"},
        {"allim": 7},
        {"allim": f"{SOME_MESSAGE}/0/pigeon"},
    ],
)
async def test_reports_on_messages_that_are_not_ours_are_passed_over(
    function: Endpoint, world: World, tenant: str, fields: Any
) -> None:
    assert (await _call(function, tenant, [_entry(customFields=fields)]))[0] == 200
    assert world.publisher.published == []
    assert world.dead_letters(tenant) == []


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+09:00", "9999-12-31T23:59:59-12:00", "soon", "2026-11-21", 7, None]
)
async def test_a_moment_that_is_none_does_not_cost_the_report(
    function: Endpoint, world: World, tenant: str, moment: Any
) -> None:
    assert (await _call(function, tenant, [_entry(dateReported=moment)]))[0] == 200
    assert [report["at"] for report in _published(world)] == [None]


async def test_a_call_of_50_mb_is_refused_before_it_is_read(function: Endpoint, world: World, tenant: str) -> None:
    sent = 0

    async def fifty_megabytes() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(50):
            sent += 1
            yield b"x" * 1_000_000

    answer = await function.client.post(
        f"/solapi/{tenant}/main", content=fifty_megabytes(), headers={"x-solapi-secret": RIGHT}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    assert sent <= MAX_WEBHOOK_BYTES / 1_000_000 + 1
    told = await function.client.post(
        f"/solapi/{tenant}/main", content=b"x", headers={"x-solapi-secret": RIGHT, "content-length": "50000000"}
    )
    assert told.status_code == 413
    assert world.dead_letters(tenant) == []


@pytest.mark.parametrize("levels", [200, 300, 900])
async def test_a_report_of_brackets_within_brackets_does_not_hold_up_the_others(
    function: Endpoint, world: World, tenant: str, levels: int
) -> None:
    good, deep = _entry(), b"[" * levels + b"]" * levels
    assert (await _call(function, tenant, b"[" + deep + b"," + orjson.dumps(good) + b"]"))[0] == 200
    assert [report["message"] for report in _published(world)] == [good["customFields"]["allim"].split("/")[0]]
    [row] = world.rows("select body from dead_letters where tenant = %s", tenant)
    assert deep in row["body"]


async def test_a_call_of_any_number_of_reports_is_handed_on_in_messages_that_pubsub_takes(
    function: Endpoint, world: World, tenant: str
) -> None:
    entries = [_entry() for _ in range(2 * REPORTS_A_MESSAGE + 1)]
    assert (await _call(function, tenant, entries))[0] == 200
    assert [len(batch["reports"]) for _, batch in world.publisher.published] == [REPORTS_A_MESSAGE] * 2 + [1]
    assert (await _call(function, tenant, []))[0] == 200


async def test_while_pubsub_is_away_the_provider_is_asked_to_call_again(
    function: Endpoint, world: World, tenant: str
) -> None:
    world.publisher.away = True
    answer = await function.post(orjson.dumps([_entry()]), f"/solapi/{tenant}/main", x_solapi_secret=RIGHT)
    assert answer.status_code >= 500
    world.publisher.away = False
    assert (await _call(function, tenant, [_entry()]))[0] == 200
