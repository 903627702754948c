"""Which account a message leaves by, and whether its number may send more today (`deciding_accounts`, `deciding_caps`),
against the rules in Python; through the claim, which they are parts of."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.tickets import SendTicket
from shared.messages.dispatch.choice.account_store import LOTS
from shared.messages.dispatch.store import SUSPENSION_RECHECK, Claimed, decide_claims
from shared.platform.clock import SEOUL
from shared.platform.database import Connection
from shared.platform.pubsub import SEND_REQUESTS
from tests.clock import NOON
from tests.messages.dispatch.choice.numbers import sender_row
from tests.scratch import Row, Scratch, mostly, rows

TENANTS = ("cafe", "shop")
PLATFORM = "platform"
LEGS = ("sms", "alimtalk", "mms")
TODAY = NOON.astimezone(SEOUL).date()
YESTERDAY = TODAY - dt.timedelta(days=1)
TOMORROW = dt.datetime.combine(TODAY + dt.timedelta(days=1), dt.time(), SEOUL)
SOON, LATE = NOON + dt.timedelta(minutes=1), NOON + dt.timedelta(days=2)


@dataclass(frozen=True)
class Number:
    """A registered number."""

    verified: bool = True
    cap: int | None = None
    used: int = 0
    day: dt.date = TODAY

    @property
    def left_over(self) -> int | None:
        return None if self.cap is None else self.cap - (self.used if self.day == TODAY else 0)


@dataclass(frozen=True)
class Account:
    """An account. `lent`: None where it is the tenant's own, else whether the lender's is active, and paused."""

    id: str
    place: int = 0
    weight: int = 100
    carries: tuple[str, ...] | None = None
    until: dt.date | None = None
    paused: bool = False
    active: bool = True
    number: str = "1"
    lent: tuple[bool, bool] | None = None

    def obstacle(self, leg: str, number: Number | None) -> str | None:
        if self.carries is not None and leg not in self.carries:
            return "channel_not_carried"
        if self.until is not None and self.until < TODAY:
            return "certificate_expired"
        if leg != "alimtalk" and (number is None or not number.verified):
            return "sender_unregistered"
        if self.paused or (self.lent is not None and self.lent[1]):
            return "account_paused"
        return None


WORST_LAST = [None, "used up", "account_paused", "sender_unregistered", "certificate_expired", "channel_not_carried"]


@dataclass(frozen=True)
class Business:
    accounts: Sequence[Account]
    numbers: Mapping[str, Number]
    messages: Mapping[UUID, tuple[str, dt.datetime]]
    lot: int

    def chosen(self, leg: str) -> tuple[Account, str | None] | None:
        """The account that a channel's messages leave by, and what stands in the way of that."""
        by_obstacle: dict[str | None, list[Account]] = {}
        for account in sorted(self.accounts, key=lambda each: (each.place, each.id)):
            if account.active and (account.lent is None or account.lent[0]):
                number = self.numbers.get(account.number)
                why = account.obstacle(leg, number)
                left_over = number.left_over if number and leg != "alimtalk" else None
                if why is None and left_over is not None and left_over <= 0:
                    why = "used up"
                by_obstacle.setdefault(why, []).append(account)
        if not by_obstacle:
            return None
        why = min(by_obstacle, key=WORST_LAST.index)
        return _drawn(by_obstacle[why], Fraction(self.lot, LOTS)), None if why == "used up" else why


def _drawn(accounts: Sequence[Account], lot: Fraction) -> Account:
    total, upto = sum(each.weight for each in accounts), 0
    for account in accounts:
        upto += account.weight
        if account.weight and upto > lot * total:
            return account
    assert not total
    return accounts[0]


numbers = st.builds(
    Number,
    verified=mostly(True, False, times=3),
    cap=mostly(None, 1, 2, 5),
    used=st.integers(0, 3),
    day=mostly(TODAY, YESTERDAY),
)


