"""Seeded storms: claims of the same and of other messages, payments, refunds, sends and reports, all at once."""

import asyncio
import datetime as dt
import random
from decimal import Decimal
from itertools import chain, count
from uuid import UUID

import pytest

from shared.contracts.reports import ProviderReport
from shared.contracts.tickets import SendTicket
from shared.credits.errors import CreditError
from shared.credits.ledger.audit import disagreements
from shared.messages.dispatch.sweep_store import Taking, decide_checks, decide_deadlines
from shared.platform.clock import first_moment
from tests.credits.ledger.model import ZERO, Bill, Books, Word
from tests.credits.ledger_world import LedgerWorld, said

ROUNDS = 15
CONNECTIONS = 8
ROUTES = (("sms",), ("alimtalk",), ("alimtalk", "sms"))
PRICES = {"alimtalk": Decimal(15), "sms": Decimal(20), "lms": Decimal(50)}
_numbers = count(1)


class Storm:
    """Two tenants that share every statement: one that is always short, and one that chose to wait for credit."""

    def __init__(self, world: LedgerWorld, seed: int) -> None:
        self.world = world
        self.random = random.Random(seed)
        number = next(_numbers)
        self.books = {f"fails-{number}": Books(dict(PRICES)), f"waits-{number}": Books(dict(PRICES), waits=True)}
        self.open: dict[UUID, str] = {}

    async def begin(self) -> None:
        for tenant, books in self.books.items():
            await self.world.add_tenant(tenant)
            self.world.rows(
                "update credit_accounts set wait_for_credit = %(waits)s where tenant = %(tenant)s",
                tenant=tenant,
                waits=books.waits,
            )

    async def round(self) -> None:
        """Queue more, then do everything at once, and see whether what came of it is one of the ways it may go."""
        await self._queue()
        now = self.world.clock.now()
        claims = [self._tickets() for _ in range(self.random.randint(2, 4))]
        raced: dict[str, set[UUID]] = {tenant: set() for tenant in self.books}
        for ticket in chain.from_iterable(claims):
            raced[ticket.tenant].update(ticket.messages)
        dropped = {dispatch: tenant for dispatch, tenant in self.open.items() if self.random.random() < 0.3}
        words = {tenant: self._words(tenant, dropped) for tenant in self.books}
        payments = {tenant: self.random.randint(1, 250) for tenant in self.books}
        refunds = {tenant: self.random.randint(1, 60) for tenant in self.books}
        claimed, refunded, _ = await asyncio.gather(
            asyncio.gather(*(self.world.claim(*tickets) for tickets in claims if tickets)),
            asyncio.gather(*(self._take_back(tenant, won) for tenant, won in refunds.items())),
            asyncio.gather(
                *(self.world.top_up(tenant, won) for tenant, won in payments.items()),
                *(self.world.abandon(tenant, dispatch) for dispatch, tenant in dropped.items()),
                *(self._send(dispatch, tenant) for dispatch, tenant in self.open.items() if dispatch not in dropped),
                *(self._report(tenant, said_) for tenant, said_ in [*words.items(), *words.items()]),
                self._sweep(),
            ),
        )
        winners = [message.id for messages in claimed for message in messages]
        assert len(winners) == len(set(winners)), "a message was claimed twice"
        self.open = {message.dispatch: message.tenant for messages in claimed for message in messages}
        for (tenant, books), was_refunded in zip(self.books.items(), refunded, strict=True):
            needed = sum((books.need(books.bills[id_]) for id_ in raced[tenant]), ZERO)
            books.balance -= refunds[tenant] if was_refunded else 0
            available = books.available
            rows = self.world.messages_by_id(tenant)
            for id_ in raced[tenant]:
                books.adopt(id_, rows[id_], needed=needed, available=available, now=now)
            for dispatch in dropped:
                books.abandon(dispatch)
            books.tell(words[tenant])
            books.balance += payments[tenant]
        await self._compare()

    async def _queue(self) -> None:
        lives = dt.timedelta(days=9)
        for tenant, books in self.books.items():
            route = self.random.choice(ROUTES)
            ticket = await self.world.queue(tenant, self.random.randint(1, 6), channels=route, lives=lives)
            for id_ in ticket.messages:
                books.bills[id_] = Bill(id_, route, self.world.clock.now() + lives, None)

    def _with_status(self, tenant: str, *statuses: str) -> list[Bill]:
        return [bill for bill in self.books[tenant].bills.values() if bill.status in statuses]

    def _tickets(self) -> list[SendTicket]:
        """Some of the queued messages, of both tenants, in any order."""
        chosen = {tenant: self._some(self._with_status(tenant, "queued")) for tenant in self.books}
        return [self.world.ticket(tenant, [bill.id for bill in bills]) for tenant, bills in chosen.items() if bills]

    def _some(self, bills: list[Bill]) -> list[Bill]:
        return self.random.sample(bills, self.random.randint(0, len(bills)))

    def _words(self, tenant: str, dropped: dict[UUID, str]) -> list[Word]:
        """One word on each message, or what came first would count."""
        bills = [bill for bill in self._with_status(tenant, "sending", "sent") if bill.dispatch not in dropped]
        outcomes = ("delivered", "delivered", "failed", "read")
        return [
            Word(bill.id, bill.attempt, self.random.choice(outcomes), bill.route[bill.position])
            for bill in self._some(bills)
        ]

    async def _send(self, dispatch: UUID, tenant: str) -> None:
        bills = [bill for bill in self.books[tenant].bills.values() if bill.dispatch == dispatch]
        await self.world.send(tenant, dispatch, {bill.id: bill.route[bill.position] for bill in bills})

    async def _report(self, tenant: str, words: list[Word]) -> None:
        await self.world.report(tenant, *map(_as_report, self.random.sample(words, len(words))))

    async def _sweep(self) -> None:
        """Look at calls that are being sent, reported and given up at this moment."""
        later = self.world.clock.now() + dt.timedelta(days=1)
        taking = Taking(now=later, first=dt.timedelta(0), longest=dt.timedelta(0), limit=100, without=())
        async with self.world.owner.connection() as connection:
            await decide_checks(connection, **taking)
            await decide_deadlines(connection, **taking)

    async def _take_back(self, tenant: str, amount: int) -> bool:
        try:
            return await self.world.take_back(tenant, amount)
        except CreditError as error:
            if error.code != "credit_shortage":
                raise
            return False

    async def _compare(self) -> None:
        for tenant, books in self.books.items():
            assert self.world.account(tenant) == (books.balance, books.held)
            for id_, row in (self.world.messages_by_id(tenant)).items():
                bill = books.bills[id_]
                is_open = row["hold"] is not None and row["settlement"] is None
                assert (row["price"], row["held"], is_open) == (bill.price, bill.held, bill.open)
        found = await self.world.audit()
        assert disagreements(found) == {}


