"""How accounts at providers are, for people and for programs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from shared.messages.dispatch.health.rules import FULL, LEAST, Breaker, Health, breaker, percentile_ms, risen
from shared.messages.dispatch.health.standing_store import Standing

SHARE = 0.95


def told(account: Standing, now: dt.datetime) -> Mapping[str, Any]:
    """An account as `allim providers --json` tells of it. Moments are ISO 8601, shares 0 to 1, times milliseconds."""
    health = account.health or Health()
    state = breaker(health, now)
    pause = account.closed_until if account.closed_until and account.closed_until > now else None
    return {
        "provider": account.provider,
        "account": account.id,
        "tenant": account.tenant,
        "tenants": list(account.tenants),
        "channels": list(account.carries),
        "breaker": state,
        "since": health.opened_at,
        "until": health.open_until if state is Breaker.OPEN else None,
        "paused": account.paused,
        "weight": account.weight,
        "effective_weight": account.weight * _share(health, state, now) / FULL,
        "calls": health.calls,
        "error_rate": round(health.error_rate, 4),
        "p95_ms": percentile_ms(health.all_latencies, SHARE),
        "paused_until": pause,
        "last_error": account.error,
        "last_error_at": account.error_at,
    }


def _share(health: Health, state: Breaker, now: dt.datetime) -> int:
    """Hundredths of its weight by which an account is sent now; half-open, those of the few that try it."""
    if state is Breaker.CLOSED:
        return risen(health, now)
    return LEAST if state is Breaker.HALF_OPEN else 0
