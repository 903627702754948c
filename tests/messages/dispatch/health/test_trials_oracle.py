"""How much an account is sent by (`deciding_weight`) and who tries one that was failing (`deciding_trials`), against
the rules in Python."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from shared.messages.dispatch.choice.weight_store import TRIAL_FOR, deciding_trials, deciding_weight, trials
from shared.messages.dispatch.health.rules import FULL, LEAST, RISE, Breaker, Health, breaker, risen
from tests.clock import NOON
from tests.scratch import INSTANT, Row, Scratch, rows

SECOND = dt.timedelta(seconds=1)
moments = st.sampled_from((NOON - 3 * RISE, NOON - RISE, NOON - RISE + INSTANT, NOON, NOON + SECOND))

healths = st.builds(
    Health,
    weight=st.sampled_from((FULL, 90, 55, LEAST)),
    moved_at=st.none() | moments,
    opened_at=st.none() | st.just(NOON - 10 * SECOND),
    open_until=moments,
    trial_until=st.none() | moments,
)

WEIGHTS = f"""
select a.weight as given, {deciding_weight("a", "h")} as effective
from (select identity, 40 as weight from unnest(array['known', 'unknown']) as i (identity)) a
left join account_health h using (identity) order by a.identity
"""  # noqa: S608 - parts of statements
TRIALS = f"""
with ready as (
  select * from jsonb_to_recordset(%(ready)s) as r (tenant text, id int, bucket text, on_trial boolean)
),
{deciding_trials("ready")}
select id, identity, trial_until from off_trial full join (
  select identity, %(now)s + %(trial_for)s as trial_until from tried_now
) t on false
"""  # noqa: S608 - parts of statements


def health_row(identity: str, health: Health) -> Row:
    return {
        "identity": identity,
        "minute": NOON,
        "latencies": "{}",
        "failures": 0,
        "weight": health.weight,
        "moved_at": health.moved_at,
        "opened_at": health.opened_at,
        "open_until": health.open_until if health.opened_at else None,
        "trial_until": health.trial_until,
    }


@given(healths)
async def test_an_account_weighs_what_its_health_leaves_of_it(scratch: Scratch, health: Health) -> None:
    async with scratch.holding(account_health=[health_row("known", health)]) as connection:
        known, unknown = await rows(connection, WEIGHTS, now=NOON)
    share = LEAST if health.opened_at else risen(health, NOON)
    assert float(known["effective"]) == known["given"] * share / FULL
    assert unknown["effective"] == unknown["given"]


def may_try(health: Health) -> bool:
    open_until = health if health.opened_at else Health()
    free = health.trial_until is None or health.trial_until <= NOON
    return breaker(open_until, NOON) is Breaker.HALF_OPEN and free


wanting = st.lists(
    st.tuples(st.sampled_from(("cafe", "shop")), st.sampled_from("ab"), st.booleans()), min_size=1, max_size=8
)


@given(st.fixed_dictionaries({"a": healths, "b": healths}), wanting)
async def test_one_tenant_of_one_claim_tries_an_account(
    scratch: Scratch, accounts: dict[str, Health], wanting: Sequence[tuple[str, str, bool]]
) -> None:
    ready: list[dict[str, Any]] = [
        {"tenant": tenant, "id": at, "bucket": bucket, "on_trial": on_trial}
        for at, (tenant, bucket, on_trial) in enumerate(wanting)
    ]
    first = {
        bucket: min(each["tenant"] for each in ready if each["bucket"] == bucket and each["on_trial"])
        for bucket in {each["bucket"] for each in ready if each["on_trial"]}
    }
    tried_now = {bucket for bucket in first if may_try(accounts[bucket])}
    off = {
        each["id"]
        for each in ready
        if each["on_trial"] and not (each["bucket"] in tried_now and each["tenant"] == first[each["bucket"]])
    }
    parameters = {**trials(), "now": NOON, "ready": Jsonb(ready)}
    held = [health_row(identity, health) for identity, health in accounts.items()]
    async with scratch.holding(account_health=held) as connection:
        found = await rows(connection, TRIALS, **parameters)
        again = await rows(connection, TRIALS, **parameters)
        kept = await rows(connection, "select identity, trial_until from account_health")
    assert {row["id"] for row in found} - {None} == off
    assert {row["identity"] for row in found} - {None} == tried_now
    assert {row["id"] for row in again} - {None} == {each["id"] for each in ready if each["on_trial"]}
    expected = {
        identity: NOON + TRIAL_FOR if identity in tried_now else health.trial_until
        for identity, health in accounts.items()
    }
    assert {row["identity"]: row["trial_until"] for row in kept} == expected
