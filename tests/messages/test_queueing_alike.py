"""What a batch of a bulk send is told of its messages, against the rule in Python."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.messages.composing import NewMessage, Origin
from shared.messages.routing import Route
from shared.messages.status import Status
from shared.messages.store import queue_alike
from tests.clock import NOON
from tests.scratch import Scratch, rows

NUMBERS = st.sets(st.integers(0, 6))


def _messages(numbers: Iterable[int]) -> list[NewMessage]:
    return [
        NewMessage(
            tenant="cafe",
            id=UUID(int=number),
            customer=f"c-{number}",
            recipient="01090004000",
            template="reminder",
            template_version=1,
            variables={"이름": str(number)},
            route=Route(("sms",), (60,)),
            status=Status.QUEUED,
            reason=None,
            detail=None,
            due_at=NOON,
            expires_at=NOON + dt.timedelta(days=1),
            created_at=NOON,
            origin=Origin(),
        )
        for number in numbers
    ]


@given(NUMBERS, NUMBERS.filter(bool))
async def test_the_ids_of_new_ones_come_back_where_some_were_there(
    scratch: Scratch, before: set[int], asked: set[int]
) -> None:
    async with scratch.holding(tenants=[{"id": "cafe", "name": "cafe"}]) as connection:
        if before:
            assert await queue_alike(connection, _messages(before), key="before") is None
        new = await queue_alike(connection, _messages(asked), key="after")
        kept = await rows(connection, "select id, run_key from messages")
    assert new == ({UUID(int=number) for number in asked - before} if before & asked else None)
    keys = {UUID(int=number): "before" if number in before else "after" for number in before | asked}
    assert {row["id"]: row["run_key"] for row in kept} == keys


ROUTES = (Route(("push", "email", "sms"), (60, 70, 80)), Route(("email",), (70,)), Route(("push", "sms"), (60, 80)))


@given(st.lists(st.sampled_from(ROUTES), min_size=1, max_size=5))
async def test_who_is_not_reached_on_a_leg_has_a_route_without_it(scratch: Scratch, routes: list[Route]) -> None:
    messages = [
        message._replace(route=route) for message, route in zip(_messages(range(len(routes))), routes, strict=True)
    ]
    async with scratch.holding(tenants=[{"id": "cafe", "name": "cafe"}]) as connection:
        await queue_alike(connection, messages, key="the send")
        kept = await rows(connection, "select route, deadlines, channel from messages order by id")
    assert [(tuple(row["route"]), tuple(row["deadlines"]), row["channel"]) for row in kept] == [
        (*route_of(route), route.channels[0]) for route in routes
    ]


def route_of(route: Route) -> tuple[tuple[str, ...], tuple[int, ...]]:
    return route.channels, route.deadlines
