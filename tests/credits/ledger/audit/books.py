"""Books in any state, sound or broken, what an audit of them finds, in Python, and their rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

from hypothesis import strategies as st

from shared.credits.ledger.audit import Audit
from shared.platform.ids import first_id
from tests.clock import NOON
from tests.credits.ledger.model import ZERO
from tests.scratch import Row, mostly

TENANTS = ("cafe", "shop")
SIGNS = {"topup": (1, 0), "refund": (-1, 0), "hold": (0, 1), "capture": (-1, -1), "release": (0, -1)}
SIGNS["hold_expiry"] = SIGNS["release"]
"""Which way each kind of entry moves the balance and what is held."""


@dataclass(frozen=True)
class Message:
    """A message with the entries that it names."""

    id: UUID
    hold: UUID | None
    held: Decimal
    settlement: UUID | None
    price: Decimal | None


@dataclass(frozen=True)
class Entry:
    """An entry with the messages that it lists. `late`: a capture that found its hold released."""

    id: UUID
    kind: str
    balance: Decimal
    hold: Decimal
    listed: Sequence[UUID]
    late: bool

    def is_named_by(self, message: Message) -> bool:
        """A message that was delivered after its release names the capture, and the release lists it all the same."""
        if self.kind == "hold":
            return message.hold == self.id
        return message.settlement == self.id or (self.kind != "capture" and message.price is not None)

    def difference(self, found: Sequence[Message]) -> Decimal:
        """By how much it differs from what its messages say."""
        held = sum((message.held for message in found), ZERO)
        if self.kind == "capture":
            price = sum((message.price or ZERO for message in found), ZERO)
            return abs(self.balance + price) + abs(self.hold + (ZERO if self.late else held))
        return abs(abs(self.hold) - held)


@dataclass(frozen=True)
class Ledger:
    """A tenant's books. `account`: the balance and what is held, as its account says."""

    account: tuple[Decimal, Decimal] | None
    entries: Sequence[Entry]
    messages: Sequence[Message]

    @property
    def is_empty(self) -> bool:
        pointers = any(message.hold or message.settlement for message in self.messages)
        return self.account is None and not self.entries and not pointers


def audit(ledger: Ledger) -> Audit:
    """Everything recomputed: totals from entries, entries from messages, and messages from entries."""
    balance, held = ledger.account or (ZERO, ZERO)
    sums = [sum((entry.balance for entry in ledger.entries), ZERO), sum((entry.hold for entry in ledger.entries), ZERO)]
    charged = -sum((entry.balance for entry in ledger.entries if entry.kind == "capture"), ZERO)
    difference, missing = abs(balance - sums[0]) + abs(held - sums[1]), 0
    by_id = {message.id: message for message in ledger.messages}
    for entry in ledger.entries:
        if SIGNS[entry.kind][1]:  # those that pay for messages
            found = [by_id[id_] for id_ in entry.listed if id_ in by_id and entry.is_named_by(by_id[id_])]
            missing += len(entry.listed) - len(found)
            difference += entry.difference(found)
    paid_for = [message for message in ledger.messages if message.hold]
    open_holds = sum((message.held for message in paid_for if not message.settlement), ZERO)
    prices = [message.price for message in paid_for if message.price is not None]
    difference += abs(open_holds - held) + abs(sum(prices, ZERO) - charged)
    return Audit(
        difference=difference,
        overdrafts=int(sums[0] < sums[1]),
        accounts=int(ledger.account is not None),
        entries=len(ledger.entries),
        balance=balance,
        held=held,
        messages=len(paid_for),
        captured=len(prices),
        charged=sum(prices, ZERO),
        missing=missing,
        untraced=sum(_untraced(message, ledger.entries) for message in ledger.messages),
    )


def _untraced(message: Message, entries: Sequence[Entry]) -> int:
    """Its hold and its settlement, each if no entry of that kind lists it."""
    kinds = {entry.id: entry.kind for entry in entries if message.id in entry.listed}
    no_hold = message.hold is not None and kinds.get(message.hold) != "hold"
    ends = ("capture",) if message.price is not None else ("topup", "refund", "release", "hold_expiry")
    return no_hold + (message.settlement is not None and kinds.get(message.settlement) not in ends)


@dataclass(frozen=True)
class Places:
    """In which months messages and entries lie, whatever they say.

    begins: the first moment of each month.
    of_message, of_entry: by the number of its id, which month; the first where it is not said.
    """

    begins: Sequence[dt.datetime]
    of_message: Mapping[int, int]
    of_entry: Mapping[int, int]

    def message(self, id_: UUID) -> UUID:
        """The id of a message in its month; others keep their order."""
        month = self.begins[self.of_message.get(id_.int, 0)]
        return UUID(int=first_id(month).int + id_.int)

    def entry(self, id_: UUID) -> dt.datetime:
        """When an entry was made."""
        return self.begins[self.of_entry.get(id_.int, 0)]


EVERYTHING_IN_ONE = Places([NOON], {}, {})

won = st.sampled_from((0, 15, 20, 50)).map(Decimal)


HOLDS, LATE = (UUID(int=1), UUID(int=2)), UUID(int=6)
ENDS = {"capture": UUID(int=3), "release": UUID(int=4), "hold_expiry": UUID(int=5), "late": LATE}
KINDS = {**dict.fromkeys(HOLDS, "hold"), **{id_: kind for kind, id_ in ENDS.items()}, LATE: "capture"}


