"""A shop that sends by every provider, while the one it sends most by is away for a while."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg
from google.cloud import pubsub_v1
from psycopg.rows import DictRow, dict_row

from local.stack import Stack
from shared.platform.clock import WallClock
from shared.platform.ids import new_id
from shared.platform.pubsub import SUBSCRIPTION_EVENTS

TENANT, AWAY = "shop", "solapi"
ORDERS_A_PHASE = 40
PATIENCE_SECONDS = 120.0
LOOK_EVERY_SECONDS = 0.25
PUBLISH_SECONDS = 30.0
PHASES = ("before", "during the outage", "after")

DEVICE = "fDemoShop:APA91b{:0130d}"

OPEN = """
select count(*) filter (where status < 'expired') as open, count(*) as made from messages where tenant = %(tenant)s
"""
ENDS = """
select variables ->> '주문번호' as "order", template, channel, provider, status::text, reason from messages
where tenant = %(tenant)s
"""


@dataclass(frozen=True)
class Failover:
    """What came of it.

    orders: how many, of each phase.
    accepted: of each phase, what the providers really took, by provider and type.
    doubled: orders of which a provider took the same kind of message twice.
    lost: those whose messages did not arrive, with what became of them.
    """

    orders: Mapping[str, int]
    accepted: Mapping[str, Counter[str]] = field(default_factory=dict)
    doubled: Sequence[str] = ()
    lost: Sequence[str] = ()

    @property
    def good(self) -> bool:
        """Everybody was told once, and while the provider was away by others."""
        away = self.accepted.get(PHASES[1], Counter())
        by_it = sum(number for kind, number in away.items() if kind.startswith(f"{AWAY} "))
        return not self.doubled and not self.lost and by_it == 0 and away.total() > 0


def play(stack: Stack, tell: Callable[[str], None]) -> Failover:
    """Let customers order before, during and after an outage, and look at what came of it.

    Args:
        stack: a running one, with the examples in it.
        tell: is called with what is going on.

    Raises:
        TimeoutError: messages had no end for two minutes.
    """
    os.environ["PUBSUB_EMULATOR_HOST"] = stack.pubsub_emulator_host  # Google's client knows it by this name alone
    client = pubsub_v1.PublisherClient()
    topic = client.topic_path(stack.project, SUBSCRIPTION_EVENTS)
    orders: dict[str, str] = {}
    accepted: dict[str, Counter[str]] = {}
    seen: list[dict[str, Any]] = []
    with httpx.Client(base_url=stack.simulator_url, timeout=10, trust_env=False) as control:
        for phase in PHASES:
            tell(f"{phase}: {ORDERS_A_PHASE} orders are paid and sent on their way")
            with _away(control) if phase == PHASES[1] else _as_ever():
                numbers = range(len(orders), len(orders) + ORDERS_A_PHASE)
                futures = [client.publish(topic, body) for number in numbers for body in _events(number)]
                orders |= {f"order-{number}": phase for number in numbers}
                for future in futures:
                    future.result(PUBLISH_SECONDS)
                _wait_for_ends(stack, len(orders))
                entries = control.get("/control/accepted").raise_for_status().json()["accepted"]
            new, seen = entries[len(seen) :], entries
            accepted[phase] = Counter(f"{entry['provider']} {entry['type']}" for entry in new)
    return Failover(
        orders=Counter(orders.values()),
        accepted=accepted,
        doubled=_doubled(orders, seen),
        lost=_lost(stack, orders),
    )


MESSAGES_AN_ORDER = 4
"""An AlimTalk or a text that it was paid, a receipt, a push that it was sent, and the inbox that it came."""


def _events(number: int) -> Iterator[bytes]:
    """An order is paid, sent and delivered."""
    order, now = f"order-{number}", WallClock().now()
    customer = {
        "id": f"demo-{number}",
        "name": "김하늘",
        "phone": f"010-{9_200 + number}-4000",
        "email": f"demo-{number}@example.com",
        "devices": [DEVICE.format(number)],
    }
    told: dict[str, dict[str, object]] = {
        "order.paid": {"item": "시집 한 권", "amount": 12_000},
        "order.shipped": {"carrier": "마음택배", "tracking": f"{number:012d}"},
        "order.delivered": {},
    }
    for kind, data in told.items():
        event = {
            "specversion": "1.0",
            "id": str(new_id(now)),
            "source": "//shop.example/orders",
            "type": kind,
            "time": now.isoformat(),
            "tenant": TENANT,
            "data": {"customer": customer, "order_id": order, **data},
        }
        yield json.dumps(event).encode()


@contextmanager
def _away(control: httpx.Client) -> Iterator[None]:
    control.put("/control/faults", json={"provider": AWAY, "outage": True}).raise_for_status()
    yield
    control.put("/control/faults", json={"provider": AWAY}).raise_for_status()


@contextmanager
def _as_ever() -> Iterator[None]:
    yield


def _wait_for_ends(stack: Stack, orders: int) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        [row] = _rows(stack, OPEN)
        if row["open"] == 0 and row["made"] >= orders * MESSAGES_AN_ORDER:
            return
        time.sleep(LOOK_EVERY_SECONDS)
    raise TimeoutError(f"{row['open']} of {row['made']} messages had no end for two minutes")


def _doubled(orders: Mapping[str, str], entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """The orders of which something was taken twice: a call that failed is made by another provider, a kind is not."""
    words = {"SMS": "text", "LMS": "text", "EMAIL": "e-mail"}
    kinds = Counter(
        (order, words.get(str(entry["type"]).upper(), "KakaoTalk or push"), str(entry["text"])[:20])
        for entry in entries
        for order in orders
        if f"{order} " in f"{entry['text']} ".replace("\n", " ")
    )
    return sorted({order for (order, _, _), number in kinds.items() if number > 1})


def _lost(stack: Stack, orders: Mapping[str, str]) -> list[str]:
    arrived: Counter[str] = Counter()
    lost = []
    for row in _rows(stack, ENDS):
        if row["status"] in ("delivered", "read"):
            arrived[row["order"]] += 1
        else:
            lost.append(f"{row['order']}: {row['template']} {row['status']} ({row['reason']})")
    return lost + [f"{order}: {arrived[order]} of 4 messages" for order in orders if arrived[order] < 4]


def _rows(stack: Stack, statement: str) -> list[DictRow]:
    with psycopg.connect(stack.database_url, row_factory=dict_row) as connection:
        return connection.execute(statement.encode(), {"tenant": TENANT}).fetchall()
