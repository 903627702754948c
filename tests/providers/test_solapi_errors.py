"""What goes wrong on the way to SOLAPI, and which of three errors it comes to.

The difference decides between trying again and asking first, so a wrong one loses or doubles messages.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest

from local.process import free_ports
from shared.providers import (
    BatchState,
    OutboundMessage,
    ProviderAccount,
    ProviderBusy,
    ProviderError,
    ProviderUnavailable,
    ProviderUndecided,
)
from shared.providers.solapi import Solapi
from tests.clock import SettableClock
from tests.providers.simulated import Simulator

MESSAGE = OutboundMessage(uuid4(), 0, "sms", "01090004000", "수업이 곧 시작됩니다.")


@asynccontextmanager
async def answering(answer: bytes | None) -> AsyncIterator[str]:
    """A server that gives every request this answer and closes; with None it never answers."""
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            await ended.wait()
        else:
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        ended.set()
        server.close()


def http(status: str, body: str, content_type: str = "application/json") -> bytes:
    content = body.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(content)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + content


async def error_of(solapi: Solapi, account: ProviderAccount) -> ProviderError:
    """What each call raises; they all raise the same."""
    calls = [
        solapi.prepare(account, [MESSAGE]),
        solapi.send(account, "G1"),
        solapi.discard(account, "G1"),
        solapi.batch_state(account, "G1"),
        solapi.batch_reports(account, "G1"),
    ]
    found = await asyncio.gather(*calls, return_exceptions=True)
    errors = [error for error in found if isinstance(error, ProviderError)]
    assert len(errors) == len(calls), found
    assert len({type(error) for error in errors}) == 1, errors
    return errors[0]


async def test_a_refused_connection_means_that_nothing_was_done(
    account: ProviderAccount, clock: SettableClock, client: httpx.AsyncClient
) -> None:
    [port] = free_ports(1)
    error = await error_of(Solapi(f"http://127.0.0.1:{port}", clock, client), account)
    assert type(error) is ProviderUnavailable


async def test_a_host_that_no_name_server_knows_means_that_nothing_was_done(
    account: ProviderAccount, clock: SettableClock, client: httpx.AsyncClient
) -> None:
    assert type(await error_of(Solapi("http://solapi.invalid", clock, client), account)) is ProviderUnavailable


async def test_a_timeout_leaves_it_open_what_was_done(account: ProviderAccount, clock: SettableClock) -> None:
    async with answering(None) as url, httpx.AsyncClient(timeout=httpx.Timeout(10, read=0.05)) as impatient:
        assert type(await error_of(Solapi(url, clock, impatient), account)) is ProviderUndecided


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("", 10), ("Retry-After: 30", 30), ("Retry-After: 0", 1), ("Retry-After: 86400", 600), ("Retry-After: soon", 10)],
    ids=["not said", "30 seconds", "at once", "a day", "no number"],
)
async def test_too_many_requests_means_that_nothing_was_done_and_a_pause_is_wanted(
    account: ProviderAccount, clock: SettableClock, client: httpx.AsyncClient, header: str, seconds: int
) -> None:
    answer = http("429 Too Many Requests", "slow down", "text/plain")
    async with answering(
        answer.replace(b"Connection: close", f"{header or 'X: y'}\r\nConnection: close".encode())
    ) as url:
        error = await error_of(Solapi(url, clock, client), account)
    assert isinstance(error, ProviderBusy)
    assert (error.code, error.again_in.total_seconds()) == ("rate_limited", seconds)


@pytest.mark.parametrize("status", ["500 Internal Server Error", "502 Bad Gateway", "504 Gateway Timeout"])
async def test_a_server_error_leaves_it_open_what_was_done(
    account: ProviderAccount, clock: SettableClock, client: httpx.AsyncClient, status: str
) -> None:
    async with answering(http(status, '{"errorCode":"InternalError","errorMessage":"오류"}')) as url:
        error = await error_of(Solapi(url, clock, client), account)
    assert (type(error), error.code) == (ProviderUndecided, status[:3])


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"what is HTTP\r\n\r\n",
        http("200 OK", "<html>점검 중</html>", "text/html"),
        http("200 OK", ""),
        http("404 Not Found", "<html>nginx</html>", "text/html"),
        http("302 Found", ""),
        http("200 OK", "null"),
        http("200 OK", "[]"),
        http("200 OK", '"ok"'),
        http("403 Forbidden", '["no"]'),
        http("200 OK", '{"unexpected":true}'),
    ],
    ids=[
        "closed without an answer",
        "closed in the middle",
        "no HTTP",
        "a page",
        "empty",
        "another server's 404",
        "a redirect",
        "null",
        "a list",
        "a string",
        "a refusal of another form",
        "none of its fields",
    ],
)
async def test_an_answer_that_is_not_solapis_leaves_it_open_what_was_done(
    account: ProviderAccount, clock: SettableClock, client: httpx.AsyncClient, answer: bytes
) -> None:
    async with answering(answer) as url:
        solapi = Solapi(url, clock, client)
        asking: list[Callable[[], Any]] = [
            lambda: solapi.prepare(account, [MESSAGE]),
            lambda: solapi.batch_state(account, "G1"),
            lambda: solapi.batch_reports(account, "G1"),
        ]
        for ask in asking:
            with pytest.raises(ProviderUndecided):
                await ask()


async def test_who_is_not_let_in_may_come_again_and_hears_solapis_own_code(
    account: ProviderAccount, clock: SettableClock, client: httpx.AsyncClient
) -> None:
    async with answering(
        http("403 Forbidden", '{"errorCode":"NotAllowedIP","errorMessage":"허용되지 않은 IP"}')
    ) as url:
        error = await error_of(Solapi(url, clock, client), account)
    assert (type(error), error.code, error.detail) == (ProviderUnavailable, "NotAllowedIP", "허용되지 않은 IP")


@pytest.mark.parametrize("call", ["groups$", "messages$"])
async def test_handing_over_whose_answer_is_lost_sends_nothing(
    solapi: Solapi, account: ProviderAccount, simulator: Simulator, call: str
) -> None:
    simulator.set_faults(accept_then_drop={"count": 1, "on": call})
    with pytest.raises(ProviderUndecided):
        await solapi.prepare(account, [MESSAGE])
    assert simulator.accepted() == []


async def test_a_send_whose_answer_is_lost_can_be_asked_about(
    solapi: Solapi, account: ProviderAccount, simulator: Simulator
) -> None:
    batch = (await solapi.prepare(account, [MESSAGE])).batch
    assert batch is not None
    simulator.set_faults(accept_then_drop={"count": 1, "on": "/send$"})
    with pytest.raises(ProviderUndecided):
        await solapi.send(account, batch)
    assert await solapi.batch_state(account, batch) is BatchState.SENT
    assert len(simulator.accepted()) == 1


async def test_a_send_that_never_arrived_can_be_asked_about(
    solapi: Solapi, account: ProviderAccount, simulator: Simulator
) -> None:
    batch = (await solapi.prepare(account, [MESSAGE])).batch
    assert batch is not None
    simulator.set_faults(drop_before={"count": 1, "on": "/send$"})
    with pytest.raises(ProviderUndecided):
        await solapi.send(account, batch)
    assert await solapi.batch_state(account, batch) is BatchState.WAITING
    assert simulator.accepted() == []


async def test_an_outage_passes(solapi: Solapi, account: ProviderAccount, simulator: Simulator) -> None:
    simulator.set_faults(outage=True)
    with pytest.raises(ProviderUndecided):
        await solapi.prepare(account, [MESSAGE])
    simulator.set_faults()
    assert (await solapi.prepare(account, [MESSAGE])).accepted


class Handing:
    """SOLAPI as far as handing over goes, with results as the test wants them.

    results: the entries of `resultList`; held: those that the group's own list shows.
    """

    def __init__(self, results: list[dict[str, Any]], held: list[dict[str, Any]]) -> None:
        self.results = results
        self.held = held

    def __call__(self, request: httpx.Request) -> httpx.Response:
        answers: dict[str, Any] = {
            "POST": {"groupId": "G1"},
            "PUT": {"errorCount": 0, "resultList": self.results},
            "GET": {"messageList": {entry["messageId"]: entry for entry in self.held}, "nextKey": None},
        }
        return httpx.Response(200, content=orjson.dumps(answers[request.method]))


def entry(message: OutboundMessage, *, code: str = "2000", named: bool = True) -> dict[str, Any]:
    fields = {"customFields": {"allim": f"{message.message}/{message.attempt}/{message.channel}"}} if named else {}
    return {"to": message.to, "messageId": f"M{message.message.hex}", "statusCode": code, **fields}


async def test_results_that_leave_out_our_ids_are_read_from_the_groups_own_list(
    account: ProviderAccount, clock: SettableClock
) -> None:
    good = MESSAGE
    bad = OutboundMessage(uuid4(), 0, "sms", "01090001062", "내용")
    handing = Handing(
        results=[entry(good, named=False), entry(bad, code="1062", named=False)],
        held=[entry(good), entry(bad, code="1062")],
    )
    async with httpx.AsyncClient(transport=httpx.MockTransport(handing)) as client:
        prepared = await Solapi("http://solapi.invalid", clock, client).prepare(account, [good, bad])
    assert [accepted.message for accepted in prepared.accepted] == [good.message]
    assert [(report.message, report.code) for report in prepared.refused] == [(bad.message, "1062")]


async def test_a_batch_of_which_a_message_has_no_result_is_not_sent(
    account: ProviderAccount, clock: SettableClock
) -> None:
    """Called refused, it would go on to its next channel while the batch sends it on this one."""
    other = OutboundMessage(uuid4(), 0, "sms", "01090004001", "내용")
    handing = Handing(results=[entry(MESSAGE)], held=[entry(MESSAGE)])
    async with httpx.AsyncClient(transport=httpx.MockTransport(handing)) as client:
        with pytest.raises(ProviderUndecided):
            await Solapi("http://solapi.invalid", clock, client).prepare(account, [MESSAGE, other])
