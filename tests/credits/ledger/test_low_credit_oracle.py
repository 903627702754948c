"""When a tenant is told that its credit is low, and when that it is short no more, against the two rules in Python."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.credits.ledger.store import decide_ended_shortages, decide_low_balances
from shared.platform.pubsub import SEND_REQUESTS
from tests.clock import NOON
from tests.credits.ledger.bookkeeping import BEFORE, HOLD
from tests.credits.ledger.model import ZERO, Price, current
from tests.credits.ledger.price_lists import price_lists, price_rows
from tests.scratch import INSTANT, Row, Scratch, mostly, rows

TENANTS = ("bakery", "cafe", "shop")
QUIET_SINCE = NOON - dt.timedelta(minutes=5)
NEWEST = 3
BECOMES = {"alimtalk": ("alimtalk",), "sms": ("sms", "lms")}
"""What a leg is charged as."""

Alerts = Mapping[str, str]
"""By kind: `open`, or `over` for one that was told and is over."""


@dataclass(frozen=True)
class Credit:
    """A tenant's account. `used`: there was ever credit in it. `alerts`: what was told of it before."""

    available: Decimal
    low_balance: Decimal
    used: bool
    alerts: Alerts

    @property
    def is_low(self) -> bool:
        return self.used and self.available < self.low_balance


def alerts(kind: str) -> st.SearchStrategy[Alerts]:
    """An alert of a kind, or none, and one of another kind."""
    other = "credit_shortage" if kind == "low_balance" else "low_balance"
    return st.sampled_from(({kind: "open"}, {kind: "open", other: "open"}, {kind: "over"}, {other: "open"}, {}))


@st.composite
def credits_(draw: st.DrawFn) -> Credit:
    low = draw(st.sampled_from((Decimal(0), Decimal(1_000), Decimal("99.5"))))
    away = draw(st.sampled_from(("-0.01", "0", "0.01", "50.5", "-99")))
    return Credit(max(ZERO, low + Decimal(away)), low, draw(mostly(True, False)), draw(alerts("low_balance")))


def _accounts(credit: Mapping[str, Credit], held: Decimal) -> dict[str, list[Row]]:
    return {
        "tenants": [{"id": tenant, "name": tenant} for tenant in credit],
        "credit_accounts": [
            {"tenant": tenant, "balance": each.available + held, "held": held, "low_balance": each.low_balance}
            for tenant, each in credit.items()
        ],
        "alerts": [
            {
                "tenant": tenant,
                "kind": kind,
                "detail": "earlier",
                "raised_at": BEFORE,
                "resolved_at": "infinity" if state == "open" else BEFORE + INSTANT,
            }
            for tenant, each in credit.items()
            for kind, state in each.alerts.items()
        ],
    }


ALERTS = """
select tenant, kind, detail, raised_at, nullif(resolved_at, 'infinity') as resolved_at from alerts
order by tenant, kind, raised_at
"""


def _told(tenant: str, kind: str, detail: str, raised_at: dt.datetime, resolved_at: dt.datetime | None) -> Row:
    return {"tenant": tenant, "kind": kind, "detail": detail, "raised_at": raised_at, "resolved_at": resolved_at}


def _told_before(tenant: str, alerts: Alerts, *, ends: str | None) -> list[Row]:
    """The alerts from before, of which one that is open may end now."""
    ended = {"open": None, "over": BEFORE + INSTANT}
    return [
        _told(tenant, kind, "earlier", BEFORE, NOON if (kind, state) == (ends, "open") else ended[state])
        for kind, state in alerts.items()
    ]


def _in_order(alerts: Sequence[Row]) -> list[Row]:
    return sorted(alerts, key=lambda row: (row["tenant"], row["kind"], row["raised_at"]))


@given(st.fixed_dictionaries({tenant: credits_() for tenant in TENANTS}), st.sampled_from((ZERO, Decimal("3.25"))))
async def test_low_credit_is_told_once_until_it_is_not_low_any_more(
    scratch: Scratch, credit: Mapping[str, Credit], held: Decimal
) -> None:
    opening, raised = [], []
    for tenant, each in credit.items():
        opening += _told_before(tenant, each.alerts, ends=None if each.is_low else "low_balance")
        if each.is_low and each.alerts.get("low_balance") != "open":
            raised.append(tenant)
            left = f"크레딧이 {int(each.available):,}원 남았습니다. (below {int(each.low_balance):,} won)"
            opening.append(_told(tenant, "low_balance", left, NOON, None))
    entry = {"kind": "topup", "balance_change": 1, "key": "paid", "created_at": BEFORE}
    entries = [{"tenant": tenant, "id": HOLD, **entry} for tenant, each in credit.items() if each.used]
    async with scratch.holding(**_accounts(credit, held), ledger_entries=entries) as connection:
        assert sorted(await decide_low_balances(connection, NOON)) == sorted(raised)
        assert await rows(connection, ALERTS) == _in_order(opening)


@dataclass(frozen=True)
class Message:
    """One of a tenant's messages, as far as its shortage goes by it."""

    id: UUID
    route: Sequence[str]
    refused_at: dt.datetime | None
    held: bool
    queued: bool
    created_at: dt.datetime

    @property
    def waits(self) -> bool:
        return self.queued and not self.held


