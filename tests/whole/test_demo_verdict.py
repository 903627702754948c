"""The verdict is good for a day that went as it should, and names whatever did not."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from local.demo.expectation import ALIMTALK, DELIVERED, Expectation, Telling, telling
from local.demo.observation import Acceptance, Ledger, Message, Observation, WordReader
from local.demo.people import Fate, Person
from local.demo.timeline import choose
from local.demo.verdict import judge, percentile
from local.examples.files import Example, read_examples
from shared.credits.ledger.audit import Audit
from shared.templates.parts.texts import parse_text

NOW = dt.datetime(2026, 11, 21, 3, tzinfo=dt.UTC)
LATE = dt.timedelta(milliseconds=40)
_numbers = count(1)


def person(fate: Fate, number: int) -> Person:
    digits = None if fate is Fate.NO_PHONE else f"0100000{number:04d}"
    return Person("saas", f"c-{number}", "홍길동", digits, digits, fate)


EXPECTED = Expectation(
    tellings=(
        telling(person(Fate.REACHED, 1), "welcome", None),
        telling(person(Fate.NO_KAKAO, 2), "trial-3d", NOW),
        telling(person(Fate.WRONG_NUMBER, 3), "welcome", None),
        telling(person(Fate.NO_PHONE, 4), "welcome", None),
        telling(person(Fate.REACHED, 5), "pickup-late", NOW),
    ),
    waiting=Counter({("saas", "trial-ending"): 1}),
    dead_letters={"garbage-0-not-json": "not_json"},
    events=6,
)


def message_of(expected: Telling) -> Message:
    by_text = len(expected.way) > 1 or expected.template == "pickup-late"
    return Message(
        id=UUID(int=next(_numbers)),
        tenant=expected.person.tenant,
        customer=expected.person.id,
        template=expected.template,
        channel="sms" if by_text else "alimtalk",
        status="failed" if expected.reason else "delivered",
        reason=expected.reason,
        attempt=len(expected.way),
        price=None if expected.reason else Decimal(20 if by_text else 15),
        due_at=expected.due_at or NOW,
        created_at=NOW + LATE,
    )


def acceptances_of(expected: Telling) -> list[Acceptance]:
    return [
        Acceptance(
            tenant=expected.person.tenant,
            to=expected.person.digits or "",
            kind="ATA" if kind == ALIMTALK else "SMS",
            status=status,
            template=expected.template,
            text="",
            at=NOW + 2 * LATE + LATE * place,
        )
        for place, (kind, status) in enumerate(expected.way)
    ]


@pytest.fixture
def good() -> Observation:
    return Observation(
        messages=[message_of(each) for each in EXPECTED.tellings],
        acceptances=[acceptance for each in EXPECTED.tellings for acceptance in acceptances_of(each)],
        timers=Counter({("saas", "trial-ending"): 1}),
        dead_letters=[("not_json", b"garbage-0-not-json: hello")],
        events=6,
        ledger=Ledger(captured={"saas": Decimal(55)}, held={"saas": Decimal()}, audit=Audit()),
    )


def test_a_day_that_went_as_it_should_is_good(good: Observation) -> None:
    verdict = judge(EXPECTED, good)
    assert verdict.good
    assert (verdict.expected, verdict.delivered, verdict.fell_back, verdict.accepted) == (3, 3, 1, 6)
    assert verdict.messages == {"alimtalk": {"delivered": 1, "failed": 1}, "sms": {"delivered": 2, "failed": 1}}
    assert verdict.failed == {"3010": 1, "missing_phone": 1}
    assert verdict.lateness is not None
    assert (verdict.lateness.reminders, verdict.lateness.made_p99, verdict.lateness.accepted_p50) == (2, 0.04, 0.08)


def test_a_dead_letter_that_came_twice_and_a_cancelled_message_harm_nobody(good: Observation) -> None:
    cancelled = replace(message_of(EXPECTED.tellings[1]), status="cancelled", reason="run_changed", price=None)
    twice = replace(good, dead_letters=[*good.dead_letters] * 2, messages=[*good.messages, cancelled])
    assert judge(EXPECTED, twice).good


Spoil = Callable[[Observation], Observation]


def _messages(change: Callable[[list[Message]], list[Message]]) -> Spoil:
    return lambda good: replace(good, messages=change(list(good.messages)))


def _accepted(change: Callable[[list[Acceptance]], list[Acceptance]]) -> Spoil:
    return lambda good: replace(good, acceptances=change(list(good.acceptances)))


def _audited(**figure: Any) -> Spoil:
    return lambda good: replace(good, ledger=replace(good.ledger, audit=replace(good.ledger.audit, **figure)))


SPOILT: dict[str, tuple[Spoil, str]] = {
    "a message never made": (_messages(lambda rows: rows[1:]), "welcome to 홍길동 (c-1): no message was made"),
    "a message made twice": (
        _messages(lambda rows: [*rows, replace(rows[0], id=UUID(int=9))]),
        "(c-1): 2 messages were made",
    ),
    "a message that did not arrive": (
        _messages(lambda rows: [replace(rows[0], status="unknown", reason="3005"), *rows[1:]]),
        "(c-1): should have been delivered, is unknown (3005)",
    ),
    "a message that failed for another reason": (
        _messages(lambda rows: [*rows[:2], replace(rows[2], reason="2230"), *rows[3:]]),
        "(c-3): should have failed with 3010, is failed (2230)",
    ),
    "a message to somebody else": (
        _messages(lambda rows: [*rows, replace(rows[0], customer="c-9")]),
        "welcome to c-9 should not exist, is delivered",
    ),
    "a customer who was told twice": (
        _accepted(lambda rows: [*rows, rows[0]]),
        "(c-1): arrived 2 times by the provider's account (ATA 4000 then ATA 4000)",
    ),
    "a customer whom the provider never heard of": (
        _accepted(lambda rows: rows[1:]),
        "(c-1): arrived 0 times by the provider's account (nothing)",
    ),
    "a failed try that was repeated": (
        _accepted(lambda rows: [*rows, replace(rows[1], at=NOW)]),
        "(c-2): the provider accepted ATA 3104 then ATA 3104 then text 4000, expected ATA 3104 then text 4000",
    ),
    "a message that should not have been sent": (
        _accepted(lambda rows: [*rows, replace(rows[0], template="cancelled", status="3010")]),
        "the provider was given cancelled for 01000000001, which should not have been sent",
    ),
    "words of no template": (
        _accepted(lambda rows: [*rows, replace(rows[0], template=None, text="안녕", status="3010")]),
        "the provider was given “안녕…”",
    ),
    "a won too little": (
        lambda good: replace(good, ledger=replace(good.ledger, captured={"saas": Decimal(54)})),
        "saas: what arrived costs 55 won, and 54 were captured",
    ),
    "a hold that stays": (
        lambda good: replace(good, ledger=replace(good.ledger, held={"saas": Decimal(15)})),
        "saas: 15 won are still held",
    ),
    "a ledger that is off": (
        _audited(difference=Decimal(1)),
        "the ledger does not add up",
    ),
    "an account that is overdrawn": (
        _audited(overdrafts=1),
        "1 tenants spent more than they had",
    ),
    "an entry's message that is gone": (_audited(missing=2), "2 messages of ledger entries are missing"),
    "a hold of no entry": (_audited(untraced=3), "3 holds and settlements of messages are in no ledger entry"),
    "a dead letter for another reason": (
        lambda good: replace(good, dead_letters=[("schema_violation", good.dead_letters[0][1])]),
        "garbage-0-not-json: should be a dead letter for not_json, found schema_violation",
    ),
    "garbage that vanished": (
        lambda good: replace(good, dead_letters=[]),
        "garbage-0-not-json: should be a dead letter for not_json, found no dead letter",
    ),
    "a dead letter of something else": (
        lambda good: replace(good, dead_letters=[*good.dead_letters, ("undeliverable", b"{}")]),
        "a dead letter for undeliverable that nobody sent",
    ),
    "a step that is gone": (
        lambda good: replace(good, timers=Counter()),
        "saas: 0 steps of trial-ending wait for a later day, should be 1",
    ),
    "an event that was lost": (lambda good: replace(good, events=5), "5 events were kept, should be 6"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_whatever_is_not_as_it_must_be_is_named(good: Observation, what: str) -> None:
    spoil, told = SPOILT[what]
    verdict = judge(EXPECTED, spoil(good))
    assert not verdict.good
    assert any(told in sentence for sentence in verdict.discrepancies), verdict.discrepancies


def test_the_story_told_is_that_of_a_reminder_that_went_on_to_a_text(good: Observation) -> None:
    chosen = choose(EXPECTED, good.messages)
    assert chosen is not None
    assert (chosen.customer, chosen.template) == ("c-2", "trial-3d")
    assert choose(EXPECTED, []) is None


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert percentile([float(number) for number in range(1, 101)], 99) == 99.0
    assert percentile([5.0], 99) == 5.0


EXAMPLES = read_examples()
READER = WordReader(EXAMPLES)


def _texts() -> Iterator[tuple[Example, str, str, bool]]:
    for example in EXAMPLES:
        for template in example.templates:
            if template.alimtalk:
                yield example, template.name, template.alimtalk.text, True
            if words := template.sms or template.alimtalk:
                yield example, template.name, words.text, False


@pytest.mark.parametrize(
    ("example", "name", "text", "is_alimtalk"),
    [pytest.param(*case, id=f"{case[0].tenant.id}-{case[1]}-{'alimtalk' if case[3] else 'text'}") for case in _texts()],
)
def test_a_text_tells_which_template_it_was_made_from(
    example: Example, name: str, text: str, is_alimtalk: bool
) -> None:
    parsed = parse_text(text)
    filled = parsed.filled(dict.fromkeys(parsed.names, "값: 11월 21일, 1,000원"))
    assert READER.template_of(example.tenant.id, filled, is_alimtalk=is_alimtalk) == name
    assert READER.template_of(example.tenant.id, filled + "!", is_alimtalk=is_alimtalk) in (None, name)
    assert READER.template_of("nobody", filled, is_alimtalk=is_alimtalk) is None


def test_what_is_delivered_is_so_by_the_providers_own_code() -> None:
    assert telling(person(Fate.REACHED, 1), "welcome", None).way == ((ALIMTALK, DELIVERED),)
