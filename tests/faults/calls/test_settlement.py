"""What a lost answer comes to, with a provider of each class: nothing is lost, and nothing is sent twice but where
twice is harmless. Of what nobody can know, nobody is told that it is known."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

import pytest

from shared.contracts.channels import last_word_of
from shared.contracts.outcomes import Outcome
from shared.messages.reports.reporting import Told
from shared.messages.stories.stories import story
from shared.providers import OutboundMessage, Settlement
from shared.templates.parts.texts import parse_text
from tests.faults.boundaries import Hook
from tests.faults.calls.vendor import CULPRIT, Vendor
from tests.faults.world import SMS_ONLY, TENANT, Crash, FaultyWorld, ending_at
from tests.providers.simulated import TEMPLATE_TEXT

TEXT = parse_text(TEMPLATE_TEXT).filled({"이름": "하나"})
RECIPIENTS = ("01090005000", "01090005001", "01090005002")
ROUNDS = 60
"""Of ever longer time: until no report may come any more."""

End = tuple[int, str, str | None]
"""How often the provider was given a message, its status in the end, and why."""

DELIVERED, TWICE = (1, "delivered", None), (2, "delivered", None)
UNKNOWN_TAKEN, UNKNOWN_LOST = (1, "expired", "answer_lost"), (0, "expired", "answer_lost")

CLASSES = tuple(Settlement)


def crash_before(vendor: Vendor) -> Hook:
    return ending_at("before call")


def crash_after(vendor: Vendor) -> Hook:
    return ending_at("after call")


def _losing(*which: str) -> Callable[[Vendor], Hook | None]:
    def losing(vendor: Vendor) -> None:
        vendor.loses += which

    return losing


def final_timeout(vendor: Vendor) -> None:
    vendor.outcome = Outcome.FAILED, "2000"


def no_report(vendor: Vendor) -> None:
    vendor.outcome = None


FAULTS: Mapping[str, Callable[[Vendor], Hook | None]] = {
    "crash before the call": crash_before,
    "crash after acceptance": crash_after,
    "lost before acceptance": _losing("before"),
    "answer lost after acceptance": _losing("after"),
    "answer lost, and the next too": _losing("after", "after"),
    "final timeout": final_timeout,
    "never a report": no_report,
}


def end_of(settlement: Settlement, fault: str) -> End:
    """What a message comes to: the table of classes and faults."""
    if fault == "final timeout":
        return 1, "failed", "2000"
    if fault == "never a report":
        return 1, "failed", "no_report"
    taken = ("acceptance" in fault and "before" not in fault) or "answer lost" in fault
    if settlement is Settlement.NONE:
        return UNKNOWN_TAKEN if taken else UNKNOWN_LOST
    if settlement is Settlement.COLLAPSE and taken:
        return (3 if "next" in fault else 2), "delivered", None
    return DELIVERED


async def one(world: FaultyWorld, recipient: str = RECIPIENTS[0]) -> UUID:
    [message] = await world.queue(recipient, route="sms", templates={recipient: SMS_ONLY})
    return message


async def several(world: FaultyWorld, *recipients: str) -> list[UUID]:
    return await world.queue(*recipients, route="sms", templates=dict.fromkeys(recipients, SMS_ONLY))


def came_to(world: FaultyWorld, vendor: Vendor, message: UUID) -> End:
    row = world.message(message)
    return vendor.times()[message], row["status"], row["reason"]


def held(world: FaultyWorld) -> int:
    return int(world.rows("select held from credit_accounts where tenant = %s", TENANT)[0]["held"])


async def live(world: FaultyWorld, vendor: Vendor, hook: Hook | None) -> None:
    """A process that may end, and one that comes after it."""
    if hook is not None:
        assert not await world.live(world.process(hook, vendor), ROUNDS)
    assert await world.live(world.process(vendor=vendor), ROUNDS)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("settlement", CLASSES, ids=str)
async def test_each_fault_comes_to_the_end_that_the_providers_class_says(
    world: FaultyWorld, settlement: Settlement, fault: str
) -> None:
    vendor = Vendor(settlement)
    hook = FAULTS[fault](vendor)
    message = await one(world)
    await live(world, vendor, hook)
    assert came_to(world, vendor, message) == end_of(settlement, fault)
    assert {row["state"] for row in world.table("dispatches")} <= {"closed", "abandoned"}
    assert held(world) == 0
    assert world.table("dead_letters") == []


def ending_after(number: int) -> Hook:
    """A hook that ends its process after so many things done."""
    done = itertools.count()

    async def hook(boundary: str) -> None:
        if boundary.startswith("after") and next(done) == number:
            raise Crash(boundary)

    return hook


@pytest.mark.parametrize("settlement", CLASSES, ids=str)
async def test_a_crash_at_any_moment_neither_loses_nor_doubles_a_message(
    world: FaultyWorld, settlement: Settlement
) -> None:
    for number in itertools.count():
        await world.start_over()
        vendor = Vendor(settlement)
        sent = await several(world, *RECIPIENTS)
        lived = await world.live(world.process(ending_after(number), vendor), ROUNDS)
        assert await world.live(world.process(vendor=vendor), ROUNDS)
        for message in sent:
            end = came_to(world, vendor, message)
            if settlement is Settlement.NONE:
                assert end in (DELIVERED, UNKNOWN_TAKEN, UNKNOWN_LOST), number
            elif settlement is Settlement.COLLAPSE:
                assert end in (DELIVERED, TWICE), number
            else:
                assert end == DELIVERED, number
        assert held(world) == 0
        if lived:
            break


@pytest.mark.parametrize("settlement", CLASSES, ids=str)
@pytest.mark.parametrize("number", [1, 2, 3, 9])
async def test_one_that_is_refused_with_its_whole_call_fails_alone(
    world: FaultyWorld, settlement: Settlement, number: int
) -> None:
    vendor = Vendor(settlement)
    sound = [f"010900050{at:02}" for at in range(number)]
    *others, culprit = await several(world, *sound, CULPRIT)
    assert await world.live(world.process(vendor=vendor), ROUNDS)
    assert came_to(world, vendor, culprit) == (0, "failed", "1062")
    assert {came_to(world, vendor, message) for message in others} == {DELIVERED}
    assert {row["state"] for row in world.table("dispatches")} <= {"closed", "abandoned"}


async def _unknown(world: FaultyWorld, vendor: Vendor, message: UUID) -> None:
    """What nobody can know is so to its end: never sent again, by no channel, and its hold lives as long."""
    process = world.process(vendor=vendor)
    taken = len(vendor.taken)
    for _ in range(int(last_word_of("sms").total_seconds()) // 3600 - 2):
        world.clock.advance(3600)
        await process.run(process.sweep())
        await world.deliver(process)
    row = world.message(message)
    assert (row["status"], row["reason"]) == ("unknown", "answer_lost")
    assert held(world) > 0
    assert await world.live(process, ROUNDS)
    assert came_to(world, vendor, message)[1:] == ("expired", "answer_lost")
    assert held(world) == 0
    assert len(vendor.taken) == taken
    async with world.owner.connection() as connection:
        told = [chapter.sentence for chapter in (await story(connection, message)).chapters]
    assert any("nobody can say whether it was sent" in each for each in told), told


@pytest.mark.parametrize("lost", ["before", "after"])
async def test_what_nobody_can_know_stays_unknown_until_no_report_may_come(world: FaultyWorld, lost: str) -> None:
    vendor = Vendor(Settlement.NONE)
    vendor.loses.append(lost)
    [message] = await world.queue(RECIPIENTS[0], route=[{"alimtalk": 300}, {"sms": 3_600}])
    await world.deliver(world.process(vendor=vendor))
    await _unknown(world, vendor, message)


@pytest.mark.parametrize(("taken", "more"), [(True, 1), (True, 2), (False, 2)])
async def test_what_is_matched_by_another_number_than_was_sent_is_unknown(
    world: FaultyWorld, taken: bool, more: int
) -> None:
    vendor = Vendor(Settlement.MATCHED)
    vendor.loses.append("after" if taken else "before")
    message = await one(world)
    await world.deliver(world.process(vendor=vendor))
    for _ in range(more):
        vendor.take("of somebody else", [OutboundMessage(UUID(int=1), 0, "sms", RECIPIENTS[0], TEXT)])
    world.clock.advance(61)
    await world.process(vendor=vendor).sweep()
    await _unknown(world, vendor, message)


async def test_a_call_that_another_dispatch_is_known_by_is_not_matched_again(world: FaultyWorld) -> None:
    vendor = Vendor(Settlement.MATCHED)
    vendor.outcome = None
    first = await one(world)
    process = world.process(vendor=vendor)
    await world.deliver(process)
    vendor.loses.append("before")
    second = await one(world)
    await world.deliver(process)
    world.clock.advance(61)
    await process.sweep()
    assert (world.message(first)["status"], world.message(second)["status"]) == ("sent", "unknown")
    assert len(vendor.taken) == 1


@pytest.mark.parametrize("settlement", [Settlement.KEYED, Settlement.ASKED, Settlement.MATCHED], ids=str)
async def test_what_is_not_there_yet_is_sent_again_only_when_it_can_not_come_any_more(
    world: FaultyWorld, settlement: Settlement
) -> None:
    vendor = Vendor(settlement)
    vendor.loses += ["before"] * 3
    message = await one(world)
    process = world.process(vendor=vendor)
    await world.deliver(process)
    called = vendor.calls
    for seconds in (61, 58):
        world.clock.advance(seconds)
        await process.sweep()
        assert world.message(message)["status"] == "sending"
    assert vendor.calls == called
    world.clock.advance(3)
    await process.sweep()
    assert world.message(message)["status"] == "queued"
    assert await world.live(process, ROUNDS)
    assert came_to(world, vendor, message) == DELIVERED


@pytest.mark.parametrize("settlement", [Settlement.KEYED, Settlement.ASKED], ids=str)
async def test_of_a_call_that_is_there_in_part_the_rest_is_sent_again(
    world: FaultyWorld, settlement: Settlement
) -> None:
    vendor = Vendor(settlement)
    sent = await several(world, *RECIPIENTS[:2])
    assert not await world.live(world.process(ending_at("after call"), vendor))
    del vendor.taken[1]
    assert await world.live(world.process(vendor=vendor), ROUNDS)
    assert {came_to(world, vendor, message) for message in sent} == {DELIVERED}


@pytest.mark.parametrize("settlement", [each for each in CLASSES if each is not Settlement.TWO_PHASE], ids=str)
async def test_who_was_held_up_between_writing_and_calling_does_not_call(
    world: FaultyWorld, settlement: Settlement
) -> None:
    vendor = Vendor(settlement)

    async def frozen(boundary: str) -> None:
        if boundary == "after begin_call":
            world.clock.advance(600)

    await one(world)
    await world.deliver(world.process(frozen, vendor))
    assert (vendor.calls, vendor.taken) == (0, [])
    assert [row["state"] for row in world.table("dispatches")] == ["prepared"]


async def test_words_that_nobody_can_write_again_are_not_matched(world: FaultyWorld) -> None:
    vendor = Vendor(Settlement.MATCHED)
    vendor.loses.append("after")
    message = await one(world)
    await world.deliver(world.process(vendor=vendor))
    world.rows("update messages set recipient = null where id = %s", message)
    world.clock.advance(61)
    await world.process(vendor=vendor).sweep()
    assert world.message(message)["status"] == "unknown"
    assert len(vendor.taken) == 1


@pytest.mark.parametrize("settlement", [Settlement.KEYED, Settlement.ASKED, Settlement.MATCHED], ids=str)
async def test_a_call_whose_reports_are_faster_than_its_answer_ends_with_them(
    world: FaultyWorld, settlement: Settlement
) -> None:
    vendor = Vendor(settlement)
    sent = await several(world, *RECIPIENTS[:2])
    assert not await world.live(world.process(ending_at("after call"), vendor))
    process = world.process(vendor=vendor)
    [dispatch] = world.table("dispatches")
    told = [Told(TENANT, "solapi", report) for report in vendor.reports(vendor.taken[0].batch)]
    await process.reports.record(told)
    assert await world.live(process, ROUNDS)
    world.clock.advance(61)
    await process.sweep()
    assert {came_to(world, vendor, message) for message in sent} == {DELIVERED}
    assert [row["state"] for row in world.table("dispatches")] == ["closed"]
    assert world.message(sent[0])["dispatch"] == dispatch["id"]


async def test_what_one_call_raises_stops_none_of_the_others(
    world: FaultyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor = Vendor(Settlement.ASKED)
    sent = await several(world, *RECIPIENTS)
    take = vendor.take

    def take_pairs(key: str, messages: Sequence[OutboundMessage]) -> str:
        if len(messages) == 1:
            raise RuntimeError("a mistake of the module")
        return take(key, messages)

    monkeypatch.setattr(vendor, "take", take_pairs)
    await world.deliver(world.process(vendor=vendor))
    assert sorted(world.message(message)["status"] for message in sent) == ["sending", "sent", "sent"]
    monkeypatch.undo()
    assert await world.live(world.process(vendor=vendor), ROUNDS)
    assert {came_to(world, vendor, message) for message in sent} == {DELIVERED}
