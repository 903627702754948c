"""Who does what in the demo's day, drawn from a seed: the same seed and start give the same day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from local.demo.garbage import garbage
from local.demo.people import Fate, Person, Population
from local.demo.stories import (
    Announcement,
    Attendance,
    Cancellation,
    FailedPayment,
    Lesson,
    Pickup,
    PlanChange,
    Purchase,
    SignUp,
    Story,
    Trial,
    Visit,
)

CHILDREN = 260
SIGN_UPS = 250
PLAN_CHANGES = 120
CANCELLATIONS = 60
FAILED_PAYMENTS = 120
TRIALS = 110
ANNOUNCED_TO = 400
PURCHASES = 500
LESSONS = 500
VISITS = 150

FORGETFUL = 60
"""Of so many plan changes one comes without its price."""

PLANS = {"basic": 19_000, "premium": 49_000, "enterprise": 129_000}
COURSES = {
    "여행 영어": ["공항에서 길 묻기", "호텔 체크인", "식당에서 주문하기", "택시 타기"],
    "비즈니스 영어": ["회의 시작하기", "이메일 인사말", "일정 조율하기", "가격 협상"],
    "기초 문법": ["현재완료", "관계대명사", "가정법 과거", "수동태"],
}
PRODUCTS = {"월간 이용권": 12_900, "연간 이용권": 118_000, "여행 영어 패키지": 39_000}
FREE_COUPON = "무료 체험 쿠폰"


@dataclass(frozen=True)
class Timetable:
    """When the afternoon's reminders are due: over `spread` from `first_due` on. `start` is when it begins."""

    start: dt.datetime
    first_due: dt.datetime
    spread: dt.timedelta

    def due(self, random: Random) -> dt.datetime:
        """A moment at which some reminder is due."""
        return self.first_due + self.spread * random.random()

    @property
    def last_due(self) -> dt.datetime:
        """After it no reminder is due for many minutes."""
        return self.first_due + self.spread


@dataclass(frozen=True)
class Family:
    """A child and the guardians who are told together, the first of whom the childcare centre deals with."""

    id: str
    child: str
    guardians: tuple[Person, ...]


def minutes(number: float) -> dt.timedelta:
    return dt.timedelta(minutes=number)


