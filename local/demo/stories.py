"""What happens in the demo's day: each story is a plain fact about somebody, and knows nothing of events or workflows.

`local.demo.day` turns stories into what is published; `local.demo.expectation` says what their people should hear.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from local.demo.people import Person


@dataclass(frozen=True)
class Attendance:
    """A child comes or goes, and all its guardians are told. `leaving` tells which."""

    child: str
    guardians: tuple[Person, ...]
    leaving: bool


@dataclass(frozen=True)
class Pickup:
    """A child is to be picked up.

    booked_at: when the business learnt of it.
    moved_to: the other moment that it was moved to, known since `changed_at`.
    confirmed, cancelled: likewise known since `changed_at`.
    news_first: the change reaches us before the booking does.
    confirms_when_told: the first guardian confirms once the reminder has arrived.
    """

    id: str
    child: str
    guardians: tuple[Person, ...]
    booked_at: dt.datetime
    starts_at: dt.datetime
    changed_at: dt.datetime
    moved_to: dt.datetime | None = None
    confirmed: bool = False
    cancelled: bool = False
    news_first: bool = False
    confirms_when_told: bool = False


@dataclass(frozen=True)
class SignUp:
    """Somebody subscribes."""

    person: Person


@dataclass(frozen=True)
class Cancellation:
    """Somebody ends a subscription."""

    person: Person


@dataclass(frozen=True)
class PlanChange:
    """Somebody changes plans. `amount` is what the new one costs, None where the source forgot to say."""

    person: Person
    amount: int | None


@dataclass(frozen=True)
class FailedPayment:
    """A payment fails. It is made good not at all, before we hear of the failure, or once the notice has arrived."""

    person: Person
    invoice: str
    amount: int
    failed_at: dt.datetime
    paid_before_we_hear: bool = False
    pays_when_told: bool = False


@dataclass(frozen=True)
class Trial:
    """A trial that ends at some time, unless it is converted into a subscription first."""

    person: Person
    ends_at: dt.datetime
    converted: bool = False


@dataclass(frozen=True)
class Lesson:
    """Somebody learns something, and may have mastered it since; `news_first`: we hear of that first."""

    person: Person
    study: str
    course: str
    lesson: str
    learned_at: dt.datetime
    mastered: bool = False
    news_first: bool = False


@dataclass(frozen=True)
class Purchase:
    """Somebody pays. `amount` of 0 is a coupon, for which there is no receipt."""

    person: Person
    product: str
    amount: int


@dataclass(frozen=True)
class Visit:
    """An event of a type that nobody has a rule for."""

    person: Person


@dataclass(frozen=True)
class Announcement:
    """One notice to many, the way `allim send` goes."""

    people: tuple[Person, ...]
    template: str
    when: str
    duration: str


@dataclass(frozen=True)
class Garbage:
    """Something on the topic that is no event of anybody's.

    marker: occurs in its bytes.
    reason: with which it must end as a dead letter.
    is_kept: it is an event all the same, and only one workflow can't use it.
    """

    marker: str
    reason: str
    body: bytes
    is_kept: bool = False


Story = (
    Attendance
    | Pickup
    | SignUp
    | Cancellation
    | PlanChange
    | FailedPayment
    | Trial
    | Lesson
    | Purchase
    | Visit
    | Announcement
    | Garbage
)
