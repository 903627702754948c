"""When a dispatch is taken and looked at, and when a ticket is published again, against the rules in Python.

`deciding_deadline` is tried through the statement that it is a part of, and beside it that of `mark_sent`, which says
the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.messages.dispatch.dispatching import FIRST_CHECK, LEASE
from shared.messages.dispatch.submit_store import mark_sent
from shared.messages.dispatch.sweep_store import (
    TakenDispatch,
    decide_checks,
    decide_deadlines,
    decide_leases,
    decide_tickets_again,
)
from shared.messages.dispatch.sweeping import LONGEST_WITHOUT_CHECK
from shared.messages.outbox import LONGEST_PATIENCE, PATIENCE
from shared.platform.database import Connection
from shared.platform.pubsub import SEND_REQUESTS
from tests.clock import NOON
from tests.scratch import INSTANT, Row, Scratch, mostly, rows, waits

TENANTS = ("cafe", "shop")
SECOND = dt.timedelta(seconds=1)
MADE = NOON - 60 * SECOND
"""When each dispatch was made."""

OTHER = UUID(int=99)
"""A dispatch of which nothing is known here."""


@dataclass(frozen=True)
class Message:
    """A message that a dispatch carries, or carried. `deadlines`: seconds that each of its channels is given."""

    id: UUID
    status: str
    dispatch: UUID
    position: int
    deadlines: Sequence[int]

    def may_go_on(self, dispatch: UUID) -> bool:
        """Whether it is still on its way with this dispatch, and another channel follows."""
        on_its_way = self.dispatch == dispatch and self.status in ("sending", "sent")
        return on_its_way and self.position + 1 < len(self.deadlines)

    @property
    def deadline(self) -> dt.datetime:
        """Until when its channel is given."""
        return MADE + self.deadlines[self.position] * SECOND


@dataclass(frozen=True)
class Dispatch:
    """A call that was made or is being made. `listed`: the messages that it says it carries.

    moment: until when it is somebody's, when it is looked at, and when a channel's time is over.
    times: how often it was taken, and looked at.
    """

    id: UUID
    state: str
    moment: dt.datetime
    times: int
    listed: Sequence[UUID]

    @property
    def is_due(self) -> bool:
        return self.state == "sent" and self.moment <= NOON

    @property
    def is_left(self) -> bool:
        return self.state in ("open", "prepared") and self.moment < NOON

    def deadlines(self, messages: Sequence[Message]) -> list[dt.datetime]:
        """Of its messages that may still go on to their next channel."""
        return [each.deadline for each in messages if each.id in self.listed and each.may_go_on(self.id)]


@dataclass(frozen=True)
class Business:
    """A tenant with its dispatches and messages."""

    dispatches: Sequence[Dispatch]
    messages: Sequence[Message]
    revision: int


IDS = [UUID(int=number) for number in range(10, 13)]
ON_A_ROUTE = ((0, (59, 9)), (0, (60, 9)), (0, (62, 9)), (0, (75, 9)), (1, (9, 65, 9)), (1, (9, 61)))
"""Where a message is, and how many seconds each channel has: some are over, some at noon or a second later."""


@st.composite
def messages(draw: st.DrawFn, number: int) -> Message:
    status = draw(mostly("sent", "sending", "sending", "queued", "unknown", "failed", "delivered", times=9))
    dispatch = draw(mostly(*IDS, OTHER, times=3))
    return Message(UUID(int=number), status, dispatch, *draw(st.sampled_from(ON_A_ROUTE)))


@st.composite
def businesses(draw: st.DrawFn, state: str, moments: Sequence[dt.datetime]) -> Business:
    carried = [draw(messages(number)) for number in range(draw(st.integers(3, 6)))]
    dispatches = []
    for id_, moment in zip(IDS, moments, strict=True):
        own = [message.id for message in carried if message.dispatch == id_]
        listed = draw(mostly(own, [message.id for message in carried], own[1:])) or [OTHER]
        states = mostly(state, "sent", "prepared", "open", "closed")
        dispatches.append(Dispatch(id_, draw(states), moment, draw(st.integers(0, 15)), listed))
    return Business(dispatches, carried, draw(st.integers(1, 9)))


@st.composite
def worlds(draw: st.DrawFn, state: str) -> dict[str, Business]:
    """Most dispatches are in the state, and no two of them are due at the same moment."""
    moments = draw(st.permutations([NOON + INSTANT, *(NOON - seconds * SECOND for seconds in range(5))]))
    return {tenant: draw(businesses(state, moments[at::2])) for at, tenant in enumerate(TENANTS)}


def _rows_of(businesses: Mapping[str, Business]) -> dict[str, list[Row]]:
    every = businesses.items()
    return {
        "tenants": [{"id": tenant, "name": tenant, "revision": business.revision} for tenant, business in every],
        "dispatches": [
            {
                "tenant": tenant,
                "id": dispatch.id,
                "provider": "solapi",
                "account": "main",
                "messages": dispatch.listed,
                "state": dispatch.state,
                "provider_batch_id": f"batch of {tenant}",
                **dict.fromkeys(("lease_until", "check_at", "deadline_at"), dispatch.moment),
                **dict.fromkeys(("takes", "checks"), dispatch.times),
                "created_at": MADE,
                "updated_at": MADE,
            }
            for tenant, business in every
            for dispatch in business.dispatches
        ],
        "messages": [
            {
                "tenant": tenant,
                "id": message.id,
                "customer": "c-1",
                "template": "hello",
                "template_version": 1,
                "route": ["alimtalk", "sms", "pigeon"][: len(message.deadlines)],
                "deadlines": message.deadlines,
                "position": message.position,
                "channel": "alimtalk",
                "status": message.status,
                "reason": "any",
                "dispatch": message.dispatch,
                **dict.fromkeys(("due_at", "expires_at", "created_at", "updated_at"), MADE),
            }
            for tenant, business in every
            for message in business.messages
        ],
    }


DISPATCHES = """
select tenant, id, state::text, lease_until, check_at, deadline_at, takes, checks, updated_at from dispatches
order by tenant, id
"""


def _found(tenant: str, dispatch: Dispatch, **changed: Any) -> Row:
    """A dispatch as `DISPATCHES` has to find it."""
    moments = dict.fromkeys(("lease_until", "check_at", "deadline_at"), dispatch.moment)
    times = dict.fromkeys(("takes", "checks"), dispatch.times)
    known = {"state": dispatch.state, **moments, **times, "updated_at": MADE}
    return {"tenant": tenant, "id": dispatch.id, **known, **changed}


def _each(businesses: Mapping[str, Business]) -> list[tuple[str, Business, Dispatch]]:
    return [(tenant, each, dispatch) for tenant, each in sorted(businesses.items()) for dispatch in each.dispatches]


def _first(
    due: Sequence[tuple[str, Business, Dispatch]], limit: int, without: Sequence[str]
) -> list[tuple[str, Business, Dispatch]]:
    return sorted((each for each in due if each[0] not in without), key=lambda each: each[2].moment)[:limit]


WITHOUT = mostly((), TENANTS[:1], TENANTS)
"""Tenants whose dispatches stay."""


async def _takes(
    scratch: Scratch,
    businesses: Mapping[str, Business],
    take: Callable[[Connection], Awaitable[list[TakenDispatch]]],
    due: Sequence[tuple[str, Business, Dispatch]],
    changed: Callable[[Business, Dispatch], dict[str, Any]],
) -> None:
    """`take` gives what is `due`, and changes it so, and nothing else."""
    after = [
        _found(each[0], each[2], **({**changed(each[1], each[2]), "updated_at": NOON} if each in due else {}))
        for each in _each(businesses)
    ]
    async with scratch.holding(**_rows_of(businesses)) as connection:
        taken = await take(connection)
        assert await rows(connection, DISPATCHES) == after
    assert sorted(taken, key=lambda each: (each.tenant, each.id)) == [
        TakenDispatch(each[0], each[2].id, "main", each[2].state, f"batch of {each[0]}", MADE, None, each[1].revision)  # type: ignore[arg-type]
        for each in _each(businesses)
        if each in due
    ]


@given(worlds("sent"), mostly(20, 1, 2), WITHOUT)
async def test_a_dispatch_is_looked_at_ever_more_seldom(
    scratch: Scratch, businesses: Mapping[str, Business], limit: int, without: Sequence[str]
) -> None:
    due = _first([each for each in _each(businesses) if each[2].is_due], limit, without)

    def changed(_: Business, dispatch: Dispatch) -> dict[str, Any]:
        later = NOON + waits(FIRST_CHECK, LONGEST_WITHOUT_CHECK, dispatch.times)
        return {"check_at": later, "checks": dispatch.times + 1}

    take = partial(
        decide_checks, now=NOON, first=FIRST_CHECK, longest=LONGEST_WITHOUT_CHECK, limit=limit, without=without
    )
    await _takes(scratch, businesses, take, due, changed)


@given(
    worlds("sent"), mostly(20, 1, 2), WITHOUT, mostly(FIRST_CHECK, SECOND / 2), mostly(LONGEST_WITHOUT_CHECK, SECOND)
)
async def test_a_dispatch_is_looked_at_at_each_deadline_and_where_one_is_over_after_as_long_again(
    scratch: Scratch,
    businesses: Mapping[str, Business],
    limit: int,
    without: Sequence[str],
    first: dt.timedelta,
    longest: dt.timedelta,
) -> None:
    due = _first([each for each in _each(businesses) if each[2].is_due], limit, without)

    def changed(business: Business, dispatch: Dispatch) -> dict[str, Any]:
        moments = [
            deadline if deadline > NOON else NOON + min(max(first, NOON - deadline), longest)
            for deadline in dispatch.deadlines(business.messages)
        ]
        return {"deadline_at": min(moments, default=None)}

    take = partial(decide_deadlines, now=NOON, first=first, longest=longest, limit=limit, without=without)
    await _takes(scratch, businesses, take, due, changed)


@given(worlds("prepared"), mostly(20, 1, 2), WITHOUT)
async def test_a_dispatch_that_was_left_is_taken_for_longer_each_time(
    scratch: Scratch, businesses: Mapping[str, Business], limit: int, without: Sequence[str]
) -> None:
    left = _first([each for each in _each(businesses) if each[2].is_left], limit, without)

    def changed(_: Business, dispatch: Dispatch) -> dict[str, Any]:
        until = NOON + waits(LEASE, LONGEST_WITHOUT_CHECK, dispatch.times)
        return {"lease_until": until, "takes": dispatch.times + 1}

    take = partial(decide_leases, now=NOON, first=LEASE, longest=LONGEST_WITHOUT_CHECK, limit=limit, without=without)
    await _takes(scratch, businesses, take, left, changed)


@given(worlds("prepared"), mostly(FIRST_CHECK, SECOND))
async def test_a_dispatch_is_first_looked_at_soon_and_at_its_first_deadline(
    scratch: Scratch, businesses: Mapping[str, Business], soon: dt.timedelta
) -> None:
    """Also at one that was over before it was sent."""
    [own, *_] = businesses[TENANTS[0]].dispatches
    after = []
    for tenant, business, dispatch in _each(businesses):
        changed: dict[str, Any] = {}
        if (tenant, dispatch) == (TENANTS[0], own) and dispatch.state == "prepared":
            deadline = min(dispatch.deadlines(business.messages), default=None)
            changed = {"state": "sent", "check_at": NOON + soon, "deadline_at": deadline, "updated_at": NOON}
        after.append(_found(tenant, dispatch, **changed))
    accepted = [(id_, "alimtalk", None) for id_ in own.listed]
    async with scratch.holding(**_rows_of(businesses)) as connection:
        await mark_sent(connection, TENANTS[0], own.id, accepted, now=NOON, check_at=NOON + soon)
        assert await rows(connection, DISPATCHES) == after


@dataclass(frozen=True)
class Ticket:
    """A ticket that nobody has consumed, and how often it was published again."""

    publish_at: dt.datetime
    attempts: int


@st.composite
def tickets(draw: st.DrawFn) -> dict[tuple[str, UUID], Ticket]:
    """Of no two the moment is the same."""
    moments = draw(st.permutations([NOON + INSTANT, NOON, NOON - SECOND, NOON - 2 * SECOND]))
    names = [(tenant, id_) for id_ in IDS for tenant in TENANTS]
    return {name: Ticket(moment, draw(st.integers(0, 15))) for name, moment in zip(names, moments, strict=False)}


@given(tickets(), mostly(20, 1, 2))
async def test_a_ticket_is_published_again_ever_more_seldom_and_of_each_tenant_in_turn(
    scratch: Scratch, tickets: dict[tuple[str, UUID], Ticket], limit: int
) -> None:
    waiting = [(tenant, id_) for tenant, id_ in tickets if tickets[tenant, id_].publish_at <= NOON]
    in_turn = [
        (turn, tickets[name].publish_at, name)
        for tenant in TENANTS
        for turn, name in enumerate(sorted((n for n in waiting if n[0] == tenant), key=lambda n: tickets[n].publish_at))
    ]
    due = [name for _, _, name in sorted(in_turn)][:limit]
    again = {
        name: Ticket(NOON + waits(PATIENCE, LONGEST_PATIENCE, tickets[name].attempts), tickets[name].attempts + 1)
        for name in due
    }
    outbox = [
        {
            "tenant": tenant,
            "id": id_,
            "topic": SEND_REQUESTS,
            "body": {"tenant": tenant, "id": id_},
            "attempts": ticket.attempts,
            "publish_at": ticket.publish_at,
            "created_at": MADE,
        }
        for (tenant, id_), ticket in tickets.items()
    ]
    async with scratch.holding(outbox=outbox) as connection:
        published = await decide_tickets_again(
            connection, now=NOON, patience=PATIENCE, longest=LONGEST_PATIENCE, limit=limit
        )
        found = await rows(connection, "select tenant, id, publish_at, attempts from outbox")
    assert {(row["tenant"], row["id"]): Ticket(row["publish_at"], row["attempts"]) for row in found} == tickets | again
    assert {(ticket.topic, ticket.body["tenant"], UUID(ticket.body["id"])) for ticket in published} == {
        (SEND_REQUESTS, *name) for name in due
    }
