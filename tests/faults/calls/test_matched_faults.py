"""Providers with which nothing of ours travels, from a ticket to its report, whatever goes wrong on the way: a message
is sent once, or it is not known and never sent again."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from shared.providers import ProviderAccount
from shared.tenants.accounts import register_account
from tests.faults.calls.matched import CASES, PROVIDERS, Kind, Matched, accepted, end, queue, show_pictures
from tests.faults.calls.test_nhn_faults import TEMPLATES, ending_after
from tests.faults.fates import BAD_NUMBER, DELIVERED, REFUSED, UNTOLD
from tests.faults.world import FaultyWorld
from tests.world import KEYS

ROUNDS = 60


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[Matched, Kind]:
    show_pictures(monkeypatch)
    provider, kind = request.param
    return provider, kind


@pytest.fixture
def kind(case: tuple[Matched, Kind]) -> Kind:
    return case[1]


@pytest.fixture
async def account(world: FaultyWorld, case: tuple[Matched, Kind]) -> AsyncIterator[ProviderAccount]:
    """An account of a new tenant."""
    account = await opened(world, case[0])
    yield account
    world.simulator.set_faults()


async def opened(world: FaultyWorld, provider: Matched) -> ProviderAccount:
    account = provider.account(world.simulator, await world.tenant(templates=TEMPLATES, account=False))
    await register(world, account)
    return account


async def register(world: FaultyWorld, account: ProviderAccount) -> None:
    async with world.owner.transaction() as connection:
        await register_account(connection, KEYS, account, now=world.clock.now())


async def test_each_comes_to_its_fate_by_being_asked_for(
    world: FaultyWorld, account: ProviderAccount, kind: Kind
) -> None:
    sent = await queue(world, account.tenant, kind, DELIVERED, BAD_NUMBER, REFUSED)
    assert await world.live(world.process(), ROUNDS)
    assert [end(world, message) for message in sent] == [
        ("delivered", None),
        ("failed", kind.reasons[BAD_NUMBER]),
        ("failed", kind.reasons[REFUSED]),
    ]
    assert accepted(world) == [(BAD_NUMBER, kind.type), (DELIVERED, kind.type)]
    assert {row["channel"] for row in world.table("messages")} == {kind.channel}
    assert {row["state"] for row in world.table("dispatches")} <= {"closed", "abandoned"}
    assert world.table("dead_letters") == []


FAULTS: dict[str, dict[str, Any]] = {
    "connection lost before": {"drop_before": {"count": 1, "on": "SEND"}},
    "answer lost after acceptance": {"accept_then_drop": {"count": 1, "on": "SEND"}},
    "and the first look-ups too": {"accept_then_drop": {"count": 4, "on": "ANY"}},
    "asked for a pause": {"too_many": {"count": 2, "on": "SEND"}, "retry_after": 30},
    "asked for a pause by look-ups": {"too_many": {"count": 3, "on": "LOOK_UP"}},
    "failing now and then": {"error_rate": 0.3, "seed": 3},
    "lists that are late": {"accept_then_drop": {"count": 1, "on": "SEND"}, "list_delay_ms": 100_000},
}


def faults(provider: Matched, fault: str) -> dict[str, Any]:
    on = {"SEND": provider.send, "ANY": f"{provider.send}|{provider.look_up}", "LOOK_UP": provider.look_up}
    return {
        name: {**value, "on": on[value["on"]]} if isinstance(value, dict) else value
        for name, value in FAULTS[fault].items()
    }


@pytest.mark.parametrize("fault", FAULTS)
async def test_whatever_goes_wrong_each_message_is_sent_once(
    world: FaultyWorld, case: tuple[Matched, Kind], account: ProviderAccount, fault: str
) -> None:
    provider, kind = case
    world.simulator.set_faults_of(provider.name, **faults(provider, fault))
    sent = await queue(world, account.tenant, kind, DELIVERED, BAD_NUMBER)
    assert await world.live(world.process(), ROUNDS)
    assert accepted(world) == [(BAD_NUMBER, kind.type), (DELIVERED, kind.type)]
    assert [end(world, message) for message in sent] == [("delivered", None), ("failed", kind.reasons[BAD_NUMBER])]


async def test_an_outage_keeps_its_messages_and_nobody_elses(
    world: FaultyWorld, case: tuple[Matched, Kind], account: ProviderAccount
) -> None:
    provider, kind = case
    world.simulator.set_faults_of(provider.name, outage=True)
    [ours] = await queue(world, account.tenant, kind, DELIVERED)
    [theirs] = await world.queue(DELIVERED)
    process = world.process()
    await world.deliver(process)
    assert world.message(theirs)["status"] == "delivered"
    assert world.message(ours)["status"] in ("sending", "queued")  # what was not even begun waits its turn
    world.simulator.set_faults_of(provider.name)
    assert await world.live(process, ROUNDS)
    assert end(world, ours) == ("delivered", None)
    assert accepted(world).count((DELIVERED, kind.type)) == 1


async def test_two_alike_to_one_number_go_by_two_calls_and_both_arrive(
    world: FaultyWorld, account: ProviderAccount, kind: Kind
) -> None:
    sent = [
        *await queue(world, account.tenant, kind, DELIVERED),
        *await queue(world, account.tenant, kind, DELIVERED),
    ]
    assert await world.live(world.process(), ROUNDS)
    assert accepted(world) == [(DELIVERED, kind.type)] * 2
    assert {end(world, message) for message in sent} == {("delivered", None)}
    assert len({row["provider_batch_id"] for row in world.table("dispatches")}) == 2


async def test_of_two_alike_of_which_one_answer_is_lost_the_other_is_not_taken_for_it(
    world: FaultyWorld, case: tuple[Matched, Kind], account: ProviderAccount
) -> None:
    provider, kind = case
    await queue(world, account.tenant, kind, DELIVERED)
    process = world.process()
    await world.deliver(process)
    world.simulator.set_faults_of(provider.name, accept_then_drop={"count": 1, "on": provider.send})
    [lost] = await queue(world, account.tenant, kind, DELIVERED)
    await world.deliver(process)
    world.clock.advance(61)
    await process.run(process.sweeper.decide())
    assert end(world, lost) == ("unknown", "answer_lost")
    assert accepted(world) == [(DELIVERED, kind.type)] * 2


async def test_words_that_come_late_twice_and_in_another_order_come_to_the_same_end(
    world: FaultyWorld, account: ProviderAccount, kind: Kind
) -> None:
    [message] = await queue(world, account.tenant, kind, UNTOLD)
    process = world.process()
    await world.deliver(process)
    for word, status in ((None, "sent"), ("4000", "delivered"), ("3010", "delivered"), ("4000", "delivered")):
        if word:
            which = {"messageId": world.simulator.accepted()[0]["messageId"]}
            world.simulator.report(word, **which)
        world.clock.advance(3_600)
        for result in await process.run(process.sweep(), process.sweep()):
            assert result is None
        assert world.message(message)["status"] == status
    assert end(world, message) == ("delivered", None)
    assert accepted(world) == [(UNTOLD, kind.type)]


async def test_a_crash_at_any_moment_neither_loses_nor_doubles_a_message(
    world: FaultyWorld, account: ProviderAccount, kind: Kind
) -> None:
    for number in itertools.count():
        await world.start_over()
        world.clock.advance(3_600)  # what an earlier round has sent looks alike, and is long ago
        sent = await queue(world, account.tenant, kind, DELIVERED, BAD_NUMBER)
        lived = await world.live(world.process(ending_after(number)), ROUNDS)
        assert await world.live(world.process(), ROUNDS)
        assert accepted(world) == [(BAD_NUMBER, kind.type), (DELIVERED, kind.type)], number
        assert [end(world, message) for message in sent] == [
            ("delivered", None),
            ("failed", kind.reasons[BAD_NUMBER]),
        ], number
        if lived:
            break


async def test_a_service_that_the_account_lacks_is_no_channel_of_it(world: FaultyWorld) -> None:
    account = await opened(world, PROVIDERS["sens"])
    without = {name: secret for name, secret in account.secrets.items() if name != "kakao_service_id"}
    await register(world, replace(account, secrets=without))
    kinds = PROVIDERS["sens"].kinds
    [alone] = await queue(world, account.tenant, kinds["alimtalk"], DELIVERED)
    [text] = await queue(world, account.tenant, kinds["sms"], DELIVERED)
    assert await world.live(world.process(), ROUNDS)
    assert [end(world, message) for message in (alone, text)] == [
        ("failed", "channel_not_carried"),
        ("delivered", None),
    ]
    assert accepted(world) == [(DELIVERED, "SMS")]


async def test_what_may_still_arrive_is_not_fallen_back_from(world: FaultyWorld) -> None:
    account = await opened(world, PROVIDERS["sens"])
    [message] = await world.queue(
        UNTOLD,
        route=[{"alimtalk": 300}, {"sms": 3_600}],
        templates={UNTOLD: PROVIDERS["sens"].kinds["alimtalk"].template},
        tenant=account.tenant,
    )
    process = world.process()
    await world.deliver(process)
    world.simulator.report("3005", to=UNTOLD, provider="sens")
    for _ in range(3):
        world.clock.advance(3_600)
        await process.run(process.sweep())
        await world.deliver(process)
    assert accepted(world) == [(UNTOLD, "ALIMTALK")]
    assert world.message(message)["reason"] == "3005"
    world.simulator.report("0000", to=UNTOLD, provider="sens")
    world.clock.advance(3_600)
    await process.run(process.sweep())
    assert world.message(message)["status"] == "delivered"
    assert accepted(world) == [(UNTOLD, "ALIMTALK")]


async def test_a_word_on_a_call_is_not_taken_for_one_that_was_refused_here_beside_it(world: FaultyWorld) -> None:
    account = await opened(world, PROVIDERS["sens"])
    kinds = PROVIDERS["sens"].kinds
    [wordless] = await queue(world, account.tenant, kinds["mms"], DELIVERED)
    [text] = await queue(world, account.tenant, kinds["sms"], DELIVERED)
    assert await world.live(world.process(), ROUNDS)
    assert [end(world, message) for message in (wordless, text)] == [("failed", "no_words"), ("delivered", None)]
    assert accepted(world) == [(DELIVERED, "SMS")]
