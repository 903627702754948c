"""What also comes in on a topic that anybody's program may publish to, and how each must end."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from local.demo.stories import Garbage

COPIES = 4
"""Of each kind."""

TOO_MUCH = 300_000


def garbage(start: dt.datetime) -> list[Garbage]:
    """Some of every kind of malformed event.

    Args:
        start: when the demo begins.
    """
    return [one for copy in range(COPIES) for one in _one_of_each(start, copy)]


def _one_of_each(start: dt.datetime, copy: int) -> list[Garbage]:
    now = start.isoformat()
    spoilt: list[tuple[str, dict[str, Any]]] = [
        ("schema_violation", {"specversion": "0.3"}),
        ("schema_violation", {"time": "2026-11-21T10:00:00"}),
        ("schema_violation", {"data": {}}),
        ("schema_violation", {"id": None}),
        ("unknown_tenant", {"tenant": "nobody"}),
        ("future_time", {"time": (start + dt.timedelta(days=2)).isoformat()}),
        ("too_large", {"subject": None, "data": {"customer": {"id": "x"}, "memo": "가" * TOO_MUCH}}),
        ("bad_anchor", {"tenant": "childcare", "type": "appointment.scheduled"}),
    ]
    made = []
    for number, (reason, change) in enumerate(spoilt):
        marker = f"garbage-{copy}-{number}-{reason}"
        event = {
            "specversion": "1.0",
            "id": marker,
            "source": f"//demo.example/{marker}",
            "type": "subscription.signup",
            "time": now,
            "tenant": "saas",
            "data": {
                "customer": {"id": marker, "name": "오류", "status": "active"},
                "appointment_id": marker,
                "kind": "pickup",
                "starts_at": "내일 오후 다섯 시",
            },
        }
        body = json.dumps(event | change, ensure_ascii=False).encode()
        made.append(Garbage(marker, reason, body, is_kept=reason == "bad_anchor"))
    marker = f"garbage-{copy}-not-json"
    made.append(Garbage(marker, "not_json", f"{marker}: 주문 완료".encode()))
    return made
