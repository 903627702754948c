"""Which accounts are asked for reports now, against the rule in Python."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.messages.reports.poll_store import DuePoll, decide_polls
from tests.clock import NOON
from tests.scratch import INSTANT, Scratch, mostly, rows

MINUTE = dt.timedelta(minutes=1)
PACE = {"nhn": MINUTE, "sens": 2 * MINUTE}
TENANTS = ("cafe", "shop", "yoga")
LIMIT = 10
POLLS = "select identity, polled_until, poll_at from account_polls order by identity"


class Account(NamedTuple):
    """An account of a tenant, with the moments at which what was sent by it and has no end was made."""

    tenant: str
    provider: str
    identity: str | None
    sent: Sequence[dt.datetime]
    ended: Sequence[dt.datetime]

    @property
    def name(self) -> str:
        return self.identity or f"{self.tenant}/main"


Polls = Mapping[str, tuple[dt.datetime, dt.datetime]]
"""By account at the provider: until when it was asked, and when it is asked next."""

moments = st.sampled_from([NOON - hours * 60 * MINUTE for hours in (1, 2, 30)])
polls = st.dictionaries(
    st.sampled_from(["one", "other", "cafe/main", "shop/main"]),
    st.tuples(moments, st.sampled_from([NOON - MINUTE, NOON, NOON + INSTANT, NOON + MINUTE])),
)


@st.composite
def accounts(draw: st.DrawFn) -> list[Account]:
    return [
        Account(
            tenant,
            draw(mostly("nhn", "sens", "solapi", times=3)),
            draw(st.sampled_from(["one", "other", None])),
            draw(st.lists(moments, max_size=2)),
            draw(st.lists(moments, max_size=1)),
        )
        for tenant in TENANTS
    ]


def due(known: Sequence[Account], asked: Polls, without: Sequence[str]) -> list[DuePoll]:
    """Of each account at a provider the first tenant that waits for something of it, unless it was asked just now."""
    found: dict[str, list[Account]] = {}
    for account in sorted(known):
        if account.provider in PACE and account.sent and account.tenant not in without:
            found.setdefault(account.name, []).append(account)
    result = []
    for name, waiting in sorted(found.items()):
        polled_until, poll_at = asked.get(name, (None, NOON))
        if poll_at <= NOON:
            oldest = min(moment for account in waiting for moment in account.sent)
            first = waiting[0]
            result.append(DuePoll(first.tenant, "main", 1, name, max(polled_until or oldest, oldest)))
    return result


def _rows_of(known: Sequence[Account], asked: Polls) -> dict[str, list[dict[str, Any]]]:
    dispatches = [
        {
            "tenant": account.tenant,
            "id": UUID(int=index * 100 + number),
            "provider": account.provider,
            "account": "main",
            "messages": "{00000000-0000-0000-0000-000000000001}",
            "state": state,
            "lease_until": NOON,
            "check_at": NOON,
            "created_at": moment,
            "updated_at": moment,
            "topic": "send-requests",
            "checks": 0,
            "takes": 0,
        }
        for index, account in enumerate(known)
        for number, (state, moment) in enumerate(
            [*(("sent", each) for each in account.sent), *(("closed", each) for each in account.ended)]
        )
    ]
    return {
        "tenants": [{"id": tenant, "name": tenant, "revision": 1} for tenant in TENANTS],
        "provider_accounts": [
            {
                "tenant": account.tenant,
                "id": "main",
                "provider": account.provider,
                "sender": "0212345678",
                "credentials": b"",
                "identity": account.identity,
                "active": True,
                "created_at": NOON,
            }
            for account in known
        ],
        "dispatches": dispatches,
        "account_polls": [
            {"identity": name, "polled_until": until, "poll_at": at} for name, (until, at) in asked.items()
        ],
    }


@given(accounts(), polls, st.sampled_from([(), ("cafe",), ("cafe", "shop")]))
async def test_each_account_is_asked_once_for_all_who_send_by_it_and_no_faster_than_its_pace(
    scratch: Scratch, known: list[Account], asked: Polls, without: tuple[str, ...]
) -> None:
    expected = due(known, asked, without)
    of = {account.name: account.provider for account in sorted(known, reverse=True) if account.tenant not in without}
    async with scratch.holding(**_rows_of(known, asked)) as connection:
        taken = await decide_polls(connection, PACE, now=NOON, limit=LIMIT, without=without)
        again = await decide_polls(connection, PACE, now=NOON, limit=LIMIT, without=without)
        after = {row["identity"]: row["poll_at"] for row in await rows(connection, POLLS)}
    assert sorted(taken) == sorted(expected)
    assert again == []
    for each in expected:
        provider = next(account.provider for account in known if account.tenant == each.tenant)
        assert after[each.identity] == NOON + PACE[provider], of
