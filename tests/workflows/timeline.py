"""An appointment, what is told of it, and its reminders."""

from __future__ import annotations

import datetime as dt
from typing import Any

from shared.platform.pubsub import BULK_SEND_REQUESTS, SEND_REQUESTS
from shared.workflows.events.intake import EventIntake
from shared.workflows.ticks.ticking import Ticker
from tests.clock import NOON
from tests.world import World, event

MINUTE = dt.timedelta(minutes=1)
FIVE = NOON + 5 * 60 * MINUTE
"""17:00 in Seoul."""

REMINDERS: dict[str, Any] = {
    "name": "pickup",
    "on": "appointment.scheduled",
    "key": "data.appointment_id",
    "anchor": "data.starts_at",
    "steps": [
        {"at": "-30m", "send": "reminder"},
        {"at": "-10m", "send": "reminder", "unless": "pickup.confirmed"},
        {"at": "+5m", "send": "reminder", "unless": "pickup.confirmed"},
    ],
    "move_on": "appointment.rescheduled",
    "stop_on": "appointment.cancelled",
    "route": "sms_only",
}


class Timeline:
    """One tenant's appointment, and what is told of it."""

    def __init__(self, world: World, tenant: str) -> None:
        self.world = world
        self.tenant = tenant
        self.intake = EventIntake(world.as_role("allim_events"), world.publisher, world.clock)
        self.ticker = self.another_ticker()
        self._events = 0

    def another_ticker(self) -> Ticker:
        return Ticker(self.world.as_role("allim_ticker"), self.world.publisher, self.world.clock)

    async def tell(self, kind: str, *, starts_at: dt.datetime | None = None, **parts: Any) -> None:
        """Something happens now to appointment a-1, unless `time` and `appointment_id` say otherwise."""
        self._events += 1
        if starts_at is not None:
            parts["starts_at"] = starts_at.isoformat()
        parts = {"time": self.world.clock.now(), "appointment_id": "a-1", **parts}
        await self.intake.receive(event(self.tenant, f"e-{self._events}", kind, **parts))

    async def at(self, moment: dt.datetime) -> None:
        """Let the time come, and what is due speak."""
        self.world.clock.moment = moment
        await self.ticker.speak_due()

    def spoken(self) -> list[dt.datetime]:
        """The moments for which there is a message, whatever became of it."""
        return [row["due_at"] for row in self.world.messages(self.tenant)]

    def tickets(self) -> list[dict[str, Any]]:
        """What was published for sending."""
        published = self.world.publisher.published
        topics = (SEND_REQUESTS, BULK_SEND_REQUESTS)
        return [body for topic, body in published if topic in topics and body["tenant"] == self.tenant]

    def waiting(self) -> list[dt.datetime]:
        timers = self.world.rows("select due_at from timers where tenant = %s order by due_at", self.tenant)
        return [row["due_at"] for row in timers]
