"""A send may end between any two things that it does, or stand still there: it holds up nobody, and the same key makes
it whole. Everybody gets one message."""

from __future__ import annotations

import asyncio
import itertools
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from local.home import CHECKOUT
from shared.campaigns import batches, writing
from shared.campaigns.errors import BrokenOffError
from shared.campaigns.sending import BulkResult, Progress, preview_bulk, send_bulk
from shared.customers.files.people import CustomerFile
from shared.messages.store import queue_alike
from shared.platform.database import Database, again, patience
from shared.workflows.events.intake import EventIntake
from tests.campaigns.conftest import TENANT, HeldFile, Shop
from tests.faults.boundaries import Hook, WatchedDatabase, WatchedPublisher
from tests.faults.world import Crash
from tests.world import event

Open = Callable[..., CustomerFile]
HEADER = "id,phone,name,amount"
PEOPLE, BATCH = 8, 5
BAD = "bad,nonsense,사람,1"


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "ROWS_A_BATCH", BATCH)
    monkeypatch.setattr(again, "PAUSES", (0.01, 0.01, 0.01))


def _rows(count: int, first: int = 0) -> list[str]:
    return [f"c-{n:03d},010-0000-{n:04d},사람,1" for n in range(first, first + count)]


async def _send(
    shop: Shop, file: CustomerFile, key: str | None = "k", hook: Hook | None = None, **options: Any
) -> BulkResult:
    database: Database = WatchedDatabase(shop.api, hook) if hook else shop.api
    publisher = WatchedPublisher(shop.publisher, hook) if hook else shop.publisher
    options = {"tenant": TENANT, "template": "receipt", "customers": file, "key": key, **options}
    return await send_bulk(database, publisher, shop.clock, **options)


def _assert_everybody_has_one(shop: Shop, count: int) -> None:
    queued = shop.rows("select customer from messages where status = 'queued'")
    assert Counter(row["customer"] for row in queued) == dict.fromkeys([f"c-{n:03d}" for n in range(count)], 1)
    carried = shop.rows("select jsonb_array_elements_text(body -> 'messages') as message from outbox")
    ids = {str(row["id"]) for row in shop.rows("select id from messages where status = 'queued'")}
    assert Counter(row["message"] for row in carried) == dict.fromkeys(ids, 1)
    assert shop.rows("select queued from bulk_counts where tenant = %s", TENANT) == [{"queued": count}]
    assert {row["id"] for row in shop.rows("select id from customers")} >= {f"c-{n:03d}" for n in range(count)}


def _ending_after(number: int, error: BaseException) -> Hook:
    done = itertools.count()

    async def hook(boundary: str) -> None:
        if next(done) == number:
            raise error

    return hook


async def test_a_send_that_ends_at_any_moment_is_made_whole_by_its_key(shop: Shop, csv_file: Open) -> None:
    file = csv_file(HEADER, *_rows(PEOPLE), BAD)
    for number in itertools.count():
        shop.rows("truncate messages, outbox, customers, bulk_sends, bulk_counts cascade")
        lived = True
        try:
            await _send(shop, file, hook=_ending_after(number, Crash()))
        except Crash:
            lived = False
        await _send(shop, file)
        _assert_everybody_has_one(shop, PEOPLE)
        if lived:
            break
    assert number > 2 * 12


PASSING: Sequence[psycopg.Error] = (
    psycopg.OperationalError("the connection was dropped"),
    psycopg.errors.DeadlockDetected("two crossed"),
    psycopg.errors.LockNotAvailable("somebody holds it"),
    psycopg.errors.IdleInTransactionSessionTimeout("we stood still"),
)


class Once:
    """A hook that raises at one boundary, counted while it is armed."""

    def __init__(self, number: int) -> None:
        self.armed = self.raised = False
        self._left, self._error = number, PASSING[number % len(PASSING)]

    async def __call__(self, boundary: str) -> None:
        if self.armed and not self.raised:
            self._left -= 1
            if self._left < 0:
                self.raised = True
                raise self._error

    def tell(self, progress: Progress) -> None:
        """It is armed while there is something to write."""
        self.armed = progress.asked < PEOPLE + 1


async def test_whatever_passes_is_tried_again_wherever_it_comes_and_everybody_is_counted_once(
    shop: Shop, csv_file: Open
) -> None:
    file = csv_file(HEADER, *_rows(PEOPLE), BAD)
    for number in itertools.count():
        shop.rows("truncate messages, outbox, customers, bulk_sends, bulk_counts cascade")
        hook = Once(number)
        result = await _send(shop, file, hook=hook, on_progress=hook.tell)
        assert (result.asked, result.queued, result.already) == (PEOPLE + 1, PEOPLE, 0)
        assert result.failed == {"invalid_phone": 1}
        _assert_everybody_has_one(shop, PEOPLE)
        if not hook.raised:
            break
    assert number > 2 * 12


