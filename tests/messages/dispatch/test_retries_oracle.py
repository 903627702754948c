"""What becomes of a dispatch that was never sent, against the rules of tests.credits.ledger.model."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from typing import get_args
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.messages.dispatch.dispatching import MAX_TRIES, RETRY_DELAY
from shared.messages.dispatch.retries_store import decide_retries
from shared.messages.dispatch.sweep_store import DispatchState
from shared.messages.reasons import PROVIDER_UNAVAILABLE
from tests.clock import NOON
from tests.credits.ledger.bookkeeping import (
    ACCOUNTS,
    BEFORE,
    ENTRIES,
    MESSAGES,
    TICKETS,
    account_row,
    found_entries,
    found_message,
    found_ticket,
    rows_of,
)
from tests.credits.ledger.model import Bill, Books
from tests.scratch import Row, Scratch, mostly, rows

TENANT, NEIGHBOUR = "cafe", "shop"
DISPATCH, OTHER, TICKET = (UUID(int=2_000_000 + at) for at in range(3))
STATES: tuple[DispatchState, ...] = get_args(DispatchState)
AWAY = "the provider is away"

DISPATCHES = """
select tenant, id, state::text, error, updated_at from dispatches order by tenant, id
"""


@dataclass(frozen=True)
class GivenUp:
    """A dispatch that is to be given up if it is still in a state. `listed`: what it says it carries; `only`: what is
    given up of that; `pause`: what the provider asked for."""

    state: DispatchState
    expected: DispatchState
    books: Books
    listed: Sequence[UUID]
    only: Sequence[UUID] | None
    pause: dt.timedelta | None

    @property
    def all_of_it(self) -> bool:
        return self.only is None or set(self.listed) <= set(self.only)


@st.composite
def bills(draw: st.DrawFn, number: int) -> Bill:
    """A message that the dispatch carries, most often, on its first try, or its last, or any between."""
    bill = Bill(
        UUID(int=number),
        ("sms",),
        expires_at=NOON,
        run_revision=None,
        status=draw(mostly("sending", "queued", "sent", "failed", "delivered")),
        attempt=draw(st.integers(0, 3)),
        tries=draw(st.sampled_from((1, 2, 3, MAX_TRIES - 1, MAX_TRIES, MAX_TRIES, MAX_TRIES + 1))),
        dispatch=draw(mostly(DISPATCH, OTHER, None)),
        held=draw(mostly(Decimal(20), None, Decimal(0), Decimal(50), times=3)),
    )
    bill.open = bill.held is not None
    if bill.status in ("failed", "delivered"):
        bill.end(bill.status, "earlier")
    return bill


@st.composite
def given_up(draw: st.DrawFn) -> GivenUp:
    numbers = draw(st.lists(st.integers(0, 9), min_size=1, max_size=6, unique=True))
    books = Books({}, bills={UUID(int=number): draw(bills(number)) for number in numbers})
    books.balance = books.held
    carried = [bill.id for bill in books.bills.values() if bill.dispatch == DISPATCH]
    elsewhere = draw(st.lists(st.sampled_from([id_ for id_ in books.bills if id_ not in carried] or [OTHER])))
    listed = draw(st.permutations([*carried, *set(elsewhere)]))
    states: tuple[DispatchState, ...] = ("open", "prepared")
    expected = draw(st.sampled_from(states))
    listed = listed or [OTHER]
    pause = draw(mostly(None, dt.timedelta(seconds=7), times=2))
    only = draw(st.none() | st.lists(st.sampled_from(listed), unique=True))
    return GivenUp(draw(mostly(expected, *STATES)), expected, books, listed, only, pause)


def delay(again: Sequence[Bill]) -> dt.timedelta:
    """Until the next try of these messages: four times as long as until the one before, as the one that was tried least
    counts."""
    times_as_long: int = 4 ** (min(bill.tries for bill in again) - 1)
    return RETRY_DELAY * times_as_long


def _dispatch(tenant: str, id_: UUID, state: str, messages: Sequence[UUID]) -> Row:
    moments = dict.fromkeys(("lease_until", "created_at", "updated_at"), BEFORE)
    account = {"provider": "solapi", "account": "main"}
    return {"tenant": tenant, "id": id_, "state": state, "messages": messages, **account, **moments}


@given(given_up())
async def test_what_becomes_of_messages_that_were_never_sent_is_what_the_rules_say(
    scratch: Scratch, case: GivenUp
) -> None:
    neighbour, was, books = case.books, case.books.bills, deepcopy(case.books)
    applies = case.state == case.expected
    again = books.abandon(DISPATCH, case.only, counts=case.pause is None) if applies else []
    others = [_dispatch(TENANT, OTHER, "open", case.listed), _dispatch(NEIGHBOUR, DISPATCH, "open", case.listed)]
    async with scratch.holding(
        dispatches=[_dispatch(TENANT, DISPATCH, case.state, case.listed), *others],
        **rows_of({TENANT: case.books, NEIGHBOUR: neighbour}),
    ) as connection:
        requeued = await decide_retries(
            connection,
            TENANT,
            DISPATCH,
            only=case.only,
            state=case.expected,
            reason=PROVIDER_UNAVAILABLE,
            error=AWAY,
            max_tries=MAX_TRIES,
            ticket=TICKET,
            retry_delay=RETRY_DELAY,
            again_in=case.pause,
            now=NOON,
        )
        bills = [bill for _, bill in sorted(books.bills.items())]
        assert requeued == len(again)
        assert await rows(connection, MESSAGES) == [
            *(found_message(TENANT, bill, was[bill.id], detail=_detail(bill)) for bill in bills),
            *(found_message(NEIGHBOUR, bill, bill) for _, bill in sorted(was.items())),
        ]
        assert await rows(connection, ACCOUNTS) == [account_row(TENANT, books), account_row(NEIGHBOUR, neighbour)]
        released = [bill for bill in bills if was[bill.id].open and not bill.open]
        assert await rows(connection, ENTRIES, now=NOON) == found_entries(TENANT, "release", released)
        tickets = (
            [found_ticket(TENANT, [bill.id for bill in again], NOON + (case.pause or delay(again)))] if again else []
        )
        assert await rows(connection, TICKETS) == tickets
        assert await rows(connection, DISPATCHES) == [
            _found(TENANT, DISPATCH, *_said(case)),
            _found(TENANT, OTHER, "open", None, BEFORE),
            _found(NEIGHBOUR, DISPATCH, "open", None, BEFORE),
        ]


def _said(case: GivenUp) -> tuple[str, str | None, dt.datetime]:
    if case.state != case.expected:
        return case.state, None, BEFORE
    return "abandoned" if case.all_of_it else case.state, AWAY, NOON


def _detail(bill: Bill) -> str | None:
    return AWAY if bill.reason == PROVIDER_UNAVAILABLE else None


def _found(tenant: str, id_: UUID, state: str, error: str | None, updated_at: dt.datetime) -> Row:
    return {"tenant": tenant, "id": id_, "state": state, "error": error, "updated_at": updated_at}
