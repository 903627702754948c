"""Recipients whose fate is known, and what a message to each of them must come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests.faults.world import SMS_ONLY, FaultyWorld

DELIVERED = "01090004000"
NOT_ON_KAKAO = "01090003104"
BAD_NUMBER = "01090003010"
REFUSED = "01090001062"
NO_ALIMTALK = "01090005000"
"""Delivered; its message has no words for AlimTalk, which is found when it is about to be sent."""
UNTOLD = "01090003000"
"""Nothing final is heard of it until the test says so."""


@dataclass(frozen=True)
class Fate:
    """types: what the provider takes charge of, in order; the rest is the message's row in the end."""

    types: tuple[str, ...]
    status: str
    channel: str
    price: int | None = None

    def is_that_of(self, row: Mapping[str, Any]) -> bool:
        return (self.status, self.channel, self.price) == (row["status"], row["channel"], row["price"])


FATES = {
    DELIVERED: Fate(("ATA",), "delivered", "alimtalk", 15),
    NOT_ON_KAKAO: Fate(("ATA", "SMS"), "delivered", "sms", 20),
    BAD_NUMBER: Fate(("ATA", "SMS"), "failed", "sms"),
    REFUSED: Fate((), "failed", "sms"),
    NO_ALIMTALK: Fate(("SMS",), "delivered", "sms", 20),
}
TEMPLATES = {NO_ALIMTALK: SMS_ONLY}

Sent = Mapping[str, UUID]
"""Messages by recipient."""


async def queue_one_of_each(world: FaultyWorld) -> Sent:
    return dict(zip(FATES, await world.queue(*FATES, templates=TEMPLATES), strict=True))


async def assert_each_has_its_fate(world: FaultyWorld, sent: Sent) -> None:
    accepted = world.accepted()
    for recipient, fate in FATES.items():
        row = world.message(sent[recipient])
        assert tuple(accepted[row["id"]]) == fate.types, recipient
        assert fate.is_that_of(row), row
    assert {row["state"] for row in world.table("dispatches")} <= {"sent", "closed", "abandoned"}
    assert world.table("dead_letters") == []