async def test_a_database_that_stays_away_ends_the_send_with_what_is_queued_and_how_to_go_on(
    shop: Shop, csv_file: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, away = csv_file(HEADER, *_rows(PEOPLE)), False

    async def queue(*arguments: Any, **options: Any) -> Any:
        if away:
            raise psycopg.OperationalError("the database is away")
        return await queue_alike(*arguments, **options)

    def tell(progress: Progress) -> None:
        nonlocal away
        away = progress.asked >= BATCH

    monkeypatch.setattr(writing, "queue_alike", queue)
    with pytest.raises(BrokenOffError, match="send_interrupted: the send was interrupted: the database is away") as end:
        await _send(shop, file, key=None, on_progress=tell)
    assert end.value.queued == shop.count("messages") == BATCH
    assert f"--key {end.value.key}" in end.value.detail
    assert f"--key {end.value.key}" in (end.value.detail_ko or "")
    away = False
    rest = await _send(shop, file, key=end.value.key)
    assert (rest.queued, rest.already) == (PEOPLE - BATCH, BATCH)
    _assert_everybody_has_one(shop, PEOPLE)


async def test_who_calls_a_send_off_stops_it_after_its_batch_and_knows_what_is_queued(
    shop: Shop, csv_file: Open
) -> None:
    told: list[Progress] = []
    sending: asyncio.Task[BulkResult]

    async def hook(boundary: str) -> None:
        if boundary == "before queue_alike":
            sending.cancel()

    sending = asyncio.create_task(
        _send(shop, csv_file(HEADER, *_rows(PEOPLE)), key=None, hook=hook, on_progress=told.append)
    )
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert told[-1].queued == shop.count("messages") == BATCH
    await _send(shop, csv_file(HEADER, *_rows(PEOPLE)), key=told[-1].key)
    _assert_everybody_has_one(shop, PEOPLE)


@pytest.mark.parametrize("before", [0, 2, BATCH, PEOPLE - 1])
async def test_a_send_that_stands_still_in_its_file_holds_up_nobody(shop: Shop, csv_file: Open, before: int) -> None:
    held = HeldFile(csv_file(HEADER, *_rows(PEOPLE)).path, before=before)
    sending = asyncio.create_task(_send(shop, held))
    await held.reached()
    written = BATCH * (before // BATCH)
    await shop.until(lambda: shop.count("messages") == written)
    await shop.until(lambda: not shop.rows(OPEN_TRANSACTIONS))
    await _events_get_through(shop)
    assert (await _send(shop, _another(held.path, 3), key="other")).queued == 3
    assert not sending.done()
    held.go_on()
    assert (await sending).queued == PEOPLE


async def test_a_dry_run_that_stands_still_in_its_file_has_no_transaction_open(shop: Shop, csv_file: Open) -> None:
    await _send(shop, csv_file(HEADER, *_rows(2)))
    held = HeldFile(csv_file(HEADER, *_rows(PEOPLE)).path, before=BATCH + 1)
    looking = asyncio.create_task(
        preview_bulk(shop.api, shop.clock, tenant=TENANT, template="receipt", customers=held, key="k")
    )
    await held.reached()
    await shop.until(lambda: not shop.rows(OPEN_TRANSACTIONS))
    assert not looking.done()
    held.go_on()
    assert ((await looking).queued, (await looking).already) == (PEOPLE - 2, 2)


async def test_a_send_that_stands_still_inside_a_batch_gives_back_what_it_holds_and_writes_the_batch_again(
    shop: Shop, csv_file: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "HURRY", patience.HURRY.replace("5s", "300ms"))
    stands, go_on = asyncio.Event(), asyncio.Event()
    writing_it = False

    async def hook(boundary: str) -> None:
        if boundary == "before commit" and writing_it and not stands.is_set():
            stands.set()
            await go_on.wait()

    def tell(_: Progress) -> None:
        nonlocal writing_it
        writing_it = True

    sending = asyncio.create_task(_send(shop, csv_file(HEADER, *_rows(PEOPLE)), hook=hook, on_progress=tell))
    await stands.wait()
    assert shop.rows(OPEN_TRANSACTIONS)
    await _events_get_through(shop)
    go_on.set()
    result = await sending
    assert (result.queued, result.already) == (PEOPLE, 0)
    _assert_everybody_has_one(shop, PEOPLE)


def _another(path: Path, people: int) -> CustomerFile:
    """A file beside one that is being read."""
    other = path.with_name("other.csv")
    other.write_text("\n".join([HEADER, *_rows(people)]))
    return CustomerFile(other)


OPEN_TRANSACTIONS = """
select pid from pg_stat_activity
where datname = current_database() and usename = 'allim_api' and state <> 'idle'
"""


async def _events_get_through(shop: Shop) -> None:
    """Events of another tenant, and of each of the tenant's own customers."""
    intake = EventIntake(shop.as_role("allim_events"), shop.publisher, shop.clock)
    people = [(TENANT, f"c-{n:03d}") for n in range(PEOPLE)] + [("other", "c-000")]
    async with asyncio.timeout(3):
        await asyncio.gather(
            *(
                intake.receive(
                    event(tenant, f"e-{tenant}-{who}", customer={"id": who, "name": "새 이름"}, time=shop.clock.now())
                )
                for tenant, who in people
            )
        )
    named = shop.rows("select tenant, id from customers where name = '새 이름'")
    assert {(row["tenant"], row["id"]) for row in named} >= set(people)


@contextmanager
def _process(shop: Shop, file: Path) -> Iterator[subprocess.Popen[bytes]]:
    arguments = [shop.migrated.role_url("allim_api"), TENANT, str(file), "k"]
    command = [sys.executable, "-m", "tests.campaigns.killed", *arguments]
    with subprocess.Popen(command, cwd=CHECKOUT) as process:  # noqa: S603
        try:
            yield process
        finally:
            process.kill()


async def test_a_process_that_is_suspended_holds_up_nobody_and_one_that_is_killed_is_gone_on_with(
    shop: Shop, csv_file: Open
) -> None:
    many = 600
    file = csv_file(HEADER, *_rows(many))
    with _process(shop, file.path) as process:
        await shop.until(lambda: shop.count("messages") >= 3 * BATCH)
        process.send_signal(signal.SIGSTOP)
        sent = _of_the_send(shop)
        intake = EventIntake(shop.as_role("allim_events"), shop.publisher, shop.clock)
        people = [(TENANT, f"c-{n:03d}") for n in range(0, many, 20)] + [("other", "c-000")]
        async with asyncio.timeout(15):  # what it may have held when it was stopped, the server has ended by then
            for tenant, who in people:
                await intake.receive(event(tenant, f"e-{tenant}-{who}", customer={"id": who}, time=shop.clock.now()))
            assert (await _send(shop, _another(file.path, 3), key="other")).queued == 3
        assert len(sent) < many
        assert len(_of_the_send(shop)) <= len(sent) + BATCH
        process.kill()
        process.wait()
    rest = await _send(shop, file)
    assert rest.queued + rest.already == many
    assert Counter(_of_the_send(shop)) == dict.fromkeys([f"c-{n:03d}" for n in range(many)], 1)


def _of_the_send(shop: Shop) -> list[str]:
    return [row["customer"] for row in shop.rows("select customer from messages where run_key = 'k'")]


async def test_two_processes_with_one_key_send_once_between_them(shop: Shop, csv_file: Open) -> None:
    many = 100
    file = csv_file(HEADER, *_rows(many))
    with _process(shop, file.path) as one, _process(shop, file.path) as two:
        assert [await asyncio.to_thread(process.wait) for process in (one, two)] == [0, 0]
    _assert_everybody_has_one(shop, many)


@pytest.mark.parametrize("order", [1, -1], ids=["the same order", "the opposite order"])
async def test_two_sends_of_one_key_at_once_may_have_their_rows_in_any_order(
    shop: Shop, csv_file: Open, order: int
) -> None:
    rows = _rows(40)
    one = csv_file(HEADER, *rows).path
    two = one.with_name("two.csv")
    two.write_text("\n".join([HEADER, *rows[::order]]))
    results = await asyncio.gather(_send(shop, CustomerFile(one)), _send(shop, CustomerFile(two)))
    assert sum(result.queued for result in results) == len(rows)
    assert all(result.queued + result.already == len(rows) for result in results)
    _assert_everybody_has_one(shop, len(rows))


async def test_a_send_reads_one_batch_ahead_and_no_further(shop: Shop, csv_file: Open) -> None:
    read = 0

    class Counted(CustomerFile):
        def __iter__(self) -> Iterator[Any]:
            nonlocal read
            for row in super().__iter__():
                read += 1
                yield row

    ahead: list[int] = []
    file = Counted(csv_file(HEADER, *_rows(20 * BATCH)).path)
    await _send(shop, file, on_progress=lambda progress: ahead.append(read - progress.asked))
    assert max(ahead) <= 2 * BATCH


def _keys(results: Sequence[BulkResult]) -> list[str | None]:
    return [result.key for result in results]


async def test_each_send_without_a_key_has_one_of_its_own_that_goes_on_with_it(shop: Shop, csv_file: Open) -> None:
    file = csv_file(HEADER, *_rows(3))
    results = [await _send(shop, file, key=None) for _ in range(2)]
    assert len({*_keys(results)}) == 2
    same = await _send(shop, file, key=results[0].key)
    assert (same.queued, same.already, shop.count("messages")) == (0, 3, 6)


async def test_a_key_of_the_time_before_keys_were_kept_still_names_its_send(shop: Shop, csv_file: Open) -> None:
    file = csv_file(HEADER, *_rows(3))
    await _send(shop, file)
    shop.rows("delete from bulk_sends")
    same = await _send(shop, csv_file(HEADER, *_rows(4)))
    assert (same.queued, same.already) == (1, 3)
