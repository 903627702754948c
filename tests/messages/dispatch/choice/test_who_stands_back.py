"""Which of two accounts a message leaves by when one of them does not work, or has just been tried."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from shared.contracts.tickets import SendTicket
from shared.messages.dispatch.choice.weight_store import FAILING_RECHECK, TRIAL_FOR, TRIAL_MESSAGES
from shared.messages.dispatch.store import decide_claims
from shared.platform.pubsub import SEND_REQUESTS
from tests.clock import NOON
from tests.messages.dispatch.choice.numbers import sender_row
from tests.scratch import Row, Scratch, rows

TENANT = "cafe"
SECOND = dt.timedelta(seconds=1)
MESSAGES = [UUID(int=at + 1) for at in range(TRIAL_MESSAGES + 2)]
FEW, MANY = MESSAGES[:1], MESSAGES
LOW, HIGH = UUID(int=2 * 10**12), UUID(int=2 * 10**12 + 999_999_999)
"""First dispatches, and so lots, by which the first and the last account would be drawn."""


class Known(NamedTuple):
    """What is known of an account. `open_until`, `trial_until` and `closed_until` are seconds from now."""

    open_until: int | None = None
    trial_until: int | None = None
    closed_until: int | None = None
    weight: int = 100


OPEN, HALF_OPEN, ON_TRIAL = Known(open_until=40), Known(open_until=-1), Known(open_until=-1, trial_until=20)
PAUSED = Known(closed_until=30)
WELL = Known()


def at(seconds: int | None) -> dt.datetime | None:
    return None if seconds is None else NOON + seconds * SECOND


def rows_of(accounts: Mapping[str, Known], route: list[str], deadline: int) -> dict[str, list[Row]]:
    return {
        "tenants": [{"id": TENANT, "name": TENANT}],
        "provider_accounts": [
            {
                "tenant": TENANT,
                "id": id_,
                "provider": "solapi",
                "sender": "02",
                "credentials": "",
                "identity": f"{id_} there",
                "active": True,
                "created_at": NOON,
                "carries": ["alimtalk"],
            }
            for id_ in accounts
        ],
        "sender_numbers": [sender_row(TENANT, "02")],
        "account_health": [
            {
                "identity": f"{id_} there",
                "minute": NOON,
                "latencies": "{}",
                "failures": 0,
                "weight": known.weight,
                "opened_at": NOON - 60 * SECOND if known.open_until is not None else None,
                "open_until": at(known.open_until),
                "trial_until": at(known.trial_until),
            }
            for id_, known in accounts.items()
        ],
        "account_buckets": [
            {"identity": f"{id_} there", "tokens": 0, "refilled_at": NOON, "closed_until": at(known.closed_until)}
            for id_, known in accounts.items()
        ],
        "prices": [
            {"tenant": TENANT, "channel": leg, "valid_from": NOON, "price": 1} for leg in ("alimtalk", "sms", "lms")
        ],
        "credit_accounts": [{"tenant": TENANT, "balance": 1_000, "held": 0}],
        "messages": [
            {
                "tenant": TENANT,
                "id": id_,
                "customer": "c-1",
                "template": "hello",
                "template_version": 1,
                "variables": {},
                "route": route,
                "deadlines": [deadline] * len(route),
                "channel": route[0],
                "status": "queued",
                **dict.fromkeys(("due_at", "created_at", "updated_at"), NOON - 100 * SECOND),
                "expires_at": NOON + dt.timedelta(hours=1),
            }
            for id_ in MANY
        ],
    }


async def claim(scratch: Scratch, accounts: Mapping[str, Known], messages: list[UUID], **how: Any) -> dict[str, Any]:
    """Claim messages. Gives by account how many leave, how many of these on trial, and when the others come back."""
    tables = rows_of(accounts, how.get("route", ["alimtalk"]), how.get("deadline", 1_000))
    ticket = SendTicket(id=UUID(int=9), tenant=TENANT, messages=tuple(messages), tried=how.get("tried"))
    async with scratch.holding(**tables) as connection:
        claimed = await decide_claims(
            connection,
            [ticket],
            {TENANT: how.get("first", LOW)},
            topic=SEND_REQUESTS,
            now=NOON,
            lease_until=NOON + dt.timedelta(minutes=1),
        )
        back = await rows(connection, "select body, publish_at from outbox")
        trials = await rows(
            connection, "select identity, trial_until from account_health where trial_until > %(now)s", now=NOON
        )
    found: dict[str, Any] = {}
    for row in claimed:
        found[row.account] = found.get(row.account, 0) + 1
        if row.obstacle:
            found["obstacle"] = row.obstacle
    if on_trial := sum(row.on_trial for row in claimed):
        found["on trial"] = on_trial
        assert [trial["trial_until"] for trial in trials] in ([], [NOON + TRIAL_FOR])
    for ticket_again in back:
        found["back"] = (len(ticket_again["body"]["messages"]), ticket_again["publish_at"] - NOON)
        if "tried" in ticket_again["body"]:
            found["tried"] = ticket_again["body"]["tried"]
    return found


CASES: dict[str, tuple[Mapping[str, Known], list[UUID], dict[str, Any], dict[str, Any]]] = {
    "the lot decides": ({"a": WELL, "b": WELL}, FEW, {"first": HIGH}, {"b": 1}),
    "one that was tried stands back": ({"a": WELL, "b": WELL}, FEW, {"first": HIGH, "tried": "b"}, {"a": 1}),
    "one that was tried and is alone is tried again": ({"a": WELL}, FEW, {"tried": "a"}, {"a": 1}),
    "one that wants a pause stands back": ({"a": WELL, "b": PAUSED}, FEW, {"first": HIGH}, {"a": 1}),
    "one that is open stands back": ({"a": OPEN, "b": WELL}, MANY, {}, {"b": len(MANY)}),
    "one that is open stands back for one that was tried": ({"a": OPEN, "b": WELL}, FEW, {"tried": "b"}, {"b": 1}),
    "while all are open all wait for the first that may be tried": (
        {"a": OPEN, "b": Known(open_until=300)},
        MANY,
        {"tried": "b"},
        {"back": (len(MANY), 40 * SECOND), "tried": "b"},
    ),
    "the first few try one that is half-open": (
        {"a": HALF_OPEN, "b": WELL},
        MANY,
        {},
        {"a": TRIAL_MESSAGES, "b": 2, "on trial": TRIAL_MESSAGES},
    ),
    "and where there is no other the rest waits": (
        {"a": HALF_OPEN},
        MANY,
        {},
        {"a": TRIAL_MESSAGES, "on trial": TRIAL_MESSAGES, "back": (2, FAILING_RECHECK)},
    ),
    "one that somebody tries stands back": ({"a": ON_TRIAL, "b": WELL}, FEW, {}, {"b": 1}),
    "one that somebody tries is waited for": ({"a": ON_TRIAL}, FEW, {}, {"back": (1, FAILING_RECHECK)}),
    "seldom is one tried that is half-open": ({"a": HALF_OPEN, "b": WELL}, FEW, {"first": HIGH}, {"b": 1}),
    "a route with another channel waits until its deadline": (
        {"a": OPEN},
        FEW,
        {"route": ["alimtalk", "sms"], "deadline": 110},
        {"back": (1, 10 * SECOND)},
    ),
    "and then goes on": (
        {"a": OPEN},
        FEW,
        {"route": ["alimtalk", "sms"], "deadline": 100},
        {"a": 1, "obstacle": "accounts_failing"},
    ),
    "one without another channel waits on": ({"a": OPEN}, FEW, {"deadline": 100}, {"back": (1, 40 * SECOND)}),
}


@pytest.mark.parametrize("case", CASES)
async def test_what_leaves_by_which_account_when_one_does_not_work(scratch: Scratch, case: str) -> None:
    accounts, messages, how, expected = CASES[case]
    assert await claim(scratch, accounts, messages, **how) == expected