@st.composite
def businesses(draw: st.DrawFn) -> Business:
    ids = draw(st.lists(st.sampled_from("abcd"), max_size=4, unique=True))
    subsets = st.lists(st.sampled_from(LEGS), unique=True).map(tuple)
    accounts = [
        Account(
            id_,
            place=draw(st.integers(0, 1)),
            weight=draw(mostly(100, 0, 1, 30)),
            carries=draw(st.one_of(st.none(), subsets)),
            until=draw(mostly(None, TODAY, YESTERDAY, times=2)),
            paused=draw(mostly(False, True, times=3)),
            active=draw(mostly(True, False, times=5)),
            number=draw(st.sampled_from("123")),
            lent=draw(mostly(None, (True, False), (True, True), (False, False), times=3)),
        )
        for id_ in ids
    ]
    legs = st.tuples(st.sampled_from(LEGS), mostly(LATE, SOON))
    messages = draw(st.lists(legs, min_size=1, max_size=6))
    return Business(
        accounts,
        {number: draw(numbers) for number in "123" if draw(mostly(True, False, times=3))},
        {UUID(int=at + 1): message for at, message in enumerate(messages)},
        draw(st.one_of(st.integers(0, LOTS - 1), st.just(LOTS - 1))),
    )


class End(NamedTuple):
    """What becomes of a message."""

    status: str
    reason: str | None = None
    account: str | None = None
    dispatch: UUID | None = None
    obstacle: str | None = None
    back_at: dt.datetime | None = None


def _expected(business: Business, first: UUID) -> tuple[dict[UUID, End], dict[str, Number]]:
    """What becomes of its messages, and of its numbers."""
    legs = {leg for leg, _ in business.messages.values()}
    chosen = {leg: found for leg in legs if (found := business.chosen(leg))}
    ranks = {id_: rank for rank, id_ in enumerate(sorted({account.id for account, _ in chosen.values()}))}
    ends: dict[UUID, End] = {}
    left: Counter[str] = Counter()
    for id_, (leg, expires_at) in sorted(business.messages.items()):
        if leg not in chosen:
            ends[id_] = End("failed", "no_provider_account")
            continue
        account, why = chosen[leg]
        number = business.numbers.get(account.number)
        left_over = number.left_over if number and leg != "alimtalk" and why is None else None
        if why == "account_paused":
            ends[id_] = End("queued", back_at=NOON + SUSPENSION_RECHECK)
        elif left_over is not None and left[account.number] >= left_over:
            ends[id_] = End("expired", "sender_used_up") if expires_at == SOON else End("queued", back_at=TOMORROW)
        else:
            left[account.number] += left_over is not None
            ends[id_] = End("sending", None, account.id, UUID(int=first.int + ranks[account.id]), why)
    counted = {
        name: replace(number, used=(number.used if number.day == TODAY else 0) + left[name], day=TODAY)
        if left[name]
        else number
        for name, number in business.numbers.items()
    }
    return ends, counted


def _accounts(tenant: str, business: Business) -> list[Row]:
    own = [
        {
            "tenant": tenant,
            "id": account.id,
            "provider": "solapi",
            "sender": account.number,
            "credentials": None if account.lent else "",
            "active": account.active,
            "created_at": NOON,
            "place": account.place,
            "carries": account.carries,
            "weight": account.weight,
            "certificate_until": account.until,
            "paused_at": NOON if account.paused else None,
            "paused_why": "why" if account.paused else None,
            "lent_by": PLATFORM if account.lent else None,
            "lent_account": f"{tenant}-{account.id}" if account.lent else None,
        }
        for account in business.accounts
    ]
    lenders = [
        {
            **row,
            "tenant": PLATFORM,
            "id": row["lent_account"],
            "credentials": "",
            "active": account.lent[0],
            "paused_at": NOON if account.lent[1] else None,
            "paused_why": "why" if account.lent[1] else None,
            "lent_by": None,
            "lent_account": None,
        }
        for row, account in zip(own, business.accounts, strict=True)
        if account.lent
    ]
    return [*own, *lenders]


