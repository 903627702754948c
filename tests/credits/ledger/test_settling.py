"""The life of a charge, case by case: held with the claim, settled once, at what the message really took."""

import asyncio
import datetime as dt
from decimal import Decimal
from itertools import count

import pytest

from shared.contracts.tickets import SendTicket
from shared.credits.ledger.low_balances import watch_low_balances
from shared.messages.dispatch.dispatching import MAX_TRIES
from shared.messages.reports.reporting import Told
from tests.credits.ledger_world import LedgerWorld, said

_numbers = count(1)


@pytest.fixture
def world(audited_world: LedgerWorld) -> LedgerWorld:
    return audited_world


async def _tenant(world: LedgerWorld, credit: int) -> str:
    return await world.add_tenant(f"settling-{next(_numbers)}", credit=credit)


async def _statuses(world: LedgerWorld, tenant: str) -> list[tuple[str, str | None]]:
    return sorted((row["status"], row["reason"]) for row in (world.messages_by_id(tenant)).values())


async def test_a_claim_holds_the_dearest_price_still_open_and_a_delivery_captures_its_channels(
    world: LedgerWorld,
) -> None:
    tenant = await _tenant(world, 1_000)
    ticket = await world.queue(tenant, 1, channels=["alimtalk", "sms"])
    [claimed] = await world.claim(ticket)
    assert world.account(tenant) == (1_000, 50)
    await world.send(tenant, claimed.dispatch, {claimed.id: "alimtalk"})
    await world.report(tenant, said(claimed.id, "delivered", channel="alimtalk"))
    assert world.account(tenant) == (985, 0)


async def test_a_fallback_keeps_its_hold_and_pays_for_the_channel_that_delivered(world: LedgerWorld) -> None:
    tenant = await _tenant(world, 1_000)
    ticket = await world.queue(tenant, 1, channels=["alimtalk", "sms"])
    [claimed] = await world.claim(ticket)
    await world.report(tenant, said(claimed.id, "failed", channel="alimtalk"))
    assert world.account(tenant) == (1_000, 50)
    [again] = await world.claim(world.ticket(tenant, [claimed.id]))
    assert world.account(tenant) == (1_000, 50)
    await world.report(tenant, said(again.id, "delivered", attempt=again.attempt, channel="sms"))
    assert world.account(tenant) == (980, 0)


async def test_a_message_whose_credit_is_held_is_sent_even_when_another_of_its_claim_finds_none(
    world: LedgerWorld,
) -> None:
    tenant = await _tenant(world, 50)
    held_before = await world.queue(tenant, 1, channels=["alimtalk", "sms"])
    [claimed] = await world.claim(held_before)
    await world.report(tenant, said(claimed.id, "failed", channel="alimtalk"))
    world.clock.moment -= dt.timedelta(hours=1)  # so that its id sorts before the one that has its hold
    penniless = await world.queue(tenant, 1, lives=dt.timedelta(days=1))
    world.clock.moment += dt.timedelta(hours=1)
    again = await world.claim(world.ticket(tenant, [*penniless.messages, claimed.id]))
    assert [message.id for message in again] == [claimed.id]
    assert await _statuses(world, tenant) == [("failed", "credit_shortage"), ("sending", None)]


async def test_the_channel_of_a_captured_message_stays_the_one_it_was_charged_for(world: LedgerWorld) -> None:
    tenant = await _tenant(world, 1_000)
    ticket = await world.queue(tenant, 1, channels=["alimtalk", "sms"])
    [first] = await world.claim(ticket)
    await world.report(tenant, said(first.id, "failed", channel="alimtalk", code="deadline"))
    [second] = await world.claim(world.ticket(tenant, [first.id]))
    await world.send(tenant, second.dispatch, {second.id: "sms"})
    await world.report(tenant, said(second.id, "delivered", attempt=second.attempt, channel="sms"))
    await world.report(tenant, said(first.id, "delivered", channel="alimtalk"))
    message = world.message(tenant, first.id)
    assert (message["channel"], message["price"]) == ("sms", 20)
    assert world.account(tenant) == (980, 0)


async def test_a_delivery_that_is_known_before_its_fallback_was_sent_keeps_its_channel(world: LedgerWorld) -> None:
    tenant = await _tenant(world, 1_000)
    ticket = await world.queue(tenant, 1, channels=["alimtalk", "sms"])
    [first] = await world.claim(ticket)
    await world.report(tenant, said(first.id, "failed", channel="alimtalk", code="deadline"))
    [second] = await world.claim(world.ticket(tenant, [first.id]))
    await world.report(tenant, said(first.id, "delivered", channel="alimtalk"))
    await world.send(tenant, second.dispatch, {second.id: "sms"})
    message = world.message(tenant, first.id)
    assert (message["channel"], message["price"]) == ("alimtalk", 15)


