"""Where a state may go from where it is, in plain Python: what the triggers of the database are held to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product

from shared.messages.status import State, Status, merge

Values = Mapping[str, object]


@dataclass(frozen=True)
class Law:
    """Of a table, what may become of some of its columns.

    table: its name, of which `tests.schemas.samples.SAMPLES` has a row.
    role: one that may update the columns.
    states: all that the columns may hold.
    may_become: whether the first may become the second.
    besides: what else the row has then.
    """

    table: str
    role: str
    states: list[Values]
    may_become: Callable[[Values, Values], bool]
    besides: str = ""


def _lattice(old: Values, new: Values) -> bool:
    was, is_now = (State(int(str(each["attempt"])), Status(str(each["status"]))) for each in (old, new))
    return merge(was, is_now).order == is_now.order


def _along(column: str, *steps: tuple[str, str]) -> Callable[[Values, Values], bool]:
    return lambda old, new: old[column] == new[column] or (old[column], new[column]) in steps


_ORDERS = ("created", "confirming", "waiting_for_deposit", "paid", "partly_cancelled", "cancelled", "failed")
_OF_TOSS = set(_ORDERS[2:])


def _order(old: Values, new: Values) -> bool:
    """Toss tells what an order is, and of what is cancelled it tells no more. A new try begins with one not paid."""
    before, after = str(old["status"]), str(new["status"])
    begins = before in ("created", "failed") and after == "confirming"
    return before == after or begins or (before != "cancelled" and after in _OF_TOSS)


def _money(old: Values, new: Values) -> bool:
    """A price stays; a hold and its settlement stay, unless it is held for anew after an end, or delivered late."""
    price_stays = old["price"] in (None, new["price"])
    hold_stays = old["hold"] in (None, new["hold"]) or (old["settlement"] is not None and old["price"] is None)
    late = old["price"] is None and new["price"] is not None
    settlement_stays = old["settlement"] in (None, new["settlement"]) or old["hold"] != new["hold"] or late
    return price_stays and hold_stays and settlement_stays


ONE, OTHER = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"

LAWS = {
    "messages": Law(
        "messages",
        "allim_sender",
        [{"status": status.value, "attempt": attempt} for status, attempt in product(Status, (0, 1))],
        _lattice,
        "reason = 'x', hold = null, settlement = null, price = null",
    ),
    "money_of_messages": Law(
        "messages",
        "allim_sender",
        [
            {"hold": hold, "settlement": settlement, "price": price}
            for hold, settlement, price in product((None, ONE, OTHER), (None, ONE, OTHER), (None, "5", "6"))
        ],
        _money,
        "status = 'queued', attempt = 0",
    ),
    "dispatches": Law(
        "dispatches",
        "allim_sender",
        [{"state": state} for state in ("open", "prepared", "sent", "closed", "abandoned")],
        _along(
            "state",
            ("open", "prepared"),
            ("open", "abandoned"),
            ("prepared", "sent"),
            ("prepared", "abandoned"),
            ("prepared", "closed"),
            ("sent", "closed"),
        ),
    ),
    "payment_orders": Law("payment_orders", "allim_sweeper", [{"status": status} for status in _ORDERS], _order),
    "money_of_orders": Law(
        "payment_orders",
        "allim_sweeper",
        [{"cancelled": cancelled, "reversals": reversals} for cancelled, reversals in product((0, 1), (0, 1, 2))],
        lambda old, new: (
            int(str(new["cancelled"])) >= int(str(old["cancelled"]))
            and int(str(new["reversals"])) - int(str(old["reversals"])) in (0, 1)
        ),
        "status = 'paid'",
    ),
    "payment_cancels": Law(
        "payment_cancels",
        "allim_sweeper",
        [{"status": status} for status in ("asked", "done", "refused")],
        _along("status", ("asked", "done"), ("asked", "refused")),
    ),
    "runs": Law(
        "runs",
        "allim_events",
        [{"revision": revision} for revision in (1, 2, 3)],
        lambda old, new: int(str(new["revision"])) >= int(str(old["revision"])),
    ),
    "plan_orders": Law(
        "plan_orders",
        "allim_sweeper",
        [{"applied_at": moment} for moment in (None, "2026-01-01T00:00Z", "2026-01-02T00:00Z")],
        lambda old, new: old["applied_at"] in (None, new["applied_at"]),
    ),
    "alerts": Law(
        "alerts",
        "allim_sweeper",
        [{"resolved_at": moment} for moment in ("infinity", "2026-01-01T00:00Z", "2026-01-02T00:00Z")],
        lambda old, new: old["resolved_at"] in ("infinity", new["resolved_at"]),
    ),
}
"""By what is told of."""
