"""SQL of accounts' health: calls are counted, what follows is written down. Rules are in `rules.py`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

from shared.messages.dispatch.health.rules import Health
from shared.platform.database import Connection, fetch_all
from shared.tenants.store import bucket_of


class Tally(NamedTuple):
    """Calls by an account that nobody has counted yet.

    tenant, account: one that sends by it.
    latencies: as of `Health`.
    failures: how many of them failed.
    in_a_row: failures at their end; `went_well`: some call before these did.
    error: what the newest failure said.
    """

    tenant: str
    account: str
    latencies: Sequence[int]
    failures: int
    in_a_row: int
    went_well: bool
    error: str | None


def deciding_counts() -> str:
    """Count calls and decide of which minutes the counts are, as a part of another statement that has the parameters of
    `counted`, or as one of its own. What an instance counts whose clock is behind is taken for the newest minute's."""
    both = "(select array_agg(a + b order by at) from unnest({}, {}) with ordinality as s (a, b, at))"
    return f"""
  insert into account_health as h (identity, minute, latencies, failures, in_a_row, error, error_at)
  select {bucket_of("p")}, %(health_minute)s::timestamptz, %(health_latencies)s::int[], %(health_failures)s::int,
    %(health_in_a_row)s::int, %(health_error)s::text, case when %(health_error)s::text is not null then %(now)s end
  from provider_accounts p where p.tenant = %(health_tenant)s and p.id = %(health_account)s
  on conflict (identity) do update
  set minute = greatest(h.minute, excluded.minute),
      latencies = case
        when excluded.minute > h.minute then excluded.latencies else {both.format("h.latencies", "excluded.latencies")}
      end,
      failures = excluded.failures + case when excluded.minute > h.minute then 0 else h.failures end,
      latencies_before = case
        when excluded.minute > h.minute + interval '1 minute' then '{{}}'
        when excluded.minute > h.minute then h.latencies else h.latencies_before end,
      failures_before = case
        when excluded.minute > h.minute + interval '1 minute' then 0
        when excluded.minute > h.minute then h.failures else h.failures_before end,
      in_a_row = excluded.in_a_row + case when %(health_went_well)s then 0 else h.in_a_row end,
      error = coalesce(excluded.error, h.error), error_at = coalesce(excluded.error_at, h.error_at)"""


def counted(tally: Tally, now: dt.datetime) -> dict[str, Any]:
    """The parameters of `deciding_counts`."""
    return {
        "health_tenant": tally.tenant,
        "health_account": tally.account,
        "health_minute": now.replace(second=0, microsecond=0),
        "health_latencies": list(tally.latencies),
        "health_failures": tally.failures,
        "health_in_a_row": tally.in_a_row,
        "health_went_well": tally.went_well,
        "health_error": tally.error,
        "now": now,
    }


HEALTH = ", ".join(("identity", "version", *Health.__slots__))
COUNT = f"{deciding_counts()}\nreturning {HEALTH}"


class Known(NamedTuple):
    """An account's health as it was read. `identity`: which account at its provider; `version`: of what was decided."""

    identity: str
    version: int
    health: Health


async def count(connection: Connection, tally: Tally, now: dt.datetime) -> Known | None:
    """Count calls. Gives what is known then; None where the account is gone."""
    rows = await fetch_all(connection, COUNT, counted(tally, now))
    return known(rows[0]) if rows else None


READ = f"select {HEALTH} from account_health where identity = %(identity)s"


async def read(connection: Connection, identity: str) -> Known | None:
    """What is known of an account; None when nothing is."""
    rows = await fetch_all(connection, READ, {"identity": identity})
    return known(rows[0]) if rows else None


FOLLOW = """
update account_health
set latencies = %(latencies)s, failures = %(failures)s, latencies_before = %(latencies_before)s,
    failures_before = %(failures_before)s, in_a_row = %(in_a_row)s, weight = %(weight)s, moved_at = %(moved_at)s,
    opens = %(opens)s, opened_at = %(opened_at)s, open_until = %(open_until)s, trial_until = %(trial_until)s,
    version = version + 1
where identity = %(identity)s and version = %(version)s
returning identity
"""


async def follow(connection: Connection, was: Known, health: Health) -> bool:
    """Write down what follows for an account. False: somebody else was faster, and it was not written."""
    parameters = {name: getattr(health, name) for name in Health.__slots__}
    parameters |= {name: list(parameters[name]) for name in ("latencies", "latencies_before")}
    return bool(await fetch_all(connection, FOLLOW, {**parameters, "identity": was.identity, "version": was.version}))


def known(row: dict[str, Any]) -> Known:
    """Of a row with the columns of `HEALTH`."""
    fields = {name: row[name] for name in Health.__slots__}
    return Known(row["identity"], row["version"], Health(**fields))
