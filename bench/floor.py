"""The floor: what the same machine does in the same run when nothing but the unavoidable is left.

Postgres: the same rows, written in the same number of state changes (and commits), by bare set-based SQL that the
server feeds itself. HTTP: the same pushes, answered by a function that only decodes them.
"""

from __future__ import annotations

import asyncio
import base64
import json
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil
import psycopg

from bench.saas import SOURCE, TEMPLATE, TENANT, event
from bench.watch import BenchError
from local.functions import HEALTH_PATH, command
from local.postgres import ensure_database
from local.process import die_with_parent, free_ports
from shared.platform.clock import WallClock
from shared.platform.database.migrations import migrate

ROWS_A_BATCH = 500
HTTP_CONNECTIONS = 32

_TOLD = """
with told as (
  insert into events (tenant, source, id, type, time, data, received_at, month)
  select %(tenant)s, %(source)s, 'evt-' || n, 'subscription.signup', now(), %(data)s, now(), date_trunc('month', now())
  from generate_series(%(first)s::int, %(last)s::int) as n
), people as (
  insert into customers (tenant, id, name, phone, email, company, status, plan, as_of)
  select %(tenant)s, 'c-' || n, '홍길동', '010-9000-4000', 'c@example.com', '길동상회', 'active', 'premium', now()
  from generate_series(%(first)s::int, %(last)s::int) as n
), """
_QUEUED = """
made as (
  insert into messages (
    tenant, id, customer, recipient, workflow, workflow_version, step, event_source, event_id, template,
    template_version, variables, route, deadlines, channel, status, due_at, expires_at, created_at, updated_at
  )
  select %(tenant)s, uuidv7(), 'c-' || n, '01090004000', 'welcome', 1, 0, %(source)s, 'evt-' || n, %(template)s, 1,
    '{"이름": "홍길동"}', '{alimtalk,sms}', '{300,3600}', 'alimtalk', 'queued',
    now(), now() + interval '1 hour', now(), now()
  from generate_series(%(first)s::int, %(last)s::int) as n
  returning id
), ids as (
  select array_agg(id) as ids from made
), ticket as (
  insert into outbox (tenant, id, topic, body, publish_at, created_at)
  select %(tenant)s, uuidv7(), 'send-requests', jsonb_build_object('messages', to_jsonb(ids)), now(), now() from ids
  returning id
)
select ids, id from ids, ticket
"""
_CLAIMED = """
with consumed as (
  delete from outbox where tenant = %(tenant)s and id = %(ticket)s
), claimed as (
  update messages set status = 'sending', dispatch = %(ticket)s, provider = 'solapi', tries = 1, updated_at = now()
  where tenant = %(tenant)s and id = any(%(ids)s) and status = 'queued'
)
insert into dispatches (tenant, id, provider, account, messages, lease_until, created_at, updated_at)
values (%(tenant)s, %(ticket)s, 'solapi', 'main', %(ids)s, now(), now(), now())
"""
_PREPARED = """
update dispatches set state = 'prepared', provider_batch_id = %(ticket)s::text, updated_at = now()
where tenant = %(tenant)s and id = %(ticket)s
"""
_SENT = """
with sent as (
  update dispatches set state = 'sent', check_at = now(), updated_at = now()
  where tenant = %(tenant)s and id = %(ticket)s
)
update messages set status = 'sent', provider_message_id = id::text, updated_at = now()
where tenant = %(tenant)s and id = any(%(ids)s)
"""
_DELIVERED = """
with said as (
  insert into reports (tenant, message, attempt, code, outcome, channel, provider, provider_message_id, at, received_at)
  select %(tenant)s, id, 0, '4000', 'delivered', 'alimtalk', 'solapi', id::text, now(), now()
  from unnest(%(ids)s::uuid[]) as id
)
update messages set status = 'delivered', price = 15, updated_at = now()
where tenant = %(tenant)s and id = any(%(ids)s)
"""


@dataclass(frozen=True, slots=True)
class SqlFloor:
    """Bare SQL. `with_events`: rows of events and customers too, as single events leave them; a bulk leaves none."""

    with_events: bool
    connections: int
    messages: int
    per_second: float
    postgres_cpu_seconds_per_1000: float


@dataclass(frozen=True, slots=True)
class HttpFloor:
    """A bare function. The client is aiohttp on this machine, whose time is apart."""

    requests: int
    connections: int
    per_second: float
    function_cpu_seconds_per_1000: float
    client_cpu_seconds_per_1000: float