@st.composite
def paid_for(draw: st.DrawFn, number: int) -> Message:
    """A message of either hold, which ended in one of all ways, or not yet."""
    end, held = draw(st.sampled_from((*ENDS, None))), draw(won)
    price = min(held, draw(won)) if end in ("capture", "late") else None
    return Message(UUID(int=number), draw(st.sampled_from(HOLDS)), held, ENDS[end] if end else None, price)


@st.composite
def sound(draw: st.DrawFn) -> Ledger:
    """Books in order. A message that was delivered late is listed by its release, too."""
    messages = [draw(paid_for(number)) for number in range(draw(st.integers(1, 5)))]
    entries = [Entry(UUID(int=7), "topup", Decimal(300), ZERO, (), late=False)]
    for id_, kind in KINDS.items():
        listed = [m for m in messages if id_ in (m.hold, m.settlement) or (kind, m.settlement) == ("release", LATE)]
        if listed:
            pays, holds = SIGNS[kind]
            charged = pays * sum((message.price or ZERO for message in listed), ZERO)
            moved = ZERO if id_ == LATE else holds * sum((message.held for message in listed), ZERO)
            entries.append(Entry(id_, kind, charged, moved, [message.id for message in listed], late=id_ == LATE))
    sums = sum((entry.balance for entry in entries), ZERO), sum((entry.hold for entry in entries), ZERO)
    return Ledger(sums, entries, messages)


ids = st.sampled_from([UUID(int=number) for number in range(1, 9)])


@st.composite
def damaged_message(draw: st.DrawFn, message: Message) -> Message:
    match draw(st.integers(0, 3)):
        case 0:
            return replace(message, hold=draw(st.none() | ids))
        case 1:
            return replace(message, settlement=draw(st.none() | ids))
        case 2:
            return replace(message, price=draw(st.none() | won))
        case _:
            return replace(message, held=draw(won))


@st.composite
def damaged_entry(draw: st.DrawFn, entry: Entry) -> Entry:
    balance, hold = SIGNS[entry.kind]
    match draw(st.integers(0, 4)):
        case 0:
            return replace(entry, balance=balance * draw(won)) if entry.kind == "capture" else entry
        case 1:
            return replace(entry, hold=hold * draw(won))
        case 2:
            others = [
                kind for kind in ("release", "hold_expiry", "capture") if entry.kind != "hold" and not entry.balance
            ]
            return replace(entry, kind=draw(st.sampled_from(others or [entry.kind])))
        case 3:
            return replace(entry, late=not entry.late)
        case _:
            listed = draw(st.permutations(entry.listed))[1:] + draw(st.lists(ids, max_size=2))
            return replace(entry, listed=listed) if hold else entry


accounts = st.sampled_from((None, (300, 0), (300, 70), (70, 70))).map(
    lambda account: account and (Decimal(account[0]), Decimal(account[1]))
)


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    """Books in order, most often with something broken, or with all of something gone."""
    return draw(damaged(draw(sound())))


@st.composite
def damaged(draw: st.DrawFn, ledger: Ledger) -> Ledger:
    """Books in which something is broken, as a rule."""
    account, entries, messages = ledger.account, list(ledger.entries), list(ledger.messages)
    match draw(mostly(None, "account", "entries", "messages", "top-up", "top-up", "account and entries")):
        case "account":
            account = draw(accounts)
        case "entries":
            entries = []
        case "messages":
            messages = []
        case "top-up":
            del entries[:1]
        case "account and entries":
            account, entries = None, []
    for _ in range(draw(st.integers(0, 3))):
        match draw(st.integers(0, 4)):
            case 0 | 1 if messages:
                at = draw(st.integers(0, len(messages) - 1))
                messages[at] = draw(damaged_message(messages[at]))
            case 2 | 3 if entries:
                at = draw(st.integers(0, len(entries) - 1))
                entries[at] = draw(damaged_entry(entries[at]))
            case 4 if messages:
                del messages[draw(st.integers(0, len(messages) - 1))]
    return Ledger(account, entries, messages)


def rows_of(ledgers: Mapping[str, Ledger], places: Places = EVERYTHING_IN_ONE) -> dict[str, list[Row]]:
    """The rows of some tenants' books. `places`: where they lie."""
    every = ledgers.items()
    return {
        "credit_accounts": [
            {"tenant": tenant, "balance": ledger.account[0], "held": ledger.account[1]}
            for tenant, ledger in every
            if ledger.account
        ],
        "ledger_entries": [
            {
                "tenant": tenant,
                "id": entry.id,
                "kind": entry.kind,
                "balance_change": entry.balance,
                "hold_change": entry.hold,
                "key": str(entry.id),
                "messages": [places.message(id_) for id_ in entry.listed] if SIGNS[entry.kind][1] else None,
                "reference": "delivered after its release" if entry.late else None,
                "created_at": places.entry(entry.id),
            }
            for tenant, ledger in every
            for entry in ledger.entries
        ],
        "messages": [
            {
                "tenant": tenant,
                "id": places.message(message.id),
                "customer": "c-1",
                "template": "hello",
                "template_version": 1,
                "route": ["sms"],
                "deadlines": [60],
                "channel": "sms",
                "status": "sent",
                "hold": message.hold,
                "held": message.held,
                "settlement": message.settlement,
                "price": message.price,
                **dict.fromkeys(("due_at", "expires_at", "created_at", "updated_at"), NOON),
            }
            for tenant, ledger in every
            for message in ledger.messages
        ],
    }
