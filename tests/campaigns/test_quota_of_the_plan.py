"""A bulk send stays within the plan's messages: too many are refused whole, and two at once share what is left."""

import asyncio
import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import pytest

from shared.campaigns import batches
from shared.campaigns.errors import BrokenOffError, BulkError
from shared.campaigns.sending import BulkResult, preview_bulk, send_bulk
from shared.credits.plans.plans import PLANS
from shared.customers.files.people import CustomerFile
from tests.campaigns.conftest import TENANT, HeldFile, Shop

Open = Callable[..., CustomerFile]
People = Callable[[int], CustomerFile]
ALLOWED = 5


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PLANS, "PRO", replace(PLANS["PRO"], messages=ALLOWED))
    monkeypatch.setattr(batches, "ROWS_A_BATCH", 2)


async def _send(shop: Shop, file: CustomerFile, key: str | None = None) -> BulkResult:
    return await send_bulk(
        shop.api, shop.publisher, shop.clock, tenant=TENANT, template="receipt", customers=file, key=key
    )


@pytest.fixture
def people(csv_file: Open) -> People:
    return lambda count: csv_file("id,phone,name,amount", *(f"c-{n},010-0000-{n:04d},사람,1" for n in range(count)))


async def test_one_message_too_many_writes_nothing(shop: Shop, people: People) -> None:
    with pytest.raises(BulkError, match="quota_exceeded") as refused:
        await _send(shop, people(ALLOWED + 1))
    assert "plan PRO has 5 messages left until 2026-12-01" in refused.value.detail
    assert "no plan has room for them" in refused.value.detail
    assert [shop.count(table) for table in ("messages", "outbox", "customers")] == [0, 0, 0]
    assert (await _send(shop, people(ALLOWED))).queued == ALLOWED


async def test_what_is_queued_counts_before_it_is_sent_also_between_sends_at_once(shop: Shop, people: People) -> None:
    file = people(3)
    answers = await asyncio.gather(*(_send(shop, file, f"k{n}") for n in range(3)), return_exceptions=True)
    stopped = [answer for answer in answers if isinstance(answer, BulkError)]
    assert sum(isinstance(answer, BulkResult) for answer in answers) + len(stopped) == 3
    assert {error.code for error in stopped} == {"quota_exceeded"}
    assert shop.count("messages") <= ALLOWED
    for error in stopped:
        if isinstance(error, BrokenOffError):
            queued = shop.rows("select count(*) as n from messages where run_key = %(key)s", key=error.key)[0]["n"]
            assert error.queued == queued


async def test_a_send_whose_quota_another_uses_up_meanwhile_stops_and_goes_on_once_there_is_room(
    shop: Shop, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = people(4).path
    held = HeldFile(path.rename(path.with_name("held.csv")), before=2, reading=2)  # before that it is only counted
    sending = asyncio.create_task(_send(shop, held, "k"))
    await held.reached()
    await shop.until(lambda: shop.count("messages") == 2)
    await _send(shop, people(2), "another")
    held.go_on()
    with pytest.raises(BrokenOffError, match="quota_exceeded") as stopped:
        await sending
    assert (stopped.value.queued, stopped.value.key) == (2, "k")
    assert "plan PRO has 1 message left" in stopped.value.detail
    assert "2 messages of this send are queued" in stopped.value.detail
    assert "--key k" in stopped.value.detail
    assert "--key k" in (stopped.value.detail_ko or "")
    assert shop.count("messages") == ALLOWED - 1
    assert shop.rows("select queued from bulk_counts") == [{"queued": ALLOWED - 1}]
    monkeypatch.setitem(PLANS, "PRO", replace(PLANS["PRO"], messages=ALLOWED + 1))
    again = await _send(shop, people(4), "k")
    assert (again.queued, again.already) == (2, 2)


@pytest.mark.parametrize(("allowed", "queued"), [(3, 2), (4, 4)], ids=["no room", "room"])
async def test_a_send_whose_plan_becomes_another_one_meanwhile_has_what_that_one_has_left(
    shop: Shop, people: People, monkeypatch: pytest.MonkeyPatch, allowed: int, queued: int
) -> None:
    monkeypatch.setitem(PLANS, "BASIC", replace(PLANS["BASIC"], messages=allowed))
    held = HeldFile(people(4).path, before=2, reading=2)
    sending = asyncio.create_task(_send(shop, held, "k"))
    await held.reached()
    await shop.until(lambda: shop.count("messages") == 2)
    shop.rows("update tenant_plans set plan = 'BASIC'")
    held.go_on()
    if queued < 4:
        with pytest.raises(BrokenOffError, match="plan BASIC has 1 message left") as stopped:
            await sending
        assert (stopped.value.code, stopped.value.queued) == ("quota_exceeded", 2)
    else:
        assert (await sending).queued == 4
    assert shop.count("messages") == queued


async def test_a_dry_run_says_the_same(shop: Shop, people: People) -> None:
    for count, code in ((ALLOWED, "ok"), (ALLOWED + 1, "quota_exceeded")):
        told = await preview_bulk(shop.api, shop.clock, tenant=TENANT, template="receipt", customers=people(count))
        assert [check.code for check in told.preflight.checks if check.name == "quota"] == [code]


async def test_a_send_that_is_made_again_with_its_key_needs_no_quota_again(shop: Shop, people: People) -> None:
    await _send(shop, people(ALLOWED), key="k")
    again = await _send(shop, people(ALLOWED), key="k")
    assert (again.queued, again.already) == (0, ALLOWED)


async def test_a_new_period_begins_with_the_whole_quota(shop: Shop, people: People) -> None:
    await _send(shop, people(ALLOWED))
    # They are sent: their tickets are consumed, and their holds stand in the ledger.
    shop.rows(
        """
        insert into ledger_entries (tenant, id, kind, key, messages, created_at)
        select tenant, gen_random_uuid(), 'hold', 'hold/1', array_agg(id), %(now)s from messages group by tenant
        """,
        now=shop.clock.now(),
    )
    shop.rows("delete from outbox")
    with pytest.raises(BulkError, match="quota_exceeded"):
        await _send(shop, people(1))
    shop.clock.moment = dt.datetime(2026, 11, 30, 14, 59, tzinfo=dt.UTC)
    with pytest.raises(BulkError, match="quota_exceeded"):
        await _send(shop, people(1))
    shop.clock.moment += dt.timedelta(minutes=1)  # 1 December in Seoul
    assert (await _send(shop, people(1))).queued == 1