class Casting:
    """Draws a day: a morning of things that are told at once, and an afternoon of things that people are reminded of.

    Args:
        seed: of all that is drawn.
        scale: how much happens; 1 is some 3,000 events.
    """

    def __init__(self, seed: int, scale: float = 1) -> None:
        self._random = Random(seed)  # noqa: S311 - repeatable on purpose, guards nothing
        self._population = Population(self._random)
        self._scale = scale
        self.families = [self._family(number) for number in self._times(CHILDREN)]

    def morning(self, start: dt.datetime) -> list[Story]:
        """What happens from `start` on and is told at once."""
        stories = [*self._attendance(), *self._subscriptions(start), *self._purchases()]
        return [*stories, *garbage(start)]

    def afternoon(self, timetable: Timetable) -> list[Story]:
        """What people are to be reminded of."""
        pickups = [self._pickup(family, timetable) for family in self.families]
        return [*pickups, *self._trials(timetable), *self._lessons(timetable)]

    def _times(self, number: int) -> range:
        return range(max(1, round(number * self._scale)))

    def _some(self, *choices: tuple[int, str]) -> str:
        """A choice, each with its weight."""
        return self._random.choices([name for _, name in choices], [weight for weight, _ in choices])[0]

    def _family(self, number: int) -> Family:
        status = self._some((95, "active"), (5, "paused"))
        first = self._population.person("childcare", "g", status=status)
        others = self._random.choices([0, 1, 2], [25, 60, 15])[0]
        guardians = (first, *(self._population.person("childcare", "g") for _ in range(others)))
        return Family(f"family-{number:04d}", first.name[0] + self._population.name()[1:], guardians)

    def _attendance(self) -> Iterator[Story]:
        for family in self.families:
            yield Attendance(family.child, family.guardians, leaving=False)
            yield Attendance(family.child, family.guardians, leaving=True)

    def _pickup(self, family: Family, timetable: Timetable) -> Pickup:
        """One whose first, second or third reminder is due in the demo, unless something comes between."""
        start, due, first = timetable.start, timetable.due(self._random), family.guardians[0]
        which = self._some((45, "first"), (30, "second"), (25, "late"))
        # Booked late enough that the reminders before it were past already when it was booked.
        booked_before, due_at = {
            "first": (self._random.uniform(45, 600), minutes(-30)),
            "second": (self._random.uniform(3, 15), minutes(-10)),
            "late": (self._random.uniform(7, 12), minutes(5)),
        }[which]
        fate = self._some((60, ""), (12, "confirmed"), (14, "cancelled"), (14, "moved"))
        moved_to = None
        if fate == "moved":
            later = timetable.due(self._random) + minutes(30)
            moved_to = self._random.choice([later, start + dt.timedelta(days=1, hours=2)])
        return Pickup(
            id=f"pickup-{family.id}",
            child=family.child,
            guardians=family.guardians,
            booked_at=start - minutes(booked_before),
            starts_at=due - due_at,
            changed_at=start - minutes(self._random.uniform(0.5, 2)),
            moved_to=moved_to,
            confirmed=fate == "confirmed",
            cancelled=fate == "cancelled",
            news_first=self._random.random() < 0.3,
            confirms_when_told=fate == "" and which == "first" and first.fate.reached and first.status == "active",
        )

    def _subscriber(self, status: str = "active", fate: Fate | None = None) -> Person:
        plan = self._random.choice(list(PLANS))
        return self._population.person("saas", "c", status=status, plan=plan, fate=fate, works=True)

    def _subscriptions(self, start: dt.datetime) -> Iterator[Story]:
        for _ in self._times(SIGN_UPS):
            yield SignUp(self._subscriber())
        yield SignUp(self._subscriber(fate=Fate.LANDLINE))
        for number in self._times(PLAN_CHANGES):
            person = self._subscriber(status=self._some((9, "active"), (1, "closed")))
            yield PlanChange(person, None if number % FORGETFUL == 0 else PLANS[person.plan or "basic"])
        for _ in self._times(CANCELLATIONS):
            yield Cancellation(self._subscriber())
        for number in self._times(FAILED_PAYMENTS):
            person = self._subscriber()
            ending = self._some((50, "unpaid"), (35, "pays"), (15, "paid"))
            yield FailedPayment(
                person=person,
                invoice=f"inv-{number:05d}",
                amount=PLANS[person.plan or "basic"],
                failed_at=start - minutes(self._random.uniform(1, 3)),
                paid_before_we_hear=ending == "paid",
                pays_when_told=ending == "pays" and person.fate.reached,
            )
        people = tuple(self._subscriber() for _ in self._times(ANNOUNCED_TO))
        yield Announcement(people, "maintenance", when="11월 25일(수) 02:00~04:00", duration="2시간")
        for _ in self._times(VISITS):
            yield Visit(self._subscriber())

    def _trials(self, timetable: Timetable) -> Iterator[Story]:
        for _ in self._times(TRIALS):
            ends_at = timetable.due(self._random) + dt.timedelta(days=3)
            yield Trial(self._subscriber(status="trial"), ends_at, converted=self._random.random() < 0.2)

    def _learner(self) -> Person:
        status = self._some((95, "active"), (5, "paused"))
        return self._population.person("learning", "s", status=status, plan=self._some((3, "free"), (7, "basic")))

    def _purchases(self) -> Iterator[Story]:
        for _ in self._times(PURCHASES):
            product = self._random.choice([*PRODUCTS, FREE_COUPON])
            yield Purchase(self._learner(), product, PRODUCTS.get(product, 0))

    def _lessons(self, timetable: Timetable) -> Iterator[Story]:
        for number in self._times(LESSONS):
            course = self._random.choice(list(COURSES))
            ending = self._some((75, "open"), (15, "mastered"), (10, "mastered, heard of first"))
            yield Lesson(
                person=self._learner(),
                study=f"study-{number:05d}",
                course=course,
                lesson=self._random.choice(COURSES[course]),
                learned_at=timetable.due(self._random) - dt.timedelta(days=1),
                mastered=ending != "open",
                news_first=ending.endswith("first"),
            )
