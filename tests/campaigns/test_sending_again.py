"""A send that is given again with its key: who never got a message gets one, who did or may have gets no second."""

import asyncio
import datetime as dt
import random
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from shared.campaigns import batches, writing
from shared.campaigns.sending import BulkResult, preview_bulk, send_bulk
from shared.customers.files.people import CustomerFile
from shared.messages.store import queue_alike
from tests.campaigns.conftest import NOW, TENANT, Shop

Open = Callable[..., CustomerFile]
HEADER = "id,phone,name,amount"
GOOD, BAD = "c-1,010-0000-0001,사람,1", "c-1,nonsense,사람,1"
OTHERS = tuple(f"c-{n},010-0000-{n:04d},사람,1" for n in range(2, 5))


async def _send(shop: Shop, file: CustomerFile, key: str = "k") -> BulkResult:
    options: dict[str, Any] = {"tenant": TENANT, "template": "receipt", "customers": file, "key": key}
    return await send_bulk(shop.api, shop.publisher, shop.clock, **options)


def _came_to(result: BulkResult) -> tuple[int, int, dict[str, int]]:
    assert result.asked == result.queued + result.already + sum(result.failed.values()) + sum(result.refused.values())
    return result.queued, result.already, {**result.failed, **result.refused}


def _messages(shop: Shop, customer: str) -> list[tuple[str, str | None]]:
    rows = shop.rows(
        "select status::text, recipient from messages where customer = %(customer)s order by created_at, id",
        customer=customer,
    )
    return [(row["status"], row["recipient"]) for row in rows]


async def test_a_row_that_was_mended_is_sent_and_the_others_are_not_again(shop: Shop, csv_file: Open) -> None:
    assert _came_to(await _send(shop, csv_file(HEADER, BAD, *OTHERS))) == (3, 0, {"invalid_phone": 1})
    shop.clock.moment += dt.timedelta(days=3, microseconds=777)
    assert _came_to(await _send(shop, csv_file(HEADER, GOOD, *OTHERS))) == (1, 3, {})
    assert _came_to(await _send(shop, csv_file(HEADER, GOOD, *OTHERS))) == (0, 4, {})
    assert _messages(shop, "c-1") == [("failed", None), ("queued", "01000000001")]
    assert [len(ticket.messages) for ticket in shop.tickets] == [3, 1]


async def test_a_row_that_is_as_bad_as_before_is_told_and_makes_no_other_message(shop: Shop, csv_file: Open) -> None:
    for _ in range(3):
        result = await _send(shop, csv_file(HEADER, BAD, *OTHERS))
        assert result.failed == {"invalid_phone": 1}
        assert [(problem.line, problem.customer) for problem in result.problems] == [(2, "c-1")]
    assert _messages(shop, "c-1") == [("failed", None)]


async def test_a_row_that_was_refused_is_sent_once_it_says_who_it_is_for(shop: Shop, csv_file: Open) -> None:
    refused = await _send(shop, csv_file(HEADER, GOOD.removeprefix("c-1"), *OTHERS))
    assert _came_to(refused) == (3, 0, {"missing_id": 1})
    assert _came_to(await _send(shop, csv_file(HEADER, GOOD, *OTHERS))) == (1, 3, {})


async def test_words_that_were_mended_are_sent_to_those_whom_they_did_not_fit(shop: Shop, csv_file: Open) -> None:
    assert _came_to(await _send(shop, csv_file(HEADER, "c-1,010-0000-0001,,1"))) == (0, 0, {"missing_variable": 1})
    assert _came_to(await _send(shop, csv_file(HEADER, GOOD))) == (1, 0, {})


async def test_the_same_customer_twice_in_a_file_gets_one(shop: Shop, csv_file: Open) -> None:
    assert _came_to(await _send(shop, csv_file(HEADER, BAD, GOOD))) == (0, 0, {"invalid_phone": 1, "repeated_id": 1})
    assert _came_to(await _send(shop, csv_file(HEADER, GOOD, GOOD))) == (1, 0, {"repeated_id": 1})
    assert _came_to(await _send(shop, csv_file(HEADER, GOOD, GOOD))) == (0, 1, {"repeated_id": 1})


ENDS: dict[str, tuple[dict[str, Any], list[tuple[str, int]], bool]] = {
    "waits": ({"status": "queued"}, [], False),
    "is-being-sent": ({"status": "sending", "dispatch": uuid4()}, [], False),
    "was-sent": ({"status": "sent", "dispatch": uuid4()}, [], False),
    "is-unknown": ({"status": "unknown", "dispatch": uuid4()}, [], False),
    "arrived": ({"status": "delivered", "dispatch": uuid4()}, [("solapi", 0)], False),
    "had-no-credit": ({"status": "failed"}, [], True),
    "was-too-late": ({"status": "expired"}, [], True),
    "found-no-provider": ({"status": "failed", "attempt": 5}, [], True),
    "was-refused-by-us": ({"status": "failed", "dispatch": uuid4()}, [("allim", 0)], True),
    "was-refused-by-us-twice": (
        {"status": "failed", "dispatch": uuid4(), "attempt": 1, "position": 1},
        [("allim", 0), ("allim", 1)],
        True,
    ),
    "was-not-delivered": ({"status": "failed", "dispatch": uuid4()}, [("solapi", 0)], False),
    "had-no-report": ({"status": "failed", "dispatch": uuid4()}, [], False),
    "went-on-after-a-deadline": ({"status": "failed", "attempt": 1, "position": 1}, [], False),
    "went-on-after-a-failure": ({"status": "failed", "attempt": 1, "position": 1}, [("solapi", 0)], False),
    "refused-by-us-then-lost": (
        {"status": "failed", "dispatch": uuid4(), "attempt": 1, "position": 1},
        [("allim", 0)],
        False,
    ),
}