def sql_floor(
    server_url: str, postgres_pid: int, messages: int, *, connections: int, with_events: bool, database: str
) -> SqlFloor:
    """Write `messages` through all their states, in a new database of the same schema.

    Args:
        server_url: a superuser's, any database of the server.
        postgres_pid: the server's first process.
        messages: how many.
        connections: as many write at the same time.
        with_events: also what single events leave.
        database: name of the new database; it is dropped afterwards.
    """
    url = ensure_database(server_url, database)
    migrate(url)
    try:
        before = _cpu(postgres_pid)
        begun = time.perf_counter()
        share = -(-messages // connections)
        writers = [
            _Writer(url, range(start, min(messages, start + share)), with_events) for start in range(0, messages, share)
        ]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        seconds = time.perf_counter() - begun
        if failed := [writer.error for writer in writers if writer.error]:
            raise failed[0]
        cpu = _cpu(postgres_pid) - before
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f"drop database {database} with (force)")
    return SqlFloor(with_events, connections, messages, round(messages / seconds), round(cpu / messages * 1e3, 3))


class _Writer(threading.Thread):
    def __init__(self, url: str, numbers: range, with_events: bool) -> None:
        super().__init__(name="floor")
        self.error: Exception | None = None
        self._url = url
        self._numbers = numbers
        self._first = _TOLD + _QUEUED.lstrip() if with_events else "with " + _QUEUED.lstrip()

    def run(self) -> None:
        try:
            with psycopg.connect(self._url, autocommit=True) as connection:
                for start in range(self._numbers.start, self._numbers.stop, ROWS_A_BATCH):
                    self._write(connection, start, min(start + ROWS_A_BATCH, self._numbers.stop) - 1)
        except Exception as error:  # raised again by who waits for the thread
            self.error = error

    def _write(self, connection: psycopg.Connection, first: int, last: int) -> None:
        fixed = {"tenant": TENANT, "source": SOURCE, "template": TEMPLATE}
        told = json.loads(event("evt-0", 0, WallClock().now()))
        row = connection.execute(
            self._first, {**fixed, "first": first, "last": last, "data": json.dumps(told["data"])}
        ).fetchone()
        if row is None:
            raise BenchError("the floor's insert gave nothing back")
        written = {"tenant": TENANT, "ids": row[0], "ticket": row[1]}
        for statement in (_CLAIMED, _PREPARED, _SENT, _DELIVERED):
            connection.execute(statement, written)


def http_floor(requests: int) -> HttpFloor:
    """Serve the bare function as the stack serves its functions, and push `requests` events to it."""
    port = free_ports(1)[0]
    process = subprocess.Popen(  # noqa: S603
        command("bare_function", port, Path(__file__).parent),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
    try:
        url = f"http://127.0.0.1:{port}"
        asyncio.run(_until_up(url + HEALTH_PATH))
        bodies = [_push(number) for number in range(1_000)]
        asyncio.run(_post(url, bodies))  # warm
        function, client = _cpu(process.pid), time.process_time()
        begun = time.perf_counter()
        asyncio.run(_post(url, [bodies[number % len(bodies)] for number in range(requests)]))
        seconds = time.perf_counter() - begun
        function, client = _cpu(process.pid) - function, time.process_time() - client
    finally:
        process.terminate()
        process.wait()
    return HttpFloor(
        requests=requests,
        connections=HTTP_CONNECTIONS,
        per_second=round(requests / seconds),
        function_cpu_seconds_per_1000=round(function / requests * 1e3, 3),
        client_cpu_seconds_per_1000=round(client / requests * 1e3, 3),
    )


def _push(number: int) -> bytes:
    data = event(f"evt-{number}", number, WallClock().now())
    message = {"data": base64.b64encode(data).decode(), "messageId": str(number), "publishTime": "2026-11-21T01:00:00Z"}
    return json.dumps({"message": message, "subscription": "projects/p/subscriptions/s", "deliveryAttempt": 1}).encode()


async def _until_up(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(600):
            try:
                async with session.get(url):
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)
    raise BenchError("the bare function does not come up")


async def _post(url: str, bodies: Sequence[bytes]) -> None:
    waiting = iter(bodies)

    async def worker(session: aiohttp.ClientSession) -> None:
        for body in waiting:
            async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
                answer.raise_for_status()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=HTTP_CONNECTIONS)) as session:
        await asyncio.gather(*(worker(session) for _ in range(HTTP_CONNECTIONS)))


def _cpu(pid: int) -> float:
    """CPU seconds of a process and its children, living or reaped."""
    total = 0.0
    root = psutil.Process(pid)
    for process in [root, *root.children(recursive=True)]:
        try:
            total += sum(process.cpu_times()[:4])
        except psutil.NoSuchProcess:
            continue
    return total
