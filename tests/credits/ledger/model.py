"""What each tenant should have, by the rules of credits alone: no SQL, no code of the product.

It is the oracle of the statements that claim, give up and charge messages; tests hold each of them to it alone, and all
of them together through whole days.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from shared.messages.dispatch.dispatching import MAX_TRIES

ZERO = Decimal(0)
ARRIVALS = {"delivered": 1, "read": 2}
FINAL = {"expired", "cancelled", "failed", "delivered", "read"}
Price = tuple[str, dt.datetime, Decimal]
"""What a channel costs, from a moment on."""

LONG_AGO = dt.datetime.min.replace(tzinfo=dt.UTC)


@dataclass(frozen=True)
class Account:
    """An account at a provider, and since when the tenant has it."""

    id: str
    provider: str
    since: dt.datetime = LONG_AGO
    active: bool = True


MAIN = Account("main", "solapi")


def current(prices: Iterable[Price], now: dt.datetime) -> dict[str, Decimal | None]:
    """Of each channel, the newest price that holds now."""
    return {channel: price for channel, since, price in sorted(prices) if since <= now}


@dataclass
class Bill:
    """A message and what it costs. `held` is what was ever held for it, `open` whether it still is, `late` whether it
    was delivered when it was not any more. `run_revision`: its run's when it was made, None for a message of no run.
    `unless`: the kinds of facts after which it is not needed."""

    id: UUID
    route: Sequence[str]
    expires_at: dt.datetime
    run_revision: int | None
    status: str = "queued"
    reason: str | None = None
    attempt: int = 0
    position: int = 0
    tries: int = 0
    dispatch: UUID | None = None
    made: dict[int, str] = field(default_factory=dict)
    held: Decimal | None = None
    open: bool = False
    late: bool = False
    price: Decimal | None = None
    unless: Sequence[str] = ()

    def end(self, status: str, reason: str | None = None) -> None:
        self.status, self.reason = status, reason
        self.open = False


@dataclass(frozen=True)
class Word:
    """A provider's word on one attempt of a message."""

    message: UUID
    attempt: int
    outcome: str
    channel: str


