"""The HTTP client of pushes against servers that answer in every way HTTP allows, and in some that it does not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from simulator.pubsub.delivery.posting import Endpoint
from simulator.pubsub.delivery.push import Window

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def endpoint_on(serve: Serve) -> AsyncIterator[tuple[Endpoint, list[int]]]:
    """An endpoint before a raw server, and a list that grows with each connection."""
    connections: list[int] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client went away
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    endpoint = Endpoint(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/a?b=c", "X-Standing: 1\r\n")
    try:
        yield endpoint, connections
    finally:
        endpoint.close()
        server.close()
        await server.wait_closed()


async def post(endpoint: Endpoint, body: bytes = b"{}", seconds: float = 5) -> tuple[int | None, str]:
    answer: asyncio.Future[tuple[int | None, str]] = asyncio.get_running_loop().create_future()
    endpoint.post(body, "X-Own: 2\r\n", seconds, lambda status, reason: answer.set_result((status, reason)))
    return await answer


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line[16:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length: "))
    return head + await reader.readexactly(length)


def answering(*answers: bytes) -> Serve:
    """Answer the requests of a connection one after another, then close it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await read_request(reader)
            writer.write(answer)
            await writer.drain()

    return serve


async def test_a_request_is_whole_and_its_connection_is_used_again() -> None:
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            seen.append(await read_request(reader))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with endpoint_on(serve) as (endpoint, connections):
        assert [await post(endpoint, body) for body in (b"one", b"", b"x" * 300_000)] == [(200, "")] * 3
        assert len(connections) == 1
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0] == b"POST /a?b=c HTTP/1.1"
    assert {b"X-Standing: 1", b"X-Own: 2", b"Content-Length: 3"} <= set(head.split(b"\r\n"))
    assert body == b"one"
    assert seen[2].endswith(b"\r\n\r\n" + b"x" * 300_000)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200),
        (b"HTTP/1.1 200 OK\r\n\r\nto the end of the connection", 200),
        (b"HTTP/1.0 200 OK\r\n\r\n", 200),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 10\r\nConnection: close\r\n\r\nhalf", 503),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", 201),
        (b"HTTP/1.1 102 Processing\r\n\r\n", 102),
        (b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", 500),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 500 Unasked\r\nContent-Length: 0\r\n\r\n", 500),
    ],
)
async def test_every_form_of_answer_is_understood(answer: bytes, status: int) -> None:
    async with endpoint_on(answering(answer)) as (endpoint, _):
        assert (await post(endpoint))[0] == status


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 20", b"SSH-2.0-OpenSSH_9\r\n", b"\x00\xff"])
async def test_what_is_no_answer_is_told_as_such(answer: bytes) -> None:
    async with endpoint_on(answering(answer)) as (endpoint, _):
        status, reason = await post(endpoint)

    assert status is None
    assert reason


async def test_silence_ends_at_the_limit() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with endpoint_on(serve) as (endpoint, _):
        assert await post(endpoint, seconds=0.05) == (None, "no answer in time")


async def test_a_status_whose_body_never_ends_is_no_answer() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await reader.read()

    async with endpoint_on(serve) as (endpoint, _):
        assert await post(endpoint, seconds=0.05) == (None, "no answer in time")


async def test_a_port_where_nobody_listens_is_told_as_such() -> None:
    async with endpoint_on(answering()) as (endpoint, _):
        pass
    status, reason = await post(endpoint)

    assert status is None
    assert "Connect" in reason


async def test_a_connection_that_the_server_closed_is_not_used_again() -> None:
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    async with endpoint_on(answering(ok, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")) as (
        endpoint,
        connections,
    ):
        assert [await post(endpoint) for _ in range(4)] == [(200, "")] * 4
        assert len(connections) == 2


async def test_requests_at_the_same_time_have_connections_of_their_own() -> None:
    all_there = asyncio.Barrier(10)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await all_there.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with endpoint_on(serve) as (endpoint, connections):
        answers = await asyncio.gather(*[post(endpoint) for _ in range(10)])

    assert answers == [(200, "")] * 10
    assert len(connections) == 10


def test_the_window_opens_with_good_answers_and_not_with_slow_ones() -> None:
    window = Window(maximum=20)
    for _ in range(10):
        window.acknowledged(started=0, now=0.5)
    assert window.limit == 15
    window.acknowledged(started=0, now=1.5)
    assert window.limit == 15
    for _ in range(10):
        window.acknowledged(started=0, now=0.5)
    assert window.limit == 20


def test_the_window_closes_with_refusals_down_to_one() -> None:
    window = Window(maximum=1000)
    for now in range(100):
        window.refused(started=now, now=now)

    assert window.limit == 1


def test_pauses_double_while_nothing_is_acknowledged_and_end_with_a_success() -> None:
    window = Window(maximum=1)
    pauses = []
    now = 0.0
    for _ in range(12):
        window.refused(started=now, now=now)
        pauses.append(window.paused_until - now)
        window.refused(started=now, now=now + 0.01)  # left before the pause: does not lengthen it
        assert window.paused_until - now == pauses[-1]
        now = window.paused_until

    assert pauses == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 60, 60])
    window.acknowledged(started=now, now=now)
    assert window.paused_until == 0


def test_some_refusals_among_acknowledgements_do_not_pause() -> None:
    window = Window(maximum=100)
    for now in range(200):
        if now % 3 == 0:
            window.refused(started=now, now=now)
            assert window.paused_until == 0
        else:
            window.acknowledged(started=now, now=now)

    assert window.limit > 10
