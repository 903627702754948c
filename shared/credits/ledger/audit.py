"""The audit: everything recomputed from entries and messages, and compared. What a proof is in force of is not read
again: a proof is made once of each partition that is closed, and is out of date when a row from which it was made
changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from shared.credits.amounts import total
from shared.credits.ledger.audit_store import (
    ByTenant,
    Figures,
    Part,
    add_proof,
    forget_stale_proofs,
    read_entries,
    read_listed,
    read_messages,
    read_parts,
    read_proven,
    take_snapshot,
)
from shared.credits.ledger.store import Account, read_accounts
from shared.platform.clock import Clock
from shared.platform.database import Connection, Database
from shared.platform.ids import new_id

ZERO = ("difference", "overdrafts", "missing", "untraced", "disproved")
"""The figures that are 0 while every won is accounted for."""

OnPart = Callable[[str, int, int], None]
"""Hears of each partition that is to be read: its name, how many were read before it, and how many will be in all."""


@dataclass(frozen=True, slots=True)
class Audit:
    """Everything recomputed from entries and messages, and compared. While every won is accounted for, the figures in
    `ZERO` are 0; the rest tells how much was looked at.

    difference: won by which accounts, entries and messages disagree.
    overdrafts: accounts that spent more than they had.
    accounts, entries: how many there are.
    balance, held: won of all accounts.
    messages: how many were held for at some time; `captured`: how many were charged, those for nothing included.
    charged: won.
    missing: messages that an entry lists, and that don't exist or name another entry.
    untraced: holds and settlements of messages whose entry doesn't exist, is of another kind, or doesn't list them.
    disproved: proofs of closed months that say something else than what is there; only a full audit looks.
    """

    difference: Decimal = Decimal(0)
    overdrafts: int = 0
    accounts: int = 0
    entries: int = 0
    balance: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    messages: int = 0
    captured: int = 0
    charged: Decimal = Decimal(0)
    missing: int = 0
    untraced: int = 0
    disproved: int = 0


@dataclass(frozen=True)
class Books:
    """What an audit found.

    audits: by tenant.
    recomputed: what of each partition was found that was read.
    parts: all partitions.
    disproved: by tenant, the partitions whose proofs say something else of it.
    """

    audits: Mapping[str, Audit]
    recomputed: Mapping[str, ByTenant]
    parts: Sequence[Part]
    disproved: Mapping[str, Sequence[str]]


async def audit_of_all(database: Database, *, full: bool = False, on_part: OnPart | None = None) -> Books:
    """Recompute what no proof is in force of, and compare all; with `full`, recompute all that is there, and compare
    the proofs with it, too."""
    async with database.transaction() as connection:
        await take_snapshot(connection)
        if full:
            await connection.take_time()
        return await read_books(connection, full=full, on_part=on_part)


async def prove_and_audit(database: Database, clock: Clock) -> Books:
    """An audit that keeps what it finds of closed partitions as their proofs."""
    async with database.transaction() as connection:
        await take_snapshot(connection)
        books = await read_books(connection)
        await keep_proofs(connection, books, clock)
        return books


async def audit(database: Database) -> Audit:
    """The figures of all tenants together."""
    return together((await audit_of_all(database)).audits.values())


async def read_books(connection: Connection, *, full: bool = False, on_part: OnPart | None = None) -> Books:
    """What `audit_of_all` finds; in a transaction that sees one state of the database."""
    parts = await read_parts(connection)
    accounts = {account.tenant: account for account in await read_accounts(connection)}
    believed = [part.proof for part in parts if part.proof and (part.final or not full)]
    to_read = [part for part in parts if part.proof not in believed or part.proof is None]
    sums: defaultdict[str, Figures] = defaultdict(Figures)
    _add(sums, await read_proven(connection, believed, gone=True))
    recomputed: dict[str, ByTenant] = {}
    disproved: defaultdict[str, list[str]] = defaultdict(list)
    for place, part in enumerate(to_read):
        if on_part:
            on_part(part.name, place, len(to_read))
        found = await _recompute(connection, part)
        _add(sums, found)
        recomputed[part.name] = found
        if part.proof:
            for tenant in _differing(found, await read_proven(connection, [part.proof])):
                disproved[tenant].append(part.name)
    audits = {
        tenant: replace(compare(accounts.get(tenant), sums[tenant]), disproved=len(disproved[tenant]))
        for tenant in sorted({*accounts, *sums, *disproved})
    }
    return Books(audits, recomputed, parts, {tenant: names for tenant, names in disproved.items() if names})


async def keep_proofs(connection: Connection, books: Books, clock: Clock) -> list[str]:
    """Make proofs of what was recomputed of partitions that are closed, and list messages of such alone; in the
    transaction of `books`. Gives their names."""
    to_prove = [part for part in books.parts if part.closed and not part.proof]
    if to_prove:
        await forget_stale_proofs(connection, to_prove)
    messages = [part for part in books.parts if part.parent == "messages"]
    proven = []
    for part in to_prove:
        listed = await read_listed(connection, part, messages) if part.parent == "ledger_entries" else []
        if all(one.closed for one in listed):
            now = clock.now()
            found = books.recomputed[part.name]
            await add_proof(connection, new_id(now), part, [part, *listed], found, now)
            proven.append(part.name)
    return proven


async def _recompute(connection: Connection, part: Part) -> ByTenant:
    read = read_messages if part.parent == "messages" else read_entries
    return await read(connection, part)


def _add(sums: defaultdict[str, Figures], more: ByTenant) -> None:
    for tenant, figures in more.items():
        sums[tenant] += figures


def _differing(found: ByTenant, proven: ByTenant) -> list[str]:
    """The tenants of which the two say different things."""
    return [tenant for tenant in {**found, **proven} if found.get(tenant) != proven.get(tenant)]


def compare(account: Account | None, sums: Figures) -> Audit:
    """What the sums of a tenant's partitions say of its account, and the entries' sums of the messages'."""
    balance, held = (account.balance, account.held) if account else (Decimal(0), Decimal(0))
    return Audit(
        difference=abs(balance - sums.balance)
        + abs(held - sums.held)
        + sums.difference
        + abs(sums.open_holds - held)
        + abs(sums.charged - sums.spent),
        overdrafts=int(balance < held or sums.balance < sums.held),
        accounts=int(account is not None),
        entries=sums.entries,
        balance=balance,
        held=held,
        messages=sums.messages,
        captured=sums.captured,
        charged=sums.charged,
        missing=sums.missing,
        untraced=abs(sums.pointers - sums.traced),
    )


def together(audits: Collection[Audit]) -> Audit:
    """The sums of several tenants' audits."""
    return Audit(
        difference=total(one.difference for one in audits),
        overdrafts=sum(one.overdrafts for one in audits),
        accounts=sum(one.accounts for one in audits),
        entries=sum(one.entries for one in audits),
        balance=total(one.balance for one in audits),
        held=total(one.held for one in audits),
        messages=sum(one.messages for one in audits),
        captured=sum(one.captured for one in audits),
        charged=total(one.charged for one in audits),
        missing=sum(one.missing for one in audits),
        untraced=sum(one.untraced for one in audits),
        disproved=sum(one.disproved for one in audits),
    )


def disagreements(found: Audit) -> dict[str, Decimal | int]:
    """What of an audit should be 0 and is not, by the names in `ZERO`; nothing when the books agree."""
    return {figure: value for figure in ZERO if (value := getattr(found, figure))}