async def test_a_repeated_ticket_that_waited_for_the_first_takes_no_credit_from_others(world: LedgerWorld) -> None:
    """Two claims cross: what the first has taken must not count against the second's messages."""
    tenant = await _tenant(world, 100)
    first = await world.queue(tenant, 1)
    second = await world.queue(tenant, 1)
    async with world.owner.transaction() as gate:
        await gate.execute("select from credit_accounts where tenant = %s for update", [tenant])
        one = asyncio.create_task(world.claim(first))
        await world.lock_waiters(1)
        other = asyncio.create_task(world.claim(world.ticket(tenant, [*first.messages, *second.messages])))
        await world.lock_waiters(2)
    await asyncio.gather(one, other)
    assert await _statuses(world, tenant) == [("sending", None)] * 2
    assert world.account(tenant) == (100, 100)


async def test_a_late_delivery_is_charged_once_after_its_release(world: LedgerWorld) -> None:
    tenant = await _tenant(world, 1_000)
    ticket = await world.queue(tenant, 1)
    [claimed] = await world.claim(ticket)
    await world.report(tenant, said(claimed.id, "failed"))
    assert world.account(tenant) == (1_000, 0)
    for _ in range(2):
        await world.report(tenant, said(claimed.id, "delivered"))
    assert world.account(tenant) == (980, 0)
    [entry] = world.rows(
        "select reference from ledger_entries where tenant = %(tenant)s and kind = 'capture'", tenant=tenant
    )
    assert entry["reference"] == "delivered after its release"


async def test_a_late_delivery_that_nothing_can_pay_for_costs_nothing_and_is_visible(world: LedgerWorld) -> None:
    tenant = await _tenant(world, 50)
    ticket = await world.queue(tenant, 1)
    [claimed] = await world.claim(ticket)
    await world.report(tenant, said(claimed.id, "failed"))
    await world.take_back(tenant, 40)
    await world.report(tenant, said(claimed.id, "delivered"))
    assert world.account(tenant) == (10, 0)
    assert (world.message(tenant, claimed.id))["price"] == 0


async def test_the_last_try_releases_what_is_held(world: LedgerWorld) -> None:
    tenant = await _tenant(world, 1_000)
    ticket = await world.queue(tenant, 3)
    for _ in range(MAX_TRIES):
        claimed = await world.claim(ticket)
        assert world.account(tenant) == (1_000, 150)
        await world.abandon(tenant, claimed[0].dispatch)
    assert world.account(tenant) == (1_000, 0)
    assert await _statuses(world, tenant) == [("failed", "provider_unavailable")] * 3


async def test_messages_wait_for_credit_until_their_moment_is_over(world: LedgerWorld) -> None:
    tenant = await _tenant(world, 50)
    world.rows("update credit_accounts set wait_for_credit = true where tenant = %(tenant)s", tenant=tenant)
    ticket = await world.queue(tenant, 2)
    assert len(await world.claim(ticket)) == 1
    assert await _statuses(world, tenant) == [("queued", None), ("sending", None)]
    waiting = [id_ for id_, row in (world.messages_by_id(tenant)).items() if row["status"] == "queued"]
    [ticket_row] = world.rows("select body from outbox where tenant = %(tenant)s", tenant=tenant)
    assert ticket_row["body"]["messages"] == [str(id_) for id_ in waiting]
    world.clock.moment += dt.timedelta(hours=2)
    assert await world.claim(world.ticket(tenant, waiting)) == []
    assert ("expired", "too_late") in await _statuses(world, tenant)
    assert world.account(tenant) == (50, 50)


async def test_a_top_up_answers_the_alert_that_a_shortage_raised(world: LedgerWorld) -> None:
    tenant = await _tenant(world, 0)
    await world.claim(await world.queue(tenant, 2))
    open_alerts = "select kind from alerts where tenant = %(tenant)s and resolved_at = 'infinity'"
    assert world.rows(open_alerts, tenant=tenant) == [{"kind": "credit_shortage"}]
    await world.top_up(tenant, 1_000)
    assert world.rows(open_alerts, tenant=tenant) == []


