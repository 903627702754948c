"""Stories become what is published, and when: CloudEvents in the order of an ordinary bus, which is not quite any."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from local.demo.people import Person
from local.demo.stories import (
    Announcement,
    Attendance,
    Cancellation,
    FailedPayment,
    Garbage,
    Lesson,
    Pickup,
    PlanChange,
    Purchase,
    SignUp,
    Story,
    Trial,
    Visit,
)
from shared.platform.clock import SEOUL

REPEATED_SHARE = 0.05
"""Of events that are published a second time, as buses and their clients do."""

NEWS_AFTER = 0.25
"""How much of the publishing time lies, at least, between an event and the later news on the same matter."""


@dataclass(frozen=True)
class Publication:
    """Bytes to publish, at a place from 0 to 1 in the time that publishing takes. `id` is the event's."""

    place: float
    id: str
    body: bytes


@dataclass(frozen=True)
class Told:
    """That a customer has received a message of a template."""

    tenant: str
    customer: str
    template: str


@dataclass(frozen=True)
class Known:
    """That an event has been taken in."""

    tenant: str
    event: str


@dataclass(frozen=True)
class Reaction:
    """An event that is published once something else is true: an answer to a message, or news that is overtaken."""

    once: Told | Known
    publication: Publication


@dataclass(frozen=True)
class Act:
    """A part of the day, as it is published.

    publications: in the order of their places; some twice.
    legal: the tenants and ids of all that are events, each once; those of reactions apart.
    """

    stories: Sequence[Story]
    publications: Sequence[Publication]
    reactions: Sequence[Reaction]
    legal: frozenset[tuple[str, str]]

    @property
    def announcements(self) -> list[Announcement]:
        """What is not told by events."""
        return [story for story in self.stories if isinstance(story, Announcement)]


