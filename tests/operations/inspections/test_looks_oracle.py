"""Which accounts' templates are looked at now, against the rule in Python."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from shared.operations.inspections.looks_store import FIRST, LONGEST, decide_looks
from tests.clock import NOON
from tests.scratch import INSTANT, Scratch, mostly, rows, waits

TENANTS = ("cafe", "shop", "yoga")
LIMIT = 10


class Account(NamedTuple):
    """A tenant's account: its provider, whether it has a channel, when it is due, and how often it was tried."""

    tenant: str
    provider: str
    has_channel: bool
    look_at: dt.datetime | None
    tries: int


@st.composite
def accounts(draw: st.DrawFn) -> list[Account]:
    return [
        Account(
            tenant,
            draw(mostly("solapi", "sens", times=3)),
            draw(st.booleans()),
            draw(st.sampled_from([None, NOON - dt.timedelta(hours=1), NOON, NOON + INSTANT])),
            draw(st.integers(0, 12)),
        )
        for tenant in TENANTS
    ]


def due(known: Sequence[Account], without: Sequence[str]) -> dict[str, dt.datetime]:
    """By tenant of those that are looked at: when they are due again, should nothing come of it."""
    found = {}
    for account in known:
        if account.provider != "solapi" or account.tenant in without:
            continue
        if account.look_at is None and account.has_channel:
            found[account.tenant] = NOON + FIRST
        elif account.look_at is not None and account.look_at <= NOON:
            found[account.tenant] = NOON + waits(FIRST, LONGEST, min(account.tries, 10))
    return found


def _rows_of(known: Sequence[Account]) -> dict[str, list[dict[str, Any]]]:
    return {
        "tenants": [{"id": tenant, "name": tenant, "revision": 1} for tenant in TENANTS],
        "provider_accounts": [
            {
                "tenant": account.tenant,
                "id": "main",
                "provider": account.provider,
                "sender": "0212345678",
                "kakao_channel": "pf" if account.has_channel else None,
                "credentials": b"",
                "active": True,
                "created_at": NOON,
            }
            for account in known
        ],
        "template_looks": [
            {
                "tenant": account.tenant,
                "account": "main",
                "look_at": account.look_at,
                "tries": account.tries,
                "codes": "{KA1}",
            }
            for account in known
            if account.look_at is not None
        ],
    }


@given(accounts(), st.sampled_from([(), ("cafe",), ("cafe", "shop")]))
async def test_an_account_is_looked_at_when_its_time_has_come_or_nobody_ever_looked(
    scratch: Scratch, known: list[Account], without: tuple[str, ...]
) -> None:
    expected = due(known, without)
    async with scratch.holding(**_rows_of(known)) as connection:
        taken = await decide_looks(connection, ["solapi"], now=NOON, limit=LIMIT, without=without)
        again = await decide_looks(connection, ["solapi"], now=NOON, limit=LIMIT, without=without)
        kept = await rows(connection, "select tenant, look_at from template_looks")
    looked = {account.tenant: account.look_at is not None for account in known}
    assert {each.tenant: list(each.codes) for each in taken} == {
        tenant: ["KA1"] if looked[tenant] else [] for tenant in expected
    }
    assert again == []
    assert {row["tenant"]: row["look_at"] for row in kept if row["tenant"] in expected} == expected
