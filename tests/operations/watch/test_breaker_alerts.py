"""Who is told of accounts by which nothing is sent because they failed."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator

import pytest

from shared.operations.health.checks import State, checks
from shared.operations.health.reading import read_figures
from shared.operations.watch.alerts import PLATFORM, alerts
from shared.providers import ProviderAccount
from shared.tenants.accounts import register_account
from tests.clock import NOON
from tests.world import KEYS, World

OPENED = NOON - dt.timedelta(minutes=3)


@pytest.fixture
async def school(world: World) -> AsyncIterator[str]:
    """A tenant that sends by an account of its own at SOLAPI and by one at NHN Cloud, which another tenant sends by,
    too. Nobody else of this world sends."""
    world.rows("update provider_accounts set active = false")
    school, other = await world.tenant(), await world.tenant(account=False)
    async with world.owner.transaction() as connection:
        for tenant in (school, other):
            shared = ProviderAccount(tenant, "shared", "nhn", "021234567", None, {"app_key": "A", "secret_key": "S"})
            await register_account(connection, KEYS, shared, now=NOON)
    yield school
    world.rows("delete from account_health")
    world.rows("update provider_accounts set active = false where tenant = any(%s)", [school, other])


def fail(world: World, tenant: str, account: str) -> None:
    world.rows(
        "insert into account_health (identity, minute, latencies, failures, opened_at, open_until, error)"
        " select identity, %s, '{}', 5, %s, %s, '503: away' from provider_accounts where tenant = %s and id = %s",
        NOON,
        OPENED,
        NOON,
        tenant,
        account,
    )


async def found(world: World) -> tuple[State, set[tuple[str, str, str]]]:
    """The state of the check, and the alerts of breakers: whose, of which kind, and what they say."""
    figures = await read_figures(world.as_role("allim_watch"), world.clock)
    looked = checks(figures)
    [state] = [check.state for check in looked if check.name == "breakers"]
    fired = alerts(looked, figures)
    kinds = ("breaker-open", "no-account-works")
    return state, {(alert.tenant, alert.kind, alert.detail) for alert in fired if alert.kind in kinds}


async def test_while_all_accounts_work_nobody_is_told(world: World, school: str) -> None:
    assert await found(world) == (State.OK, set())


async def test_whose_account_failed_is_told_and_by_another_its_messages_leave(world: World, school: str) -> None:
    fail(world, school, "main")
    state, fired = await found(world)
    assert state is State.WARN
    assert fired == {
        (school, "breaker-open", f"solapi account main of {school}: 503: away"),
        (school, "no-account-works", "every account that carries alimtalk, brand has failed"),
    }


async def test_an_account_of_several_is_told_of_once_and_to_nobody_of_them(world: World, school: str) -> None:
    fail(world, school, "shared")
    _, fired = await found(world)
    [(whose, kind, detail)] = [alert for alert in fired if alert[1] == "breaker-open"]
    assert (whose, kind) == (PLATFORM, "breaker-open")
    assert f"nhn account shared of {school}: 503: away" in detail
    assert school not in {tenant for tenant, kind, _ in fired if kind == "no-account-works"}