@pytest.mark.parametrize(("stands", "reports", "anew"), ENDS.values(), ids=list(ENDS))
async def test_only_what_no_provider_may_have_is_sent_again(
    shop: Shop, csv_file: Open, stands: dict[str, Any], reports: list[tuple[str, int]], anew: bool
) -> None:
    await _send(shop, csv_file(HEADER, GOOD))
    shop.rows(
        "update messages set status = %(status)s::message_status, reason = 'x', dispatch = %(dispatch)s,"
        " attempt = %(attempt)s, position = %(position)s",
        **{"dispatch": None, "attempt": 0, "position": 0, **stands},
    )
    for provider, attempt in reports:
        shop.rows(
            "insert into reports (tenant, message, attempt, code, outcome, provider, received_at)"
            " select tenant, id, %(attempt)s, 'x', 'failed', %(provider)s, %(now)s from messages",
            attempt=attempt,
            provider=provider,
            now=NOW,
        )
    options: dict[str, Any] = {"tenant": TENANT, "template": "receipt", "customers": csv_file(HEADER, GOOD), "key": "k"}
    seen = await preview_bulk(shop.api, shop.clock, **options)
    assert _came_to(seen) == _came_to(await _send(shop, csv_file(HEADER, GOOD))) == (anew, not anew, {})
    assert shop.count("messages") == 1 + anew


async def test_a_message_that_never_left_twice_is_made_a_third_time(shop: Shop, csv_file: Open) -> None:
    for _ in range(4):
        assert (await _send(shop, csv_file(HEADER, GOOD, *OTHERS))).queued == 4
        shop.rows("update messages set status = 'failed', reason = 'credit_shortage' where status = 'queued'")
    assert shop.count("messages") == 16


async def test_those_who_send_a_mended_file_at_once_send_once(shop: Shop, csv_file: Open) -> None:
    await _send(shop, csv_file(HEADER, BAD, *OTHERS))
    mended = csv_file(HEADER, GOOD, *OTHERS)
    results = await asyncio.gather(*(_send(shop, mended) for _ in range(3)))
    assert Counter(map(str, map(_came_to, results))) == {"(1, 3, {})": 1, "(0, 4, {})": 2}
    assert shop.count("messages") == 5


async def test_a_row_that_is_mended_while_the_first_send_runs_is_sent_once(shop: Shop, csv_file: Open) -> None:
    bad = csv_file(HEADER, BAD, *OTHERS)
    first = asyncio.create_task(_send(shop, bad))
    await asyncio.sleep(0)
    list(bad)
    path = bad.path.with_name("mended.csv")
    path.write_text("\n".join([HEADER, GOOD, *OTHERS]))
    await asyncio.gather(first, _send(shop, CustomerFile(path)), _send(shop, CustomerFile(path)))
    assert shop.rows(
        "select customer, count(*) as n from messages where status = 'queued' group by customer order by customer"
    ) == [{"customer": f"c-{n}", "n": 1} for n in range(1, 5)]


async def test_a_send_that_was_broken_off_is_made_whole_by_the_next(
    shop: Shop, csv_file: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "ROWS_A_BATCH", 2)
    await _send(shop, csv_file(HEADER, BAD))
    file = csv_file(HEADER, GOOD, *OTHERS)
    with monkeypatch.context() as patched:

        async def broken(*arguments: Any, **options: Any) -> None:
            await queue_alike(*arguments, **options)
            raise RuntimeError("killed")

        patched.setattr(writing, "queue_alike", broken)
        with pytest.raises(RuntimeError):
            await _send(shop, file)
    assert _came_to(await _send(shop, file)) == (4, 0, {})


@pytest.mark.parametrize("seed", range(5))
async def test_however_files_are_mended_and_spoilt_nobody_gets_two_and_who_was_ever_good_gets_one(
    shop: Shop, csv_file: Open, seed: int
) -> None:
    chance = random.Random(seed)
    good: set[str] = set()
    for _ in range(6):
        chosen = chance.sample(range(8), chance.randint(1, 8))
        sound = {f"c-{n}" for n in chosen if chance.random() < 0.5}
        rows = [f"c-{n},{f'010-0000-{n:04d}' if f'c-{n}' in sound else 'nonsense'},사람,1" for n in chosen]
        result = await _send(shop, csv_file(HEADER, *rows))
        assert (result.queued, result.already) == (len(sound - good), len(good & {f"c-{n}" for n in chosen}))
        good |= sound
    queued = shop.rows("select customer from messages where status = 'queued'")
    assert sorted(row["customer"] for row in queued) == sorted(good)
