"""Play a day against a running stack: seed its people, publish, let people react, and watch until all is settled."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import datetime as dt
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from google.cloud import pubsub_v1

from local.demo.casting import Casting, Family, Timetable
from local.demo.chaos import TAKES_EVENTS, VICTIMS, Killer, disturb_bus, disturb_providers, schedule_kills
from local.demo.day import Act, Known, Reaction, Script, Told
from local.demo.expectation import Expectation, expect
from local.demo.observation import Observation, Observer, Progress
from local.demo.people import Person
from local.demo.stories import Announcement
from local.examples.files import read_examples
from local.examples.loading import LONG_AGO
from local.home import Home
from local.stack import Stack
from shared.campaigns.sending import send_bulk
from shared.contracts.events import CustomerSnapshot
from shared.customers.files.people import CustomerFile
from shared.customers.filing import file_all
from shared.customers.store import save_groups
from shared.platform.clock import WallClock
from shared.platform.database import Database
from shared.platform.pubsub import SUBSCRIPTION_EVENTS, PubSubPublisher

LOOK_EVERY_SECONDS = 0.25
BEYOND = dt.timedelta(minutes=4)
"""Reminders that are due later than this after the afternoon's start belong to another day."""

GOOGLE_SCALE = 0.1
"""Google's emulator pushes one message after another, some dozens a second."""

PUBLISH_SECONDS = 60.0
LONGEST_LEAD = 120.0
"""Seconds. The times of the stories allow for no more."""


@dataclass(frozen=True)
class Pace:
    """How fast a day is played, in seconds.

    publishing: over this time each of its two acts is published.
    lead: at least so long after the start of the afternoon the first reminder is due.
    spread: over this time reminders are due.
    patience: when nothing has changed for so long, the day is judged as it stands.
    quiet: nothing may have changed for so long before a day counts as settled; what comes twice comes within it.
    """

    publishing: float
    lead: float
    spread: float
    patience: float
    quiet: float


CALM = Pace(publishing=4, lead=8, spread=8, patience=30, quiet=1.5)
CHAOTIC = Pace(publishing=8, lead=35, spread=12, patience=100, quiet=5)
"""A bus that was refused pauses for as long again as a function was away, and news must be known before the reminder
that it concerns is due. A killed sender's dispatch is left alone for a minute, in case it lives; then it is settled."""

KILLED_EARLY = 3.0
"""Seconds of the afternoon in which functions are killed; then they have until the reminders are due."""


@dataclass
class Scene:
    """What is to be shown while a day is played."""

    phase: str = "making people known"
    published: int = 0
    to_publish: int = 0
    expected: int = 0
    announced: int = 0
    first_due: dt.datetime | None = None
    last_due: dt.datetime | None = None
    progress: Progress | None = None
    kills: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Played:
    """A day that was played, and what it should have come to and did."""

    acts: Sequence[Act]
    expectation: Expectation
    observation: Observation
    published: int
    pushes_disturbed: bool
    kills: int


