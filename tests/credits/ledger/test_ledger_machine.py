"""Random days of businesses on real Postgres, against a model that keeps what each of them should have."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Coroutine
from decimal import Decimal
from itertools import count
from typing import Any, TypeVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from shared.contracts.reports import ProviderReport
from shared.contracts.tickets import SendTicket
from shared.credits.errors import CreditError
from shared.credits.ledger.audit import disagreements
from shared.messages.dispatch.dispatching import MAX_TRIES
from tests.credits.ledger.model import FINAL, MAIN, Bill, Books, Word
from tests.credits.ledger_world import LedgerWorld, adds_up, said
from tests.databases import Migrated

Result = TypeVar("Result")

TENANTS = ("poor", "rich")
ROUTES = (("sms",), ("alimtalk",), ("alimtalk", "sms"), ("sms", "alimtalk"))
CHANNELS = ("alimtalk", "sms", "lms")
DEFAULT_PRICES = {"alimtalk": Decimal(15), "sms": Decimal(20), "lms": Decimal(50)}
SHORT, LONG = dt.timedelta(minutes=2), dt.timedelta(days=30)

tenants = st.sampled_from(TENANTS)
_numbers = count(1)


class LedgerMachine(RuleBasedStateMachine):
    """One step after another, in any order; steps at once are the races' matter."""

    migrated: Migrated

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self.world = LedgerWorld(self.migrated)
        self.number = next(_numbers)
        self.books: dict[str, Books] = {}
        self.dispatches: dict[UUID, tuple[str, str]] = {}
        self.payments: list[tuple[str, int, str]] = []

    def _do(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self._loop.run_until_complete(work)

    def _name(self, tenant: str) -> str:
        return f"{tenant}-{self.number}"

    def _tick(self) -> None:
        """Each step has a moment of its own."""
        self.world.clock.moment += dt.timedelta(seconds=1)

    @initialize(waits=st.booleans())
    def open_for_business(self, waits: bool) -> None:
        for tenant in TENANTS:
            self._do(self.world.add_tenant(self._name(tenant)))
            self.books[tenant] = Books(dict(DEFAULT_PRICES))
        self.choose_to_wait("poor", waits)
        self.top_up("rich", 100_000)
        self.top_up("poor", 120)

    def teardown(self) -> None:
        if self.books:
            self._each_message_is_held_and_settled_once()
            self._the_statements_add_up()
            found = self._do(self.world.audit())
            assert disagreements(found) == {}
        self._do(self.world.close())
        self._loop.close()

    # What people do

    @rule(tenant=tenants, amount=st.integers(1, 200))
    def top_up(self, tenant: str, amount: int) -> None:
        self._tick()
        key = f"paid-{self.number}-{len(self.payments)}"
        assert self._do(self.world.top_up(self._name(tenant), amount, key=key))
        self.payments.append((tenant, amount, key))
        self.books[tenant].balance += amount

    @rule(data=st.data())
    def hear_of_a_payment_again(self, data: st.DataObject) -> None:
        tenant, amount, key = data.draw(st.sampled_from(self.payments))
        assert not self._do(self.world.top_up(self._name(tenant), amount, key=key))

    @rule(tenant=tenants, amount=st.integers(1, 200))
    def give_a_payment_back(self, tenant: str, amount: int) -> None:
        self._tick()
        books = self.books[tenant]
        if amount > books.available:
            with pytest.raises(CreditError, match="credit_shortage"):
                self._do(self.world.take_back(self._name(tenant), amount))
        else:
            self._do(self.world.take_back(self._name(tenant), amount))
            books.balance -= amount

    @rule(tenant=tenants, channel=st.sampled_from(CHANNELS), price=st.decimals(0, 90, places=2))
    def change_a_price(self, tenant: str, channel: str, price: Decimal) -> None:
        self._tick()
        self.world.set_price(self._name(tenant), channel, price)
        self.books[tenant].prices[channel] = price

    @rule(tenant=tenants, waits=st.booleans())
    def choose_to_wait(self, tenant: str, waits: bool) -> None:
        statement = "update credit_accounts set wait_for_credit = %(waits)s where tenant = %(tenant)s"
        self.world.rows(statement, tenant=self._name(tenant), waits=waits)
        self.books[tenant].waits = waits

    @rule(tenant=tenants)
    def move_the_run(self, tenant: str) -> None:
        self.world.move_run(self._name(tenant))
        self.books[tenant].run_revision += 1

    @rule(minutes=st.integers(1, 3))
    def let_time_pass(self, minutes: int) -> None:
        self.world.clock.moment += dt.timedelta(minutes=minutes)

    @rule(
        tenant=tenants,
        number=st.integers(1, 4),
        route=st.sampled_from(ROUTES),
        lives=st.sampled_from((LONG, SHORT)),
        of_run=st.booleans(),
        claimed=st.sampled_from((True, True, False)),
    )
    def queue(
        self, tenant: str, number: int, route: tuple[str, ...], lives: dt.timedelta, of_run: bool, claimed: bool
    ) -> None:
        books = self.books[tenant]
        ticket = self._do(self.world.queue(self._name(tenant), number, channels=route, lives=lives, of_run=of_run))
        for id_ in ticket.messages:
            revision = books.run_revision if of_run else None
            books.bills[id_] = Bill(id_, route, self.world.clock.now() + lives, revision)
        if claimed:
            self._claim([(tenant, books.bills[id_]) for id_ in ticket.messages])

    # What the sender does

    def _bills(self, *statuses: str) -> list[tuple[str, Bill]]:
        return [
            (tenant, bill)
            for tenant, books in self.books.items()
            for bill in books.bills.values()
            if bill.status in statuses
        ]

    def _tickets(self, chosen: list[tuple[str, Bill]]) -> list[SendTicket]:
        return [
            self.world.ticket(self._name(tenant), [bill.id for owner, bill in chosen if owner == tenant])
            for tenant in TENANTS
            if any(owner == tenant for owner, _ in chosen)
        ]

    @precondition(lambda self: self._bills("queued"))
    @rule(data=st.data())
    def claim(self, data: st.DataObject) -> None:
        """Some tickets, which may name messages that were claimed long ago."""
        self._tick()
        self._claim(data.draw(_some(self._bills("queued", "sending", "failed", "delivered"))))

    @precondition(lambda self: self._bills("queued"))
    @rule(data=st.data(), tenant=tenants, channel=st.sampled_from(CHANNELS))
    def claim_while_a_price_is_missing(self, data: st.DataObject, tenant: str, channel: str) -> None:
        self._tick()
        price = self.books[tenant].prices[channel]
        forget = "delete from prices where tenant = %(tenant)s and channel = %(channel)s"
        self.world.rows(forget, tenant=self._name(tenant), channel=channel)
        self.books[tenant].prices[channel] = None
        self._claim(data.draw(_some(self._bills("queued"))))
        if price is not None:
            self.change_a_price(tenant, channel, price)

    @precondition(lambda self: self._bills("queued"))
    @rule(data=st.data(), tenant=tenants)
    def claim_while_there_is_no_provider_account(self, data: st.DataObject, tenant: str) -> None:
        self._tick()
        switch = "update provider_accounts set active = not active where tenant = %(tenant)s"
        self.world.rows(switch, tenant=self._name(tenant))
        self.books[tenant].accounts = ()
        self._claim(data.draw(_some(self._bills("queued"))))
        self.world.rows(switch, tenant=self._name(tenant))
        self.books[tenant].accounts = (MAIN,)

    def _claim(self, chosen: list[tuple[str, Bill]]) -> None:
        claimed = self._do(self.world.claim(*self._tickets(chosen)))
        dispatches = dict(sorted({self._tenant(message.tenant): message.dispatch for message in claimed}.items()))
        self.dispatches |= {dispatch: (tenant, "open") for tenant, dispatch in dispatches.items()}
        for tenant, books in self.books.items():
            mine = [bill.id for owner, bill in chosen if owner == tenant]
            books.claim(mine, dispatches.get(tenant, UUID(int=0)), self.world.clock.now())
            sending = {id_ for id_ in mine if tenant in dispatches and books.bills[id_].dispatch == dispatches[tenant]}
            assert sending == {message.id for message in claimed if message.tenant == self._name(tenant)}

    def _dispatches(self, *states: str) -> list[UUID]:
        return [dispatch for dispatch, (_, state) in self.dispatches.items() if state in states]

    @precondition(lambda self: self._dispatches("open", "sent"))
    @rule(data=st.data())
    def send(self, data: st.DataObject) -> None:
        """A dispatch is sent, or found to have been sent when somebody asks again."""
        dispatch = data.draw(st.sampled_from(self._dispatches("open", "sent")))
        tenant, _ = self.dispatches[dispatch]
        books = self.books[tenant]
        carried = [bill for bill in books.bills.values() if bill.dispatch == dispatch]
        channels = {bill.id: _really_took(data, bill.route[bill.position]) for bill in carried}
        self._do(self.world.send(self._name(tenant), dispatch, channels))
        self.dispatches[dispatch] = (tenant, "sent")
        books.sent(dispatch)

    @precondition(lambda self: self._dispatches("open", "sent"))
    @rule(data=st.data())
    def abandon(self, data: st.DataObject) -> None:
        """The provider is away; a dispatch that was sent meanwhile is left alone."""
        self._tick()
        self._abandon(data.draw(st.sampled_from(self._dispatches("open", "sent"))))

    @precondition(lambda self: self._bills("queued"))
    @rule(data=st.data())
    def the_provider_stays_away(self, data: st.DataObject) -> None:
        """Until the last try of some messages, or until they run out of time or credit."""
        self._tick()
        chosen = data.draw(_some(self._bills("queued")))
        for _ in range(MAX_TRIES):
            known = set(self.dispatches)
            self._claim(chosen)
            for dispatch in [dispatch for dispatch in self.dispatches if dispatch not in known]:
                self._abandon(dispatch)

    def _abandon(self, dispatch: UUID) -> None:
        tenant, state = self.dispatches[dispatch]
        self._do(self.world.abandon(self._name(tenant), dispatch))
        if state == "open":
            self.dispatches[dispatch] = (tenant, "abandoned")
            self.books[tenant].abandon(dispatch)

    # What providers say

    @precondition(lambda self: self._bills("sending", "sent", "unknown"))
    @rule(data=st.data(), outcome=st.sampled_from(("delivered", "failed")))
    def report_on_what_was_sent(self, data: st.DataObject, outcome: str) -> None:
        self._tick()
        chosen = data.draw(_some(self._bills("sending", "sent", "unknown")))
        for tenant in self.books:
            bills = [bill for owner, bill in chosen if owner == tenant]
            channels = [_really_took(data, bill.route[bill.position]) for bill in bills]
            self._tell(
                tenant,
                [Word(b.id, b.attempt, outcome, channel) for b, channel in zip(bills, channels, strict=True)],
            )

    @precondition(lambda self: any(bill.made for books in self.books.values() for bill in books.bills.values()))
    @rule(data=st.data(), again=st.booleans())
    def report_anything(self, data: st.DataObject, again: bool) -> None:
        """Words on any attempt ever made, in any order, late, contradicting each other, twice."""
        self._tick()
        spoken_of = [name for name, books in self.books.items() if any(bill.made for bill in books.bills.values())]
        tenant = data.draw(st.sampled_from(spoken_of))
        bills = data.draw(_some([bill for bill in self.books[tenant].bills.values() if bill.made]))
        words = [_draw_word(data, bill) for bill in bills for _ in range(data.draw(st.integers(1, 2)))]
        words = data.draw(st.permutations(words))
        for _ in range(1 + again):
            self._tell(tenant, words)

    def _tell(self, tenant: str, words: list[Word]) -> None:
        if words:
            self._do(self.world.report(self._name(tenant), *map(_as_report, words)))
            self.books[tenant].tell(words)

    # What is always true

    @invariant()
    def every_account_is_as_the_model_says(self) -> None:
        for row in self.world.rows(ACCOUNTS, tenants=self._names()):
            books = self.books[self._tenant(row["tenant"])]
            assert (row["balance"], row["held"]) == (books.balance, books.held)
            assert books.available >= 0

    @invariant()
    def every_message_is_as_the_model_says(self) -> None:
        for row in self.world.rows(MESSAGES, tenants=self._names()):
            bill = self.books[self._tenant(row["tenant"])].bills[row["id"]]
            found = (row["status"], row["reason"], row["price"], row["open"], row["held"])
            assert found == (bill.status, bill.reason, bill.price, bill.open, bill.held)
            assert not (bill.open and bill.status in FINAL)
            assert row["has_ticket"] or bill.status != "queued", "nobody will ever send it"

    def _names(self) -> list[str]:
        return [self._name(tenant) for tenant in self.books]

    def _tenant(self, name: str) -> str:
        return name.rsplit("-", 1)[0]

    def _each_message_is_held_and_settled_once(self) -> None:
        for tenant, books in self.books.items():
            entries = self.world.rows(ENTRIES_OF_MESSAGES, tenant=self._name(tenant))
            numbers = {(row["message"], row["side"]): row["entries"] for row in entries}
            for bill in books.bills.values():
                assert numbers.get((bill.id, "hold"), 0) == (bill.held is not None)
                assert numbers.get((bill.id, "capture"), 0) == (bill.price is not None)
                assert numbers.get((bill.id, "release"), 0) <= 1

    def _the_statements_add_up(self) -> None:
        """The day began a minute before February."""
        for tenant, books in self.books.items():
            months = [self._do(self.world.statement(self._name(tenant), month)) for month in ("2026-01", "2026-02")]
            assert all(adds_up(month) for month in months)
            assert [months[0].closing, months[1].closing] == [months[1].opening, books.balance]
            captured = [bill for bill in books.bills.values() if bill.price is not None]
            assert sum(charge.messages for month in months for charge in month.charges) == len(captured)


ACCOUNTS = "select tenant, balance, held from credit_accounts where tenant = any(%(tenants)s)"

MESSAGES = """
select tenant, id, status::text, reason, price, held, hold is not null and settlement is null as open,
  exists (select from outbox o where o.tenant = m.tenant and o.body -> 'messages' ? m.id::text) as has_ticket
from messages m where tenant = any(%(tenants)s)
"""

ENTRIES_OF_MESSAGES = """
select message, case kind when 'hold_expiry' then 'release' else kind::text end as side, count(*) as entries
from ledger_entries cross join unnest(messages) as message
where tenant = %(tenant)s group by 1, 2
"""


def _some(items: list[Any], *, smallest: int = 1) -> st.SearchStrategy[list[Any]]:
    """Some of the items, each at most once."""
    if not items:
        return st.just([])
    indexes = st.lists(st.integers(0, len(items) - 1), min_size=smallest, max_size=6, unique=True)
    return indexes.map(lambda chosen: [items[index] for index in chosen])


def _really_took(data: st.DataObject, leg: str) -> str:
    return data.draw(st.sampled_from(("sms", "lms"))) if leg == "sms" else leg


def _draw_word(data: st.DataObject, bill: Bill) -> Word:
    attempt = data.draw(st.sampled_from(sorted(bill.made, reverse=True)))
    outcome = data.draw(st.sampled_from(("delivered", "failed", "sent", "unconfirmed", "read")))
    return Word(bill.id, attempt, outcome, _really_took(data, bill.made[attempt]))


def _as_report(word: Word) -> ProviderReport:
    return said(word.message, word.outcome, attempt=word.attempt, channel=word.channel)


def test_no_day_of_any_business_loses_or_makes_a_won(module_database: Migrated) -> None:
    class Machine(LedgerMachine):
        migrated = module_database

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=15,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
