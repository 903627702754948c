"""What SOLAPI tells our webhook."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from aiohttp import web

from shared.contracts.outcomes import Outcome
from shared.providers import OutboundMessage, webhook_proof
from shared.providers.solapi import Solapi
from tests.providers.simulated import WEBHOOK_SECRET, Simulator

OURS = UUID(int=7)


def told(**fields: Any) -> dict[str, Any]:
    return {
        "messageId": "M4V1",
        "groupId": "G4V1",
        "type": "ATA",
        "to": "01090004000",
        "statusCode": "4000",
        "statusMessage": "발송 처리 완료",
        "dateReported": "2026-11-21T03:00:05.000Z",
        "customFields": {"allim": f"{OURS}/0/alimtalk"},
        **fields,
    }


def wrapped(report: dict[str, Any]) -> dict[str, Any]:
    return {"eventDataId": "E1", "data": report, "retryCount": 0}


@pytest.mark.parametrize("form", [wrapped, dict], ids=["wrapped", "flat"])
async def test_reports_are_read_in_both_forms(solapi: Solapi, form: Any) -> None:
    other = uuid4()
    failed = told(statusCode="3104", statusMessage="카카오톡 미사용자", customFields={"allim": f"{other}/3/alimtalk"})
    delivered, not_delivered = solapi.parse_webhook(orjson.dumps([form(told()), form(failed)]))
    assert (delivered.message, delivered.attempt, delivered.channel) == (OURS, 0, "alimtalk")
    assert (delivered.outcome, delivered.code, delivered.provider_message_id) == (Outcome.DELIVERED, "4000", "M4V1")
    assert delivered.at == dt.datetime(2026, 11, 21, 3, 0, 5, tzinfo=dt.UTC)
    assert (not_delivered.message, not_delivered.attempt, not_delivered.outcome) == (other, 3, Outcome.FAILED)
    assert (not_delivered.code, not_delivered.detail) == ("3104", "카카오톡 미사용자")


@pytest.mark.parametrize(
    "fields",
    [
        None,
        {},
        {"order": "12345"},
        {"allim": ""},
        {"allim": "not/ours"},
        {"allim": "x/y/z"},
        {"allim": f"{OURS}/first/sms"},
        {"allim": f"{OURS}/0/sms/more"},
        "allim",
    ],
)
async def test_messages_that_others_sent_from_the_account_are_passed_over(solapi: Solapi, fields: Any) -> None:
    found = solapi.parse_webhook(orjson.dumps([wrapped(told(customFields=fields)), wrapped(told())]))
    assert [report.message for report in found] == [OURS]


async def test_a_report_without_a_moment_is_still_a_report(solapi: Solapi) -> None:
    for moment in (None, "", "yesterday", "2026-11-21T03:00:05"):
        [report] = solapi.parse_webhook(orjson.dumps([told(dateReported=moment)]))
        assert report.at is None


async def test_an_empty_call_has_no_reports(solapi: Solapi) -> None:
    assert solapi.parse_webhook(b"[]") == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"reports",
        b"\xff\xfe",
        b"{}",
        b"null",
        b"[1, 2]",
        b'["4000"]',
        orjson.dumps([{key: value for key, value in told().items() if key != "statusCode"}]),
        orjson.dumps([{key: value for key, value in told().items() if key != "messageId"}]),
        orjson.dumps([told(customFields={"allim": f"{OURS}/-1/sms"})]),
        orjson.dumps([told(customFields={"allim": f"{OURS}/99999/sms"})]),
        b"[" * 100_000,
    ],
)
async def test_what_solapi_can_not_have_sent_is_a_value_error(solapi: Solapi, body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any says that it can't have been sent
        solapi.parse_webhook(body)


async def test_a_call_proves_itself_by_what_its_accounts_secret_gives(solapi: Solapi) -> None:
    right = hashlib.sha1(WEBHOOK_SECRET.encode(), usedforsecurity=False).hexdigest()
    assert webhook_proof("solapi", WEBHOOK_SECRET) == right == solapi.proof_of({"x-solapi-secret": right})
    assert solapi.proof_of({}) == ""
    assert webhook_proof("nobody", WEBHOOK_SECRET) is None


@pytest.fixture
async def calls() -> AsyncIterator[tuple[str, asyncio.Queue[tuple[Any, bytes]]]]:
    """An address for webhooks, and the calls that it gets."""
    taken: asyncio.Queue[tuple[Any, bytes]] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        await taken.put((request.headers, await request.read()))
        return web.Response()

    application = web.Application()
    application.router.add_post("/", take)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/", taken
    await runner.cleanup()


async def test_what_the_simulator_calls_with_is_verified_and_understood(
    solapi: Solapi, simulator: Simulator, calls: tuple[str, asyncio.Queue[tuple[Any, bytes]]]
) -> None:
    url, taken = calls
    account = simulator.add_account(webhook_url=url)
    message = OutboundMessage(uuid4(), 1, "sms", "01090003010", "내용")
    batch = (await solapi.prepare(account, [message])).batch
    assert batch is not None
    await solapi.send(account, batch)
    headers, body = await asyncio.wait_for(taken.get(), 10)
    assert solapi.proof_of(headers) == webhook_proof("solapi", account.secrets["webhook_secret"])
    [report] = solapi.parse_webhook(body)
    assert (report.message, report.attempt, report.channel) == (message.message, 1, "sms")
    assert (report.code, report.outcome) == ("3010", Outcome.FAILED)
