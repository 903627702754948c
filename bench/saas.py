"""What the bench tells of: customers of the example tenant `saas`, whose signup sends a welcome AlimTalk."""

import datetime as dt
import json
from typing import Any

import psycopg

from local.stack import Stack
from shared.platform.clock import WallClock
from shared.platform.ids import new_id

TENANT = "saas"
TEMPLATE = "welcome"
EVENT_TYPE = "subscription.signup"
CREDIT = 1_000_000_000
"""Won."""

SOURCE = "//bench.example/billing"

_FIRST_ORDINARY_ENDING = 5_000
"""The simulator decides the fate of a number by its last four digits; from here on all are delivered."""


def customer(number: int) -> dict[str, Any]:
    """The customer with that number; each has a telephone number of their own on which everything is delivered."""
    prefix, ending = divmod(number, 10_000 - _FIRST_ORDINARY_ENDING)
    return {
        "id": f"bench-{number}",
        "name": "홍길동",
        "phone": f"010-{prefix:04d}-{_FIRST_ORDINARY_ENDING + ending:04d}",
        "email": f"bench-{number}@example.com",
        "company": "길동상회",
        "status": "active",
        "plan": "premium",
        "locale": "ko",
        "attributes": {},
    }


def event(event_id: str, number: int, at: dt.datetime) -> bytes:
    """The signup of that customer, as the data of a Pub/Sub message. `at`: aware."""
    return json.dumps(
        {
            "specversion": "1.0",
            "id": event_id,
            "source": SOURCE,
            "type": EVENT_TYPE,
            "time": at.isoformat(),
            "tenant": TENANT,
            "data": {"customer": customer(number), "campaign": "autumn", "seats": 3},
        },
        ensure_ascii=False,
    ).encode()


def give_credit(stack: Stack, tenant: str = TENANT) -> None:
    """Credit enough for every message that is held at once, at the dearest price of its route."""
    now = WallClock().now()
    with psycopg.connect(stack.database_url) as connection:
        connection.execute(
            "insert into ledger_entries (tenant, id, kind, balance_change, key, reference, created_at)"
            " values (%s, %s, 'topup', %s, 'bench', 'bench', %s)",
            [tenant, new_id(now), CREDIT, now],
        )