class Script:
    """Writes the stories of one act down as events.

    Args:
        seed: of the order, and of what comes twice.
        start: when the act begins. What has no time of its own happened just before, or, as some clocks run ahead of
            ours, just after.
        name: of the act, in the events' ids.
    """

    def __init__(self, seed: int, start: dt.datetime, name: str) -> None:
        self._random = Random(seed)  # noqa: S311 - repeatable on purpose, guards nothing
        self._start = start
        self._name = name
        self._number = 0
        self._legal: set[tuple[str, str]] = set()
        self._reactions: list[Reaction] = []

    def write(self, stories: Sequence[Story]) -> Act:
        """The act that `stories` make."""
        publications = [publication for story in stories for publication in self._of(story)]
        repeated = [
            Publication(self._random.uniform(publication.place, 1), publication.id, publication.body)
            for publication in publications
            if self._random.random() < REPEATED_SHARE
        ]
        return Act(
            stories=stories,
            publications=sorted(publications + repeated, key=lambda publication: publication.place),
            reactions=self._reactions,
            legal=frozenset(self._legal),
        )

    def _of(self, story: Story) -> Iterator[Publication]:
        match story:
            case Pickup():
                yield from self._pickup(story)
            case FailedPayment():
                yield from self._failed_payment(story)
            case Lesson():
                yield from self._lesson(story)
            case Trial(person=person):
                place = self._early()
                fields = {"trial_ends_at": _text(story.ends_at)}
                yield self._event(person, "trial.started", fields, self._start - dt.timedelta(days=11), place)
                if story.converted:
                    yield self._event(person, "trial.converted", {}, None, self._after(place))
            case Garbage():
                if story.is_kept:
                    self._legal.add(("childcare", story.marker))
                yield Publication(self._random.random(), story.marker, story.body)
            case Announcement():
                return
            case _:
                yield self._plain(story)

    def _plain(self, story: Attendance | SignUp | Cancellation | PlanChange | Purchase | Visit) -> Publication:
        """A story that is one event."""
        place = self._random.random()
        match story:
            case Attendance():
                who, hour = ("어머니", 17) if story.leaving else ("선생님", 8)
                at = self._at_hour(hour)
                fields = {"child": story.child, "at": _text(at), "class_name": "햇살반", "with": who}
                kind = "child.left" if story.leaving else "child.arrived"
                return self._event(story.guardians[0], kind, fields, None, place)
            case SignUp():
                return self._event(story.person, "subscription.signup", {}, None, place)
            case Cancellation():
                fields = {"ends_at": _text(self._start + dt.timedelta(days=20))}
                return self._event(story.person, "subscription.cancelled", fields, None, place)
            case PlanChange():
                plans: dict[str, Any] = {"from_plan": "free", "to_plan": story.person.plan}
                amount = {} if story.amount is None else {"amount": story.amount}
                return self._event(story.person, "subscription.plan_changed", plans | amount, None, place)
            case Purchase():
                bought = {"product": story.product, "amount": story.amount, "paid_at": _text(self._start)}
                return self._event(story.person, "payment.succeeded", bought, None, place)
            case Visit():
                return self._event(story.person, "page.visited", {"path": "/pricing"}, None, place)

    def _pickup(self, pickup: Pickup) -> Iterator[Publication]:
        person, place = pickup.guardians[0], self._early()
        about = {"appointment_id": pickup.id, "kind": "pickup"}
        details = {**about, "child": pickup.child, "place": "1층 현관"}
        booking = details | {"starts_at": _text(pickup.starts_at)}
        after = self._after(place)
        first, second = (after, place) if pickup.news_first else (place, after)
        yield self._event(person, "appointment.scheduled", booking, pickup.booked_at, first)
        if pickup.confirmed:
            yield self._event(person, "pickup.confirmed", about, pickup.changed_at, second)
        if pickup.cancelled:
            yield self._event(person, "appointment.cancelled", about, pickup.changed_at, second)
        if pickup.moved_to:
            moved = about | {"starts_at": _text(pickup.moved_to)}
            yield self._event(person, "appointment.rescheduled", moved, pickup.changed_at, second)
        if pickup.confirms_when_told:
            self._react(
                Told(person.tenant, person.id, "pickup-30"),
                self._event(person, "pickup.confirmed", about, self._start, 1),
            )

    def _failed_payment(self, payment: FailedPayment) -> Iterator[Publication]:
        person, place = payment.person, self._random.uniform(0, 1 - NEWS_AFTER)
        fields = {"invoice_id": payment.invoice, "amount": payment.amount, "card": "신한카드(1234)"}
        paid = {"invoice_id": payment.invoice, "amount": payment.amount}
        if payment.paid_before_we_hear:
            good = self._event(person, "payment.succeeded", paid, None, place)
            failed = self._event(person, "payment.failed", fields, payment.failed_at, 1)
            self._react(Known(person.tenant, good.id), failed)
            yield good
            return
        yield self._event(person, "payment.failed", fields, payment.failed_at, place)
        if payment.pays_when_told:
            good = self._event(person, "payment.succeeded", paid, self._start, 1)
            self._react(Told(person.tenant, person.id, "payment-failed"), good)

    def _lesson(self, lesson: Lesson) -> Iterator[Publication]:
        place = self._early()
        after = self._after(place)
        first, second = (after, place) if lesson.news_first else (place, after)
        fields = {"study_id": lesson.study, "course": lesson.course, "lesson": lesson.lesson}
        yield self._event(lesson.person, "lesson.learned", fields, lesson.learned_at, first)
        if lesson.mastered:
            yield self._event(lesson.person, "lesson.mastered", {"study_id": lesson.study}, None, second)

    def _event(
        self, person: Person, kind: str, fields: dict[str, Any], time: dt.datetime | None, place: float
    ) -> Publication:
        """An event about `person`; without `time`, of the last seconds before the start."""
        self._number += 1
        event_id = f"{self._name}-{self._number:05d}"
        self._legal.add((person.tenant, event_id))
        event = {
            "specversion": "1.0",
            "id": event_id,
            "source": f"//{person.tenant}.example/app",
            "type": kind,
            "time": _text(time or self._start + dt.timedelta(seconds=self._random.uniform(-20, 1))),
            "tenant": person.tenant,
            "data": {
                "customer": {
                    "id": person.id,
                    "name": person.name,
                    "phone": person.phone,
                    "company": person.company,
                    "status": person.status,
                    "plan": person.plan,
                },
                **fields,
            },
        }
        return Publication(place, event_id, json.dumps(event, ensure_ascii=False).encode())

    def _react(self, once: Told | Known, publication: Publication) -> None:
        self._legal.discard((once.tenant, publication.id))
        self._reactions.append(Reaction(once, publication))

    def _early(self) -> float:
        """A place that leaves time for news on the same matter."""
        return self._random.uniform(0, 1 - NEWS_AFTER)

    def _after(self, place: float) -> float:
        return self._random.uniform(place + NEWS_AFTER, 1)

    def _at_hour(self, hour: int) -> dt.datetime:
        """A time of this Korean day, whatever the clock says: it is shown, and nothing waits for it."""
        korean = self._start.astimezone(SEOUL)
        return korean.replace(hour=hour, minute=self._random.randrange(60), second=0, microsecond=0)


def _text(moment: dt.datetime) -> str:
    return moment.isoformat()
