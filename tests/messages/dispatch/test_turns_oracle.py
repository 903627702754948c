"""Which tickets of crowds are taken next, against the rule in Python."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.tickets import SendTicket
from shared.messages.dispatch.fairness.turns_store import decide_turns
from shared.platform.pubsub import BULK_SEND_REQUESTS, SEND_REQUESTS
from tests.clock import NOON
from tests.scratch import INSTANT, Row, Scratch, mostly, rows

TENANTS = ("academy", "cafe", "shop")
UNTIL = NOON + dt.timedelta(seconds=30)
MOST = 6


@dataclass(frozen=True)
class Waiting:
    """A ticket that nobody has consumed. `held_until`: it has no turn before."""

    tenant: str
    id: UUID
    messages: int
    topic: str
    held_until: dt.datetime | None

    def as_ticket(self) -> SendTicket:
        return SendTicket(id=self.id, tenant=self.tenant, messages=tuple(map(UUID, map(_number, range(self.messages)))))


def _number(number: int) -> str:
    return f"{number:032x}"


tickets = st.lists(
    st.builds(
        Waiting,
        tenant=st.sampled_from(TENANTS),
        id=st.integers(1, 40).map(lambda number: UUID(int=number)),
        messages=st.integers(1, 8),
        topic=mostly(BULK_SEND_REQUESTS, SEND_REQUESTS),
        held_until=mostly(None, NOON - INSTANT, NOON, NOON + INSTANT),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda ticket: ticket.id,
)


def in_turn(waiting: Sequence[Waiting], asked: Sequence[UUID], served: Sequence[str]) -> list[Waiting]:
    """Of each tenant the oldest, then of each the next; who had a turn last comes last. What came, and somebody has it,
    comes after all others. As many as were asked for, and as fit, but one always."""
    turns: list[tuple[bool, int, int, str, Waiting]] = []
    bulk = [ticket for ticket in sorted(waiting, key=lambda ticket: ticket.id) if ticket.topic == BULK_SEND_REQUESTS]
    for tenant in TENANTS:
        last_turn = served.index(tenant) + 1 if tenant in served else 0
        own = [ticket for ticket in bulk if ticket.tenant == tenant]
        free = [ticket for ticket in own if ticket.held_until is None or ticket.held_until <= NOON]
        others = [ticket for ticket in own if ticket not in free and ticket.id in asked]
        for held, some in ((False, free), (True, others)):
            turns += [(held, number, last_turn, tenant, ticket) for number, ticket in enumerate(some)]
    taken: list[Waiting] = []
    for *_, ticket in sorted(turns, key=lambda turn: turn[:4])[: len(asked)]:
        if taken and sum(each.messages for each in taken) + ticket.messages > MOST:
            break
        taken.append(ticket)
    return taken


def _row(ticket: Waiting) -> Row:
    return {
        "tenant": ticket.tenant,
        "id": ticket.id,
        "topic": ticket.topic,
        "body": ticket.as_ticket().model_dump(mode="json"),
        "publish_at": NOON,
        "held_until": ticket.held_until,
        "created_at": NOON,
    }


@given(tickets, st.integers(1, 5), st.lists(st.sampled_from(TENANTS), unique=True))
async def test_the_next_ticket_is_that_of_whoever_waited_longest(
    scratch: Scratch, waiting: Sequence[Waiting], number: int, served: Sequence[str]
) -> None:
    asked = [ticket.as_ticket() for ticket in waiting[:number]]
    expected = in_turn(waiting, [ticket.id for ticket in asked], served)
    async with scratch.holding(outbox=[_row(ticket) for ticket in waiting]) as connection:
        taken = await decide_turns(connection, asked, served=served, now=NOON, until=UNTIL, most=MOST)
        found = await rows(connection, "select id, held_until from outbox")
    assert taken == [ticket.as_ticket() for ticket in expected]
    held: Mapping[UUID, dt.datetime | None] = {ticket.id: ticket.held_until for ticket in waiting}
    assert {row["id"]: row["held_until"] for row in found} == {**held, **{ticket.id: UNTIL for ticket in expected}}


@given(st.integers(2, 30), st.integers(1, 3))
def test_whoever_has_one_ticket_beside_another_ones_many_has_the_next_turn_but_one(many: int, few: int) -> None:
    """Whichever came first, and whoever was served last."""
    crowd = [Waiting("academy", UUID(int=n), 1, BULK_SEND_REQUESTS, None) for n in range(many)]
    neighbour = [Waiting("cafe", UUID(int=1_000 + n), 1, BULK_SEND_REQUESTS, None) for n in range(few)]
    left, served, turns = [*crowd, *neighbour], list[str](), list[str]()
    while left:
        [ticket] = in_turn(left, [left[0].id], served)
        left.remove(ticket)
        served = [tenant for tenant in served if tenant != ticket.tenant] + [ticket.tenant]
        turns.append(ticket.tenant)
    assert turns[: 2 * min(few, many)] == ["academy", "cafe"] * min(few, many)