class Player:
    """Plays a day.

    Args:
        home: of the stack.
        stack: a running one, with the examples in it.
        seed: of the day, and of the chaos.
        chaos: whether there is any.
        show: is called with the scene whenever it has changed.
    """

    def __init__(self, home: Home, stack: Stack, *, seed: int, chaos: bool, show: Callable[[Scene], None]) -> None:
        self._home = home
        self._stack = stack
        self._seed = seed
        self._chaos = chaos
        self._pace = CHAOTIC if chaos else CALM
        self._show = show
        self._scene = Scene()
        self._reactions: list[Reaction] = []
        # Google's client finds an emulator by this name and by nothing else.
        os.environ["PUBSUB_EMULATOR_HOST"] = stack.pubsub_emulator_host
        self._client = pubsub_v1.PublisherClient()
        self._topic = self._client.topic_path(stack.project, SUBSCRIPTION_EVENTS)
        self.observer = Observer(stack, read_examples())

    def play(self) -> Played:
        """Play it to its end, and look at what came of it."""
        casting = Casting(self._seed, GOOGLE_SCALE if self._stack.broker == "google" else 1)
        asyncio.run(self._introduce(casting.families))
        if self._chaos:
            disturb_providers(self._stack, self._seed)
        pushes_disturbed = self._chaos and disturb_bus(self._stack, self._seed)
        morning, seconds = self._morning(casting)
        afternoon, timetable = self._afternoon(casting, morning, 1.5 * seconds)
        acts = (morning, afternoon)
        expectation = expect(acts, timetable.start + BEYOND)
        self._tell(phase="following what is left", expected=len(expectation.tellings))
        self._wait(
            lambda progress: (
                not self._reactions
                and WallClock().now() > timetable.last_due
                and progress.settled >= len(expectation.tellings)
                and progress.settled == sum(progress.by_status.values())
                and progress.events >= expectation.events
                and progress.dead_letters >= len(expectation.dead_letters)
            ),
            quiet=self._pace.quiet,
        )
        self._tell(phase="judging")
        kills = len(self._scene.kills)
        return Played(acts, expectation, self.observer.observe(), self._scene.published, pushes_disturbed, kills)

    def _morning(self, casting: Casting) -> tuple[Act, float]:
        """What is told at once. Gives the act, and the seconds until all of it was taken in."""
        start = WallClock().now()
        act = Script(self._seed, start, "am").write(casting.morning(start))
        expected = len(expect([act], start + BEYOND).tellings)
        begun = time.monotonic()
        with self._kills([(0, self._pace.publishing)]):
            self._publish("the morning: what is told at once", act, expected)
            self._wait(lambda progress: progress.events >= len(act.legal))
        return act, time.monotonic() - begun

    def _afternoon(self, casting: Casting, morning: Act, seconds: float) -> tuple[Act, Timetable]:
        """What people are reminded of, not before `seconds`: the morning, which has more events, has shown how many a
        slow machine needs to know all that happened."""
        pace, start = self._pace, WallClock().now()
        lead = min(LONGEST_LEAD, max(pace.lead, seconds))
        first_due = start + dt.timedelta(seconds=lead)
        timetable = Timetable(start, first_due, dt.timedelta(seconds=pace.spread))
        act = Script(self._seed, start, "pm").write(casting.afternoon(timetable))
        expected = len(expect([morning, act], start + BEYOND).tellings)
        self._tell(first_due=timetable.first_due, last_due=timetable.last_due)
        with self._kills([(0, KILLED_EARLY), (lead, lead + pace.spread)]):
            self._publish("the afternoon: what people are reminded of", act, expected)
            self._tell(phase="waiting for the reminders")
            self._wait(lambda _: WallClock().now() > timetable.last_due)
        return act, timetable

    def close(self) -> None:
        self._client.stop()
        self.observer.close()

    def _tell(self, **changes: object) -> None:
        for name, value in changes.items():
            setattr(self._scene, name, value)
        self._show(replace(self._scene, kills=list(self._scene.kills)))

    @contextlib.contextmanager
    def _kills(self, windows: Sequence[tuple[float, float]]) -> Iterator[None]:
        """Kill functions in each window of the block's time, when there is chaos."""
        victims = [one for one in VICTIMS if not (one == TAKES_EVENTS and self._stack.broker == "google")]
        kills = schedule_kills(self._seed, windows, victims) if self._chaos else []
        killer = Killer(self._home, kills, self._scene.kills.append)
        killer.start()
        try:
            yield
        finally:
            killer.stop()

    async def _introduce(self, families: Sequence[Family]) -> None:
        """Families are known before the day begins: who else is to be told is nothing that an event says."""
        people = [{"id": person.id, **_snapshot(person).told} for family in families for person in family.guardians]
        groups = {
            family.id: (f"{family.child} 가족", [person.id for person in family.guardians]) for family in families
        }
        database = Database(self._stack.database_url, pool_size=1)
        try:
            await file_all(database, "childcare", people, changed_at=LONG_AGO, clock=WallClock())
            async with database.transaction() as connection:
                await save_groups(connection, "childcare", groups)
        finally:
            await database.close()

    def _announce(self, announcement: Announcement) -> None:
        """One notice to many, as `allim send` sends it."""
        file = self._home.root / f"{announcement.template}.csv"
        _write_customers(file, announcement)
        asyncio.run(self._send(file, announcement))
        self._scene.announced += len(announcement.people)

    async def _send(self, file: Path, announcement: Announcement) -> None:
        database = Database(self._stack.role_database_urls["allim_api"], pool_size=1)
        publisher = PubSubPublisher(self._stack.project, emulator_host=self._stack.pubsub_emulator_host)
        try:
            await send_bulk(
                database,
                publisher,
                WallClock(),
                tenant=announcement.people[0].tenant,
                template=announcement.template,
                customers=CustomerFile(file),
            )
        finally:
            await database.close()

    def _publish(self, phase: str, act: Act, expected: int) -> None:
        """Publish what an act holds, each at its place in time, and wait until the bus has it all."""
        self._reactions += act.reactions
        to_publish = self._scene.to_publish + len(act.publications) + len(act.reactions)
        self._tell(phase=phase, to_publish=to_publish, expected=expected)
        announcing = [threading.Thread(target=self._announce, args=[one]) for one in act.announcements]
        for thread in announcing:
            thread.start()
        begun = looked = time.monotonic()
        futures = []
        for publication in act.publications:
            wait = begun + publication.place * self._pace.publishing - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            futures.append(self._client.publish(self._topic, publication.body))
            self._scene.published += 1
            if time.monotonic() - looked > LOOK_EVERY_SECONDS:
                looked = time.monotonic()
                self._tell(progress=self.observer.progress())
        for future in futures:
            future.result(PUBLISH_SECONDS)
        for thread in announcing:
            thread.join()

    def _wait(self, is_over: Callable[[Progress], bool], quiet: float = 0) -> None:
        """Let people react until `is_over`, and for `quiet` seconds without a change; or until patience is over."""
        changed, before = time.monotonic(), None
        while True:
            self._react()
            progress = self.observer.progress()
            self._tell(progress=progress)
            now = time.monotonic()
            if progress != before:
                changed, before = now, progress
            unchanged = now - changed
            if unchanged >= self._pace.patience or (unchanged >= quiet and is_over(progress)):
                return
            time.sleep(LOOK_EVERY_SECONDS)

    def _react(self) -> None:
        """Publish what has its reason by now."""
        conditions = [reaction.once for reaction in self._reactions]
        told = self.observer.told(sorted({once.template for once in conditions if isinstance(once, Told)}))
        known = self.observer.known([once.event for once in conditions if isinstance(once, Known)])
        waiting = []
        for reaction in self._reactions:
            match reaction.once:
                case Told(tenant=tenant, customer=customer, template=template):
                    holds = (tenant, customer, template) in told
                case Known(tenant=tenant, event=event):
                    holds = (tenant, event) in known
            if holds:
                self._client.publish(self._topic, reaction.publication.body).result(PUBLISH_SECONDS)
                self._scene.published += 1
            else:
                waiting.append(reaction)
        self._reactions = waiting


def _snapshot(person: Person) -> CustomerSnapshot:
    return CustomerSnapshot(id=person.id, name=person.name, phone=person.phone, status=person.status)


def _write_customers(file: Path, announcement: Announcement) -> None:
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["id", "name", "phone", "company", "status", "plan", "when", "duration"])
        writer.writerows(
            [p.id, p.name, p.phone, p.company, p.status, p.plan, announcement.when, announcement.duration]
            for p in announcement.people
        )