@dataclass(frozen=True)
class Business:
    """A tenant with its prices, its messages, and what of them is on a ticket, by the moment of the ticket's making."""

    credit: Credit
    prices: Sequence[Price]
    messages: Sequence[Message]
    tickets: Sequence[tuple[dt.datetime, Sequence[UUID]]]

    @property
    def newest(self) -> Sequence[Message]:
        return sorted(self.messages, key=lambda message: message.id)[-NEWEST:]

    @property
    def dearest(self) -> Decimal:
        """What a message may cost on the dearest channel that it uses lately."""
        prices = current(self.prices, NOON)
        legs = {leg for message in self.newest for leg in message.route}
        return max((prices.get(channel) or ZERO for leg in legs for channel in BECOMES.get(leg, ())), default=ZERO)

    @property
    def was_refused_lately(self) -> bool:
        return any(message.refused_at and message.refused_at > QUIET_SINCE for message in self.newest)

    @property
    def waits_for_credit(self) -> bool:
        """A message that was claimed before is on a ticket again without a hold: the ticket is younger than itself."""
        waiting = {message.id: message.created_at for message in self.messages if message.waits}
        return any(id_ in waiting and waiting[id_] < made for made, listed in self.tickets for id_ in listed)

    @property
    def is_not_short_any_more(self) -> bool:
        pays_again = self.credit.available >= self.dearest
        return pays_again and not self.was_refused_lately and not self.waits_for_credit


@st.composite
def messages(draw: st.DrawFn, number: int) -> Message:
    queued = draw(st.booleans())
    return Message(
        id=UUID(int=number),
        route=draw(st.sampled_from((("sms",), ("alimtalk",), ("alimtalk", "sms"), ("pigeon",)))),
        refused_at=None if queued else draw(mostly(None, QUIET_SINCE, QUIET_SINCE + INSTANT, times=5)),
        held=draw(st.booleans()),
        queued=queued,
        created_at=draw(mostly(BEFORE, BEFORE + INSTANT, times=3)),
    )


@st.composite
def businesses(draw: st.DrawFn) -> Business:
    """A tenant whose credit just suffices for its dearest message, or does not, by a won's hundredth."""
    prices = draw(price_lists("alimtalk", "sms", "lms", "pigeon"))
    numbers = draw(st.lists(st.integers(0, 6), min_size=1, max_size=6, unique=True))
    written = [draw(messages(number)) for number in numbers]
    listed = st.lists(st.sampled_from([UUID(int=number) for number in (*numbers, 6)]), min_size=1, max_size=4)
    made = mostly(BEFORE + INSTANT, BEFORE, times=3)
    tickets = [(draw(made), draw(listed)) for _ in range(draw(mostly(1, 0)))]
    dearest = Business(Credit(ZERO, ZERO, True, {}), prices, written, tickets).dearest
    available = max(ZERO, dearest + draw(mostly(ZERO, Decimal("-0.01"), Decimal(-9), times=3)))
    told = draw(mostly({"credit_shortage": "open"}, {"credit_shortage": "over"}, {}))
    return Business(Credit(available, ZERO, True, told), prices, written, tickets)


def _rows_of(businesses: Mapping[str, Business]) -> dict[str, list[Row]]:
    every = sorted(businesses.items())
    return {
        **_accounts({tenant: business.credit for tenant, business in every}, Decimal(7)),
        "prices": [row for tenant, business in every for row in price_rows(tenant, business.prices)],
        "messages": [_message(tenant, message) for tenant, business in every for message in business.messages],
        "outbox": [
            {
                "tenant": tenant,
                "id": UUID(int=at),
                "topic": SEND_REQUESTS,
                "body": {"tenant": tenant, "messages": listed},
                "publish_at": NOON,
                "created_at": made,
            }
            for tenant, business in every
            for at, (made, listed) in enumerate(business.tickets)
        ],
    }


def _message(tenant: str, message: Message) -> Row:
    ended = "sending" if message.refused_at is None else "failed"
    return {
        "tenant": tenant,
        "id": message.id,
        "customer": "c-1",
        "template": "hello",
        "template_version": 1,
        "route": message.route,
        "deadlines": [60] * len(message.route),
        "channel": message.route[0],
        "status": "queued" if message.queued else ended,
        "reason": "credit_shortage" if message.refused_at else None,
        "hold": HOLD if message.held else None,
        "settlement": HOLD if message.held and message.refused_at else None,
        "due_at": BEFORE,
        "expires_at": NOON,
        "created_at": message.created_at,
        "updated_at": message.refused_at or NOON,
    }


@given(st.fixed_dictionaries({tenant: businesses() for tenant in TENANTS[:2]}))
async def test_a_shortage_ends_when_credit_pays_again_and_nobody_waits_or_was_refused_lately(
    scratch: Scratch, businesses: Mapping[str, Business]
) -> None:
    over = {tenant for tenant, business in businesses.items() if business.is_not_short_any_more}
    told = [
        _told_before(tenant, business.credit.alerts, ends="credit_shortage" if tenant in over else None)
        for tenant, business in businesses.items()
    ]
    async with scratch.holding(**_rows_of(businesses)) as connection:
        ended = await decide_ended_shortages(connection, NOON, quiet_since=QUIET_SINCE, newest=NEWEST)
        assert sorted(ended) == sorted(
            tenant for tenant in over if businesses[tenant].credit.alerts.get("credit_shortage") == "open"
        )
        assert await rows(connection, ALERTS) == _in_order([row for each in told for row in each])