async def _open_alerts(world: LedgerWorld, tenant: str) -> list[str]:
    """What is open once the tick has looked."""
    await watch_low_balances(world.owner, world.clock)
    statement = "select kind from alerts where tenant = %(tenant)s and resolved_at = 'infinity' order by kind"
    return [row["kind"] for row in world.rows(statement, tenant=tenant)]


async def test_a_shortage_that_refused_messages_ends_when_holds_come_back_and_it_was_quiet(world: LedgerWorld) -> None:
    tenant = await _tenant(world, 60)
    [claimed] = await world.claim(await world.queue(tenant, 2))
    assert await _open_alerts(world, tenant) == ["credit_shortage", "low_balance"]
    await world.clock.sleep(240)
    await world.report(tenant, said(claimed.id, "failed"))
    assert world.account(tenant) == (60, 0)
    assert "credit_shortage" in await _open_alerts(world, tenant), "the last one was refused four minutes ago"
    await world.clock.sleep(61)
    assert await _open_alerts(world, tenant) == ["low_balance"]
    assert len(await world.claim(await world.queue(tenant, 2))) == 1
    await world.clock.sleep(600)
    assert await _open_alerts(world, tenant) == ["credit_shortage", "low_balance"], "it is all held again"


async def test_a_shortage_lasts_while_a_message_waits_for_credit(world: LedgerWorld) -> None:
    tenant = await _tenant(world, 60)
    world.rows("update credit_accounts set wait_for_credit = true where tenant = %(tenant)s", tenant=tenant)
    ticket = await world.queue(tenant, 2)
    await world.clock.sleep(1)
    [claimed] = await world.claim(ticket)
    [waiting] = [id_ for id_, row in (world.messages_by_id(tenant)).items() if row["status"] == "queued"]
    await world.report(tenant, said(claimed.id, "failed"))
    assert "credit_shortage" in await _open_alerts(world, tenant), "there is credit for it, but it waits still"
    [again] = world.rows("select id from outbox where tenant = %(tenant)s", tenant=tenant)
    await world.clock.sleep(30)
    ticket = SendTicket(id=again["id"], tenant=tenant, messages=(waiting,))
    [claimed] = await world.claim(ticket)
    assert "credit_shortage" in await _open_alerts(world, tenant), "what there was is held for it"
    await world.queue(tenant, 1)
    await world.report(tenant, said(claimed.id, "failed"))
    assert await _open_alerts(world, tenant) == ["low_balance"], "a message that was never refused does not wait"


async def test_a_missing_price_fails_the_message_before_it_costs_anything(world: LedgerWorld) -> None:
    tenant = await _tenant(world, 1_000)
    world.rows("delete from prices where tenant = %(tenant)s and channel = 'lms'", tenant=tenant)
    assert await world.claim(await world.queue(tenant, 1)) == []
    assert await _statuses(world, tenant) == [("failed", "price_missing")]
    assert world.account(tenant) == (1_000, 0)


async def test_a_price_that_rose_after_the_hold_is_charged_as_held_and_one_that_fell_as_it_is(
    world: LedgerWorld,
) -> None:
    tenant = await _tenant(world, 1_000)
    ticket = await world.queue(tenant, 2)
    rises, falls = [message.id for message in await world.claim(ticket)]
    world.clock.moment += dt.timedelta(minutes=1)
    world.set_price(tenant, "sms", Decimal("77.5"))
    await world.report(tenant, said(rises, "delivered"))
    assert world.account(tenant) == (950, 50)
    world.clock.moment += dt.timedelta(minutes=1)
    world.set_price(tenant, "sms", Decimal("7.5"))
    await world.report(tenant, said(falls, "delivered"))
    assert world.account(tenant) == (Decimal("942.5"), 0)


async def test_batches_of_many_tenants_never_wait_for_each_other_in_a_circle(world: LedgerWorld) -> None:
    tenants = [await _tenant(world, 10_000) for _ in range(8)]
    batches = []
    for turn in range(6):
        order = tenants if turn % 2 else tenants[::-1]
        tickets = [await world.queue(tenant, 2) for tenant in order]
        batches.append([(message.tenant, message.id) for message in await world.claim(*tickets)])

    await asyncio.gather(
        *(
            world.reports.record([Told(tenant, "solapi", said(id_, "delivered")) for tenant, id_ in batch])
            for batch in batches
        )
    )
    assert {world.account(tenant) for tenant in tenants} == {(10_000 - 12 * 20, 0)}
