"""What must come of a day, by the words of the three businesses and not by the engine: who hears what, and when.

Nothing here reads a workflow or asks the product; the rules are written down once more, from the businesses' side.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch

from local.demo.day import Act
from local.demo.people import Fate, Person
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
)

TEXT_ONLY = frozenset({"pickup-late"})
"""What is only ever sent as a text message."""

MINUTE, DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)

ALIMTALK, TEXT = "ATA", "text"
"""A provider's types; SMS and LMS are both text."""

Way = tuple[tuple[str, str], ...]
"""What the provider accepts of one message, in order: the type and the status that it ends with."""

DELIVERED = "4000"


@dataclass(frozen=True)
class Telling:
    """One message that one person is due.

    due_at: the moment of a reminder; None for what is to be said at once.
    reason: why it can't arrive; None if it must.
    way: what the provider accepts of it.
    """

    person: Person
    template: str
    due_at: dt.datetime | None
    reason: str | None
    way: Way


@dataclass(frozen=True)
class Expectation:
    """All that must come of a day, and by leaving out, what must not.

    tellings: no two of one person and template.
    waiting: steps that wait for a later day, by tenant and workflow.
    dead_letters: the reason for each marker.
    events: how many are kept.
    """

    tellings: tuple[Telling, ...]
    waiting: Counter[tuple[str, str]]
    dead_letters: dict[str, str]
    events: int


@dataclass(frozen=True)
class Step:
    """A moment at which a business speaks.

    people: to whom.
    template: what it says.
    due_at: when; None at once.
    workflow: the name of its rule, by which steps that wait are counted.
    missing: a reason for which the message can't be made.
    """

    people: tuple[Person, ...]
    template: str
    due_at: dt.datetime | None = None
    workflow: str = ""
    missing: str | None = None


def expect(acts: Sequence[Act], until: dt.datetime) -> Expectation:
    """What must come of a day if it is watched `until` then."""
    stories = [story for act in acts for story in act.stories]
    tellings: list[Telling] = []
    waiting: Counter[tuple[str, str]] = Counter()
    for story in stories:
        for step in steps_of(story):
            if step.due_at is not None and step.due_at > until:
                waiting[step.people[0].tenant, step.workflow] += 1
            elif not (isinstance(story, Pickup) and story.confirmed and step.template != "pickup-30"):
                tellings += [telling(person, step.template, step.due_at, step.missing) for person in step.people]
    return Expectation(
        tellings=tuple(tellings),
        waiting=waiting,
        dead_letters={story.marker: story.reason for story in stories if isinstance(story, Garbage)},
        events=sum(len(act.legal) + len(act.reactions) for act in acts),
    )


def telling(person: Person, template: str, due_at: dt.datetime | None, missing: str | None = None) -> Telling:
    """A message with what the person's number makes of it.

    Args:
        person: who is due it.
        template: what is said.
        due_at: of a reminder.
        missing: a reason for which it can't even be made.
    """
    fate = person.fate
    if missing or fate in (Fate.NO_PHONE, Fate.LANDLINE):
        by_phone = {Fate.NO_PHONE: "missing_phone", Fate.LANDLINE: "invalid_phone"}.get(fate)
        return Telling(person, template, due_at, by_phone or missing, ())
    if fate is Fate.REFUSED:
        return Telling(person, template, due_at, fate.value, ())
    end = fate.value or DELIVERED
    text_end = DELIVERED if fate.reached else end
    way: Way = ((TEXT, text_end),)
    if template not in TEXT_ONLY:
        way = ((ALIMTALK, end),) if fate is Fate.REACHED else ((ALIMTALK, end), *way)
    return Telling(person, template, due_at, None if fate.reached else end, way)


@singledispatch
def steps_of(story: Story) -> list[Step]:
    """Every moment at which a business speaks of a story, also those of later days. Most stories: none."""
    return []


@steps_of.register
def _(story: Attendance) -> list[Step]:
    return [Step(story.guardians, "left" if story.leaving else "arrived")]


@steps_of.register
def _(story: Pickup) -> list[Step]:
    """Those of a pickup that goes ahead, without those that were past when its time became known."""
    if story.cancelled or story.guardians[0].status != "active":
        return []
    at, known_at = (story.moved_to, story.changed_at) if story.moved_to else (story.starts_at, story.booked_at)
    timeline = [(at - 30 * MINUTE, "pickup-30"), (at - 10 * MINUTE, "pickup-10"), (at + 5 * MINUTE, "pickup-late")]
    return [
        Step(story.guardians, template, due_at, "pickup-reminders")
        for due_at, template in timeline
        if due_at >= known_at
    ]


@steps_of.register
def _(story: SignUp) -> list[Step]:
    return [Step((story.person,), "welcome")]


@steps_of.register
def _(story: Cancellation) -> list[Step]:
    return [Step((story.person,), "cancelled")]


@steps_of.register
def _(story: PlanChange) -> list[Step]:
    missing = "missing_variable" if story.amount is None else None
    return [] if story.person.status == "closed" else [Step((story.person,), "plan-changed", missing=missing)]


@steps_of.register
def _(story: FailedPayment) -> list[Step]:
    if story.paid_before_we_hear:
        return []
    notice = Step((story.person,), "payment-failed")
    if story.pays_when_told:
        return [notice]
    later = [("payment-failed-3d", 3 * DAY), ("payment-failed-7d", 7 * DAY)]
    return [notice, *(Step((story.person,), name, story.failed_at + after, "dunning") for name, after in later)]


@steps_of.register
def _(story: Trial) -> list[Step]:
    if story.converted:
        return []
    notices = [("trial-3d", 3 * DAY), ("trial-1d", 1 * DAY)]
    return [Step((story.person,), name, story.ends_at - before, "trial-ending") for name, before in notices]


@steps_of.register
def _(story: Lesson) -> list[Step]:
    if story.mastered or story.person.status != "active":
        return []
    reviews = [("review-1d", 1 * DAY), ("review-3d", 3 * DAY), ("review-7d", 7 * DAY)]
    return [Step((story.person,), name, story.learned_at + after, "review-reminders") for name, after in reviews]


@steps_of.register
def _(story: Purchase) -> list[Step]:
    return [Step((story.person,), "receipt")] if story.amount > 0 else []


@steps_of.register
def _(story: Announcement) -> list[Step]:
    return [Step((person,), story.template) for person in story.people]
