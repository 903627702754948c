"""The demo's input: repeatable, of the shape that a real day has, and malformed only where it means to be."""

import json
from collections import Counter

import pytest
from pydantic import ValidationError

from local.demo.chaos import VICTIMS, schedule_kills
from local.demo.day import Told
from local.demo.people import Fate, Person
from local.demo.stories import Garbage, Pickup
from shared.contracts.events import MAX_EVENT_BYTES, SubscriptionEvent
from shared.customers.phones import InvalidPhone, normalise_mobile
from tests.whole.demo_day import DemoDay, draw


@pytest.fixture(scope="module")
def day() -> DemoDay:
    return draw(1, scale=1)


def _people(day: DemoDay) -> set[Person]:
    return {telling.person for telling in day.expectation.tellings}


def test_a_seed_gives_the_same_day_every_time_and_another_seed_another_one() -> None:
    assert draw(5) == draw(5)
    assert draw(5).acts != draw(6).acts


def test_a_day_is_some_thousands_of_events(day: DemoDay) -> None:
    assert 2_500 < sum(len(act.publications) for act in day.acts) < 4_000


def test_everything_but_garbage_is_a_legal_event(day: DemoDay) -> None:
    legal = {event_id for act in day.acts for _, event_id in act.legal}
    for act in day.acts:
        published = [*act.publications, *(reaction.publication for reaction in act.reactions)]
        for publication in published:
            if publication.id in legal or publication not in act.publications:
                event = SubscriptionEvent.model_validate_json(publication.body)
                assert event.id == publication.id


def test_garbage_is_refused_by_the_contract_unless_its_fault_lies_deeper(day: DemoDay) -> None:
    garbage = [story for act in day.acts for story in act.stories if isinstance(story, Garbage)]
    for story in garbage:
        assert story.marker.encode() in story.body
        if story.reason in ("not_json", "schema_violation"):
            with pytest.raises(ValidationError):
                SubscriptionEvent.model_validate_json(story.body)
        else:
            SubscriptionEvent.model_validate_json(story.body)
        assert (len(story.body) > MAX_EVENT_BYTES) == (story.reason == "too_large")


def test_some_events_come_twice_and_some_news_before_what_it_is_about(day: DemoDay) -> None:
    for act in day.acts:
        times = Counter(publication.id for publication in act.publications)
        assert set(times.values()) == {1, 2}
    afternoon = day.acts[1]
    types: dict[str, list[str]] = {}
    for publication in afternoon.publications:
        event = json.loads(publication.body)
        if "appointment_id" in event["data"]:
            types.setdefault(event["data"]["appointment_id"], []).append(event["type"])
    assert any(order[0] == "appointment.rescheduled" and "appointment.scheduled" in order for order in types.values())


def test_pickups_are_confirmed_moved_and_cancelled(day: DemoDay) -> None:
    pickups = [story for story in day.acts[1].stories if isinstance(story, Pickup)]
    assert any(pickup.confirmed for pickup in pickups)
    assert any(pickup.moved_to for pickup in pickups)
    assert any(pickup.cancelled for pickup in pickups)


def test_about_one_in_ten_has_no_kakaotalk_and_a_few_cannot_be_reached(day: DemoDay) -> None:
    people = _people(day)
    fates = Counter(person.fate for person in people)
    assert 0.07 < fates[Fate.NO_KAKAO] / len(people) < 0.13
    assert all(fates[fate] for fate in Fate)


def test_the_product_reads_the_numbers_as_the_demo_means_them(day: DemoDay) -> None:
    for person in _people(day):
        if person.digits is not None:
            assert normalise_mobile(person.phone or "") == person.digits
        elif person.phone is not None:
            with pytest.raises(InvalidPhone):
                normalise_mobile(person.phone)
    digits = [person.digits for person in _people(day) if person.digits]
    assert len(digits) == len(set(digits))


def test_people_react_only_to_what_reaches_them(day: DemoDay) -> None:
    reached = {
        (telling.person.tenant, telling.person.id, telling.template)
        for telling in day.expectation.tellings
        if telling.reason is None
    }
    reactions = [reaction.once for act in day.acts for reaction in act.reactions]
    assert reactions
    for once in reactions:
        if isinstance(once, Told):
            assert (once.tenant, once.customer, once.template) in reached


def test_every_function_is_killed_once_in_each_window_at_times_of_the_seed() -> None:
    kills = schedule_kills(3, [(0, 4), (10, 12)])
    assert kills == schedule_kills(3, [(0, 4), (10, 12)]) == sorted(kills)
    for begin, end in ((0, 4), (10, 12)):
        assert sorted(victim for at, victim in kills if begin <= at <= end) == sorted(VICTIMS)