def _as_report(word: Word) -> ProviderReport:
    return said(word.message, word.outcome, attempt=word.attempt, channel=word.channel)


@pytest.mark.parametrize("seed", range(4))
async def test_whoever_wins_a_race_the_credit_is_given_once_and_nobody_is_forgotten(
    world: LedgerWorld, seed: int
) -> None:
    storm = Storm(world, seed)
    await storm.begin()
    for _ in range(ROUNDS):
        await storm.round()


@pytest.mark.parametrize("seed", range(2))
async def test_it_is_so_when_a_month_ends_in_the_midst(world: LedgerWorld, seed: int) -> None:
    """Batches lie in two months' partitions, and rows change while others wait for them."""
    [month] = world.rows("select until from partitions where name = 'messages_past'")
    world.clock.moment = first_moment(month["until"]) - dt.timedelta(seconds=ROUNDS)
    storm = Storm(world, seed)
    await storm.begin()
    for _ in range(ROUNDS):
        await storm.round()
    parts = world.rows("select distinct tableoid::regclass::text as part from messages order by part")
    assert [row["part"] for row in parts] == ["months.messages_later", "months.messages_past"]


async def test_a_call_ends_and_a_late_delivery_is_charged_while_credit_moves(world: LedgerWorld) -> None:
    """Credit that moved meanwhile is read again in the midst of the statement that looks for the call's messages."""
    tenant = await world.add_tenant(f"moved-{next(_numbers)}", credit=100)
    [failed] = await world.claim(await world.queue(tenant, 1))
    await world.report(tenant, said(failed.id, "failed"))
    [last] = await world.claim(await world.queue(tenant, 1))
    await world.send(tenant, last.dispatch, {last.id: "sms"})
    async with world.owner.transaction() as connection:
        await connection.execute(
            "update credit_accounts set balance = balance where tenant = %(tenant)s", {"tenant": tenant}
        )
        reported = asyncio.create_task(
            world.report(tenant, said(failed.id, "delivered"), said(last.id, "delivered")),
        )
        await world.lock_waiters(1)
    await reported
    assert world.account(tenant) == (100 - 2 * 20, 0)
    [call] = world.rows("select state from dispatches where id = %(id)s", id=last.dispatch)
    assert call["state"] == "closed"


async def test_a_send_and_the_reports_that_overtake_it_never_wait_for_each_other_in_a_circle(
    world: LedgerWorld,
) -> None:
    tenant = await world.add_tenant(f"overtaken-{next(_numbers)}", credit=1_000_000)
    for _ in range(12):
        claimed = await world.claim(await world.queue(tenant, 400))
        ids = random.sample([message.id for message in claimed], len(claimed))
        await asyncio.gather(
            world.send(tenant, claimed[0].dispatch, dict.fromkeys(ids, "sms")),
            world.report(tenant, *(said(id_, "delivered") for id_ in ids)),
        )
    assert world.account(tenant) == (1_000_000 - 12 * 400 * 20, 0)