@dataclass
class Books:
    """One tenant's money. `short`: a person was told that there is not enough. `run_revision`: of its run as it is now,
    0 when that is gone. `facts`: what that run has heard since it began. `suspended`: it may not send.
    `workflow_off`: its one workflow is off."""

    prices: dict[str, Decimal | None]
    balance: Decimal = ZERO
    waits: bool = False
    short: bool = False
    accounts: Sequence[Account] = (MAIN,)
    run_revision: int = 1
    facts: Sequence[str] = ()
    suspended: bool = False
    workflow_off: bool = False
    bills: dict[UUID, Bill] = field(default_factory=dict)

    @property
    def held(self) -> Decimal:
        return sum((bill.held or ZERO for bill in self.bills.values() if bill.open), ZERO)

    @property
    def available(self) -> Decimal:
        return self.balance - self.held

    @property
    def account(self) -> Account | None:
        """What it sends by: of its active accounts the one it had first."""
        return min((a for a in self.accounts if a.active), key=lambda a: (a.since, a.id), default=None)

    def dearest(self, bill: Bill) -> Decimal | None:
        """The highest price still open on its route; None when a channel of it has none."""
        legs = bill.route[bill.position :]
        prices = [self.prices.get(may) for leg in legs for may in (("sms", "lms") if leg == "sms" else (leg,))]
        known = [price for price in prices if price is not None]
        return max(known) if len(known) == len(prices) else None

    def obstacle(self, bill: Bill, now: dt.datetime) -> tuple[str, str] | None:
        """How a claim ends a message that it doesn't send, shortage apart."""
        if bill.expires_at < now:
            return "expired", "tenant_suspended" if self.suspended else "too_late"
        if bill.run_revision not in (None, self.run_revision):
            return "cancelled", "run_changed"
        if bill.run_revision and set(bill.unless) & set(self.facts):
            return "cancelled", "no_longer_needed"
        if bill.run_revision is not None and self.workflow_off:
            return "cancelled", "workflow_off"
        if self.account is None:
            return "failed", "no_provider_account"
        if self.dearest(bill) is None:
            return "failed", "price_missing"
        return None

    def need(self, bill: Bill) -> Decimal:
        """What a claim of this message takes from what is available."""
        return ZERO if bill.open else self.dearest(bill) or ZERO

    def claim(self, ids: Iterable[UUID], dispatch: UUID, now: dt.datetime) -> list[UUID]:
        """One claim alone: credit goes to messages in the order of their ids, until the first that finds none. Gives
        those that wait for credit, or for their suspended tenant."""
        available, wanted, waiting = self.available, ZERO, []
        for id_ in sorted(set(ids)):
            bill = self.bills[id_]
            if bill.status != "queued":
                continue
            obstacle = self.obstacle(bill, now)
            if self.suspended and (obstacle is None or obstacle[0] == "failed"):
                waiting.append(id_)
                continue
            if obstacle:
                bill.tries += 1
                bill.end(*obstacle)
                continue
            wanted += self.need(bill)
            if wanted <= available or bill.open:
                self.take(bill, dispatch)
                continue
            self.short = True
            if self.waits:
                waiting.append(id_)
            else:
                bill.tries += 1
                bill.end("failed", "credit_shortage")
        return waiting

    def take(self, bill: Bill, dispatch: UUID) -> None:
        """A message is claimed, and its price held unless it is."""
        if not bill.open:
            bill.held, bill.open = self.dearest(bill), True
        bill.status, bill.reason, bill.dispatch = "sending", None, dispatch
        bill.tries += 1
        bill.made[bill.attempt] = bill.route[bill.position]

    def abandon(self, dispatch: UUID, only: Iterable[UUID] | None = None, *, counts: bool = True) -> list[Bill]:
        """A dispatch that was never sent is given up, or only some of its messages. Gives those of them that are to be
        tried again. `counts`: whether it was a try."""
        again = []
        for bill in self.bills.values():
            if bill.dispatch == dispatch and bill.status == "sending" and (only is None or bill.id in only):
                bill.attempt += 1
                bill.dispatch = None
                if not counts:
                    bill.tries -= 1
                if counts and bill.tries >= MAX_TRIES:
                    bill.end("failed", "provider_unavailable")
                else:
                    bill.status, bill.reason = "queued", None
                    again.append(bill)
        return again

    def sent(self, dispatch: UUID) -> None:
        for bill in self.bills.values():
            if bill.dispatch == dispatch and bill.status == "sending":
                bill.status = "sent"

    def tell(self, words: Sequence[Word]) -> None:
        """One batch of reports, in any order."""
        by_message: dict[UUID, list[Word]] = {}
        for word in words:
            by_message.setdefault(word.message, []).append(word)
        firsts = {
            id_: max(arrivals, key=lambda word: (ARRIVALS[word.outcome], -word.attempt))
            for id_, said in by_message.items()
            if (arrivals := [word for word in said if word.outcome in ARRIVALS])
        }
        self.capture({id_: word.channel for id_, word in firsts.items()})
        for id_, said in by_message.items():
            bill = self.bills[id_]
            if id_ in firsts:
                bill.end("read" if "read" in (bill.status, firsts[id_].outcome) else "delivered")
            else:
                self._tell_of_failures(bill, said)

    def capture(self, delivered: Mapping[UUID, str]) -> None:
        """One batch of deliveries, each with its channel: what was held for a message pays for it, once. Where that was
        given back before, what is available pays, in the order of ids until there is not enough; then it is free."""
        available, late = self.available, ZERO
        for id_ in sorted(delivered):
            bill = self.bills[id_]
            if bill.held is None or bill.price is not None:
                continue
            bill.price = self.charge(bill, delivered[id_])
            if not bill.open:
                bill.late = True
                late += bill.price
                bill.price = bill.price if late <= available else ZERO
            self.balance -= bill.price
            bill.open = False

    def charge(self, bill: Bill, channel: str) -> Decimal:
        """The price of a channel now, and never more than was held."""
        price, held = self.prices.get(channel), bill.held or ZERO
        return held if price is None else min(price, held)

    @staticmethod
    def _tell_of_failures(bill: Bill, words: Sequence[Word]) -> None:
        attempt = bill.attempt
        if bill.status in FINAL:
            return
        for word in words:
            if word.attempt != attempt:
                continue
            if word.outcome == "failed" and bill.position + 1 < len(bill.route):
                bill.attempt, bill.position = attempt + 1, bill.position + 1
                bill.status, bill.reason, bill.dispatch, bill.tries = "queued", None, None, 0
                return
        outcomes = {word.outcome for word in words if word.attempt == attempt}
        if "failed" in outcomes:
            bill.end("failed", "failed")
        elif "unconfirmed" in outcomes:
            bill.status, bill.reason = "unknown", "unconfirmed"
        elif "sent" in outcomes and bill.status == "sending":
            bill.status = "sent"

    def adopt(
        self, id_: UUID, row: Mapping[str, object], needed: Decimal, available: Decimal, now: dt.datetime
    ) -> None:
        """Take over what became of a message that several claims raced for, if it is one of the ways it may go.

        Args:
            id_: the message, which was queued.
            row: what the database says of it now.
            needed: what all who raced wanted.
            available: what there was at least.
            now: the moment.
        """
        bill = self.bills[id_]
        status, reason = row["status"], row["reason"]
        if obstacle := self.obstacle(bill, now):
            assert (status, reason) == obstacle
            bill.end(*obstacle)
        elif status == "sending":
            dispatch = row["dispatch"]
            assert isinstance(dispatch, UUID)
            self.take(bill, dispatch)
        else:
            assert bill.held is None, "its credit was held, so it can't be short"
            assert needed > available, "there was enough for all"
            assert (status, reason) == (("queued", None) if self.waits else ("failed", "credit_shortage"))
            if status == "failed":
                bill.end("failed", "credit_shortage")