def _rows_of(businesses: Mapping[str, Business]) -> dict[str, list[Row]]:
    every = businesses.items()
    return {
        "tenants": [{"id": tenant, "name": tenant} for tenant in (*businesses, PLATFORM)],
        "provider_accounts": [row for tenant, business in every for row in _accounts(tenant, business)],
        "sender_numbers": [
            sender_row(
                tenant,
                name,
                daily_cap=number.cap,
                verified_at=NOON if number.verified else None,
                verified_how="seen" if number.verified else None,
            )
            for tenant, business in every
            for name, number in business.numbers.items()
        ],
        "sender_days": [
            {"tenant": tenant, "number": name, "day": number.day, "used": number.used}
            for tenant, business in every
            for name, number in business.numbers.items()
        ],
        "prices": [
            {"tenant": tenant, "channel": channel, "valid_from": NOON, "price": 1}
            for tenant, _ in every
            for channel in ("sms", "lms", "mms", "alimtalk")
        ],
        "credit_accounts": [{"tenant": tenant, "balance": 1_000, "held": 0} for tenant, _ in every],
        "messages": [
            {
                "tenant": tenant,
                "id": id_,
                "customer": "c-1",
                "template": "hello",
                "template_version": 1,
                "variables": {},
                "route": [leg],
                "deadlines": [60],
                "channel": leg,
                "status": "queued",
                **dict.fromkeys(("due_at", "created_at", "updated_at"), NOON),
                "expires_at": expires_at,
            }
            for tenant, business in every
            for id_, (leg, expires_at) in business.messages.items()
        ],
    }


def _first(at: int, business: Business) -> UUID:
    """An id that ends in the lot."""
    return UUID(int=(at + 1) * LOTS * 1_000 + business.lot)


async def _claim(connection: Connection, businesses: Mapping[str, Business]) -> list[Claimed]:
    return await decide_claims(
        connection,
        [
            SendTicket(id=UUID(int=7 + at), tenant=tenant, messages=tuple(business.messages))
            for at, (tenant, business) in enumerate(businesses.items())
        ],
        {tenant: _first(at, business) for at, (tenant, business) in enumerate(businesses.items())},
        topic=SEND_REQUESTS,
        now=NOON,
        lease_until=NOON + dt.timedelta(minutes=1),
    )


@given(st.fixed_dictionaries({tenant: businesses() for tenant in TENANTS}))
async def test_what_leaves_by_which_account_is_what_the_rules_say(
    scratch: Scratch, businesses: Mapping[str, Business]
) -> None:
    expected = {
        tenant: _expected(business, _first(at, business)) for at, (tenant, business) in enumerate(businesses.items())
    }
    async with scratch.holding(**_rows_of(businesses)) as connection:
        claimed = {(row.tenant, row.id): row for row in await _claim(connection, businesses)}
        messages = await rows(connection, "select tenant, id, status::text, reason, dispatch from messages")
        days = await rows(connection, "select tenant, number, day, used from sender_days")
        dispatches = await rows(connection, "select tenant, id, account, messages from dispatches")
        tickets = await rows(connection, "select body, publish_at from outbox")
    back = {
        (ticket["body"]["tenant"], UUID(id_)): ticket["publish_at"]
        for ticket in tickets
        for id_ in ticket["body"]["messages"]
    }
    assert len(back) == sum(len(ticket["body"]["messages"]) for ticket in tickets), "each waits once"
    for row in messages:
        key = row["tenant"], row["id"]
        call = claimed.get(key)
        found = End(
            row["status"],
            row["reason"],
            call.account if call else None,
            row["dispatch"],
            call.obstacle if call else None,
            back.get(key),
        )
        assert found == expected[row["tenant"]][0][row["id"]], key
        assert call is None or call.dispatch == row["dispatch"]
    assert {(row["tenant"], row["number"]): (row["day"], row["used"]) for row in days} == {
        (tenant, name): (number.day, number.used)
        for tenant, (_, counted) in expected.items()
        for name, number in counted.items()
    }
    assert {(row["tenant"], row["id"], row["account"]): set(row["messages"]) for row in dispatches} == {
        (tenant, dispatch, account): {
            id_ for id_, end in ends.items() if (end.account, end.dispatch) == (account, dispatch)
        }
        for tenant, (ends, _) in expected.items()
        for account, dispatch in {(end.account, end.dispatch) for end in ends.values() if end.dispatch}
    }, "a call for each account"


@given(st.lists(st.integers(0, 100), min_size=1, max_size=4), st.integers(1, 40))
def test_of_all_lots_each_account_gets_as_many_as_it_weighs(weights: Sequence[int], shares: int) -> None:
    accounts = [Account(str(at), weight=weight) for at, weight in enumerate(weights)]
    number = sum(weights) * shares
    drawn = Counter(_drawn(accounts, Fraction(lot, number)).id for lot in range(number))
    assert all(drawn[each.id] == each.weight * shares for each in accounts)
