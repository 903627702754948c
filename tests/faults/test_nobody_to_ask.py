"""What nobody can be asked about ends all the same: with a reason, its hold given back, and somebody told."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator

import pytest

from shared.contracts.channels import last_word_of, last_word_of_leg
from shared.messages.dispatch.sweeping import LONGEST_WITHOUT_CHECK
from shared.tenants.accounts import context_of
from tests.faults.fates import DELIVERED, UNTOLD
from tests.faults.world import TENANT, FaultyWorld, Process, ending_at
from tests.world import KEYS

HOUR = 3_600
ENDED = ("expired", "nobody_to_ask")
SENT, PREPARED = "sent", "prepared"
SEND = "before POST /messages/v4/groups/{group}/send"


@pytest.fixture(autouse=True)
async def _as_before(world: FaultyWorld) -> AsyncIterator[None]:
    """The account is as it was, whatever a test did to it."""
    world.rows("delete from alerts")
    yield
    world.simulator.set_faults()
    await world.open_account(api_secret=world.provider_account.secrets["api_secret"])


async def _unreadable(world: FaultyWorld) -> None:
    world.rows("update provider_accounts set credentials = 'x' where tenant = %s", TENANT)


async def _removed(world: FaultyWorld) -> None:
    world.rows("delete from provider_accounts where tenant = %s", TENANT)


async def _revoked(world: FaultyWorld) -> None:
    wrong = {**world.provider_account.secrets, "api_secret": "of nobody"}  # SOLAPI answers 403, for ever
    sealed = KEYS.seal(wrong, context=context_of(TENANT, "main"))
    world.rows("update provider_accounts set credentials = %s where tenant = %s", sealed, TENANT)


async def _silent(world: FaultyWorld) -> None:
    world.simulator.set_faults(outage=True)


LOSSES = {"unreadable": _unreadable, "removed": _removed, "revoked": _revoked, "silent": _silent}


async def _left(world: FaultyWorld, state: str, channel: str) -> tuple[Process, dt.datetime]:
    """A message is at its provider, and nothing final was heard of it; a fresh process looks after it."""
    await world.queue(UNTOLD, route=channel)
    first = world.process(ending_at(SEND)) if state == PREPARED else world.process()
    await world.deliver(first)
    world.bus.messages.clear()
    [dispatch] = world.table("dispatches")
    assert dispatch["state"] == state
    return world.process(), dispatch["created_at"]


async def _sweep(world: FaultyWorld, process: Process, times: int, seconds: float = HOUR) -> None:
    for _ in range(times):
        world.clock.advance(seconds)
        for result in await process.run(process.sweeper.sweep()):
            assert result is None


def _held(world: FaultyWorld) -> int:
    return int(world.rows("select held from credit_accounts where tenant = %s", TENANT)[0]["held"])


def _alerts(world: FaultyWorld) -> list[str]:
    found = world.rows("select detail from alerts where kind = 'account_not_asked' and resolved_at = 'infinity'")
    return [row["detail"] for row in found]


def _difference(world: FaultyWorld) -> bool:
    """Whether what is held is not what messages hold."""
    [row] = world.rows(
        """
        select (select coalesce(sum(held), 0) from messages where hold is not null and settlement is null)
          = (select sum(held) from credit_accounts) as same
        """
    )
    return not row["same"]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("state", "channel"), [(SENT, "alimtalk"), (SENT, "sms"), (PREPARED, "sms")])
async def test_it_ends_when_no_report_may_come_any_more_and_a_person_is_told_before(
    world: FaultyWorld, loss: str, state: str, channel: str
) -> None:
    process, left_at = await _left(world, state, channel)
    await LOSSES[loss](world)
    last_word = last_word_of_leg(channel) if state == PREPARED else last_word_of(channel)
    hours = int(last_word.total_seconds() // HOUR)
    await _sweep(world, process, hours - 1)
    [message] = world.table("messages")
    assert (message["status"], message["reason"]) == ("sending" if state == PREPARED else "sent", None)
    assert _held(world) > 0
    [told] = _alerts(world)
    assert told.startswith("account main can't be asked")
    await _sweep(world, process, 3)
    [message] = world.table("messages")
    assert (message["status"], message["reason"]) == ENDED
    assert "물어볼 수 없어" in message["detail"]
    assert world.clock.now() - left_at <= last_word + 2 * LONGEST_WITHOUT_CHECK
    assert [row["state"] for row in world.table("dispatches")] == ["closed"]
    assert _held(world) == 0
    assert not _difference(world)
    assert len(world.simulator.accepted()) <= 1


@pytest.mark.parametrize(("code", "status", "price"), [("4000", "delivered", 20), ("3010", "failed", None)])
async def test_a_report_that_comes_after_all_is_joined_and_a_delivery_is_charged(
    world: FaultyWorld, code: str, status: str, price: int | None
) -> None:
    process, _ = await _left(world, SENT, "sms")
    await _removed(world)
    await _sweep(world, process, 27)
    assert [row["status"] for row in world.table("messages")] == ["expired"]
    await world.open_account()
    world.simulator.report(code, messageId=world.simulator.accepted()[0]["messageId"])
    await world.reports_brought()
    await world.deliver(world.process())
    [message] = world.table("messages")
    assert (message["status"], message["price"]) == (status, price)
    assert _held(world) == 0
    assert not _difference(world)


async def test_a_late_failure_on_the_first_channel_sends_nothing_on_the_second(world: FaultyWorld) -> None:
    [message] = await world.queue(UNTOLD)  # its route's deadlines are days away
    process = world.process()
    await world.deliver(process)
    await _removed(world)
    await _sweep(world, process, 75)
    assert world.message(message)["status"] == "expired"
    await world.open_account()
    world.simulator.report("3104", messageId=world.simulator.accepted()[0]["messageId"])
    await world.reports_brought()
    assert await world.live(world.process())
    assert world.message(message)["status"] == "failed"
    assert world.accepted() == {message: ["ATA"]}
    assert _held(world) == 0


async def test_a_provider_that_is_away_for_minutes_is_no_alarm_and_its_reports_are_asked_for_then(
    world: FaultyWorld,
) -> None:
    world.simulator.set_faults(report_drop_rate=1)
    [message] = await world.queue(DELIVERED)
    process = world.process()
    await world.deliver(process)
    world.simulator.set_faults(outage=True)
    await _sweep(world, process, 5, 120)
    assert _alerts(world) == []
    world.simulator.set_faults()
    await _sweep(world, process, 5, 600)
    assert world.message(message)["status"] == "delivered"


async def test_an_alert_of_an_account_that_is_asked_again_ends_by_itself(world: FaultyWorld) -> None:
    process, _ = await _left(world, SENT, "alimtalk")
    await _unreadable(world)
    await _sweep(world, process, 1)
    assert len(_alerts(world)) == 1
    await world.open_account()
    await _sweep(world, process, 26)
    assert _alerts(world) == []
