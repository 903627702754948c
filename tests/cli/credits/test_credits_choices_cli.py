"""`allim credits` price, settings, automatic and payments, as a person and as a program."""

import asyncio
import datetime as dt
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from shared.credits.errors import CreditError
from shared.credits.payments.cards import save_billing_key
from shared.credits.payments.store import insert_order, update_order
from shared.credits.prices.prices import begins_at
from shared.credits.topups.store import record_outcome
from shared.platform.clock import SEOUL
from shared.platform.database import Database as Pool
from tests.clock import SettableClock, instead_of_the_wall_clock
from tests.credits.ledger_world import LedgerWorld, said
from tests.databases import Migrated

NOW = dt.datetime(2026, 1, 31, 14, 59, tzinfo=dt.UTC)
"""A minute before midnight in Seoul, at the end of a month."""
SOON = (NOW.astimezone(SEOUL) + dt.timedelta(days=2)).date()
YESTERDAY = (NOW.astimezone(SEOUL) - dt.timedelta(days=1)).date()
TOPPED_UP = ("--threshold", "20000", "--amount", "100000", "--daily-cap", "300000")


@pytest.fixture(autouse=True)
def clock() -> Iterator[SettableClock]:
    """The time of every verb."""
    clock = SettableClock(NOW)
    with instead_of_the_wall_clock(clock):
        yield clock


@pytest.fixture
def with_card(tenant: str, module_database: Migrated) -> str:
    async def save() -> None:
        database = Pool(module_database.url, pool_size=1)
        async with database.transaction() as connection:
            await save_billing_key(connection, tenant, f"tenant_{tenant}", b"sealed", NOW)
        await database.close()

    asyncio.run(save())
    return tenant


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["credits", *arguments])


def told(*arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(*arguments: str) -> str:
    """The code of the one line that refuses."""
    result = run(*arguments)
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    return result.stderr.split(":")[1].strip()


def prices_of(tenant: str, channel: str) -> list[tuple[float, str]]:
    listed = told("price", "--tenant", tenant)
    return [(row["won"], row["state"]) for row in listed if row["channel"] == channel]


def test_a_new_tenant_has_the_default_prices_from_the_beginning(tenant: str) -> None:
    listed = {row["channel"]: row for row in told("price", "--tenant", tenant)}
    assert listed["sms"] == {"channel": "sms", "won": 20, "valid_from": None, "state": "current"}
    assert "the beginning" in run("price", "--tenant", tenant).stdout


def test_a_price_holds_from_now_or_from_a_coming_day_in_seoul(tenant: str) -> None:
    told("price", "--tenant", tenant, "--channel", "sms", "--won", "18.5")
    assert prices_of(tenant, "sms") == [(18.5, "current")]
    told("price", "--tenant", tenant, "--channel", "sms", "--won", "30", "--from", str(SOON))
    told("price", "--tenant", tenant, "--channel", "sms", "--won", "19", "--from", str(SOON))
    assert prices_of(tenant, "sms") == [(18.5, "current"), (19, "coming")]
    [coming] = [row for row in told("price", "--tenant", tenant) if row["state"] == "coming"]
    assert dt.datetime.fromisoformat(coming["valid_from"]) == dt.datetime.combine(SOON, dt.time(), SEOUL)
    assert f"{SOON} 00:00" in run("price", "--tenant", tenant).stdout


def test_a_price_of_today_begins_now_so_that_nothing_that_was_charged_changes() -> None:
    assert begins_at("2026-01-31", NOW) == begins_at(None, NOW) == NOW
    assert begins_at("2026-02-01", NOW) == dt.datetime(2026, 2, 1, tzinfo=SEOUL)
    with pytest.raises(CreditError, match="past_day"):
        begins_at("2026-01-30", NOW)


def test_a_price_of_a_day_that_is_over_is_refused(tenant: str) -> None:
    assert (
        refused("price", "--tenant", tenant, "--channel", "sms", "--won", "1", "--from", str(YESTERDAY)) == "past_day"
    )
    assert prices_of(tenant, "sms") == [(20, "current")]


@pytest.mark.parametrize("amount", ["-1", "-0", "0.001", "18.555", "1000000.01", "1e99", "nan", "1,00", "", "٣", "1_0"])
def test_a_price_that_is_no_amount_is_refused_in_both_languages(tenant: str, amount: str) -> None:
    result = run("price", "--tenant", tenant, "--channel", "sms", "--won", amount)
    assert (result.exit_code, result.stderr[:17]) == (1, "error: bad_price:")
    assert "단가는 0원 이상" in result.stderr
    assert prices_of(tenant, "sms") == [(20, "current")]


@pytest.mark.parametrize("day", ["tomorrow", "2026-13-01", "01.12.2026", "2026-12", ""])
def test_a_day_is_written_with_its_year_and_month(tenant: str, day: str) -> None:
    assert refused("price", "--tenant", tenant, "--channel", "sms", "--won", "1", "--from", day) == "bad_day"


def test_a_channel_that_there_is_not_is_refused_with_those_that_there_are(tenant: str) -> None:
    result = run("price", "--tenant", tenant, "--channel", "pigeon", "--won", "1")
    assert result.exit_code == 1
    assert "unknown_channel: there is no channel 'pigeon': choose one of alimtalk, " in result.stderr
    assert run("price", "--tenant", tenant, "--channel", "sms").exit_code == 2
    assert run("price", "--tenant", tenant, "--from", str(SOON)).exit_code == 2


async def test_a_message_is_charged_at_the_price_that_was_set(module_database: Migrated) -> None:
    world = LedgerWorld(module_database)
    tenant = await world.add_tenant("charged", credit=1_000)
    await asyncio.to_thread(told, "price", "--tenant", tenant, "--channel", "sms", "--won", "18.5")
    world.clock.advance(60)
    [claimed] = await world.claim(await world.queue(tenant, 1))
    await world.report(tenant, said(claimed.id, "delivered"))
    assert str((world.message(tenant, claimed.id))["price"]) == "18.50"
    await world.close()


def test_settings_are_shown_and_changed_one_by_one(tenant: str) -> None:
    assert told("settings", "--tenant", tenant) == {"tenant": tenant, "low_balance": 10_000, "wait_for_credit": False}
    told("settings", "--tenant", tenant, "--low-balance", "50000")
    told("settings", "--tenant", tenant, "--wait-for-credit")
    assert told("settings", "--tenant", tenant) == {"tenant": tenant, "low_balance": 50_000, "wait_for_credit": True}
    changed = told("settings", "--tenant", tenant, "--low-balance", "0", "--fail-without-credit")
    assert (changed["low_balance"], changed["wait_for_credit"]) == (0, False)
    table = run("settings", "--tenant", tenant).stdout
    assert "messages fail" in table
    assert "0 won" in table


@pytest.mark.parametrize("amount", ["-1", "1.5", "1000000001", "many"])
def test_a_low_balance_that_is_not_whole_won_is_refused(tenant: str, amount: str) -> None:
    result = run("settings", "--tenant", tenant, "--low-balance", amount)
    assert (result.exit_code, result.stderr[:18]) == (1, "error: bad_amount:")
    assert "from 0 to" in result.stderr
    assert told("settings", "--tenant", tenant)["low_balance"] == 10_000


def test_an_automatic_top_up_needs_a_card_and_says_how_one_is_registered(tenant: str) -> None:
    result = run("automatic", "--tenant", tenant, *TOPPED_UP)
    assert (result.exit_code, result.stderr[:15]) == (1, "error: no_card:")
    assert f"customer key tenant_{tenant}" in result.stderr
    assert "카드를 등록" in result.stderr
    state = told("automatic", "--tenant", tenant)
    assert (state["enabled"], state["card"], state["amount"]) == (False, False, None)


def test_an_automatic_top_up_is_set_shown_and_ended(with_card: str) -> None:
    set_ = told("automatic", "--tenant", with_card, *TOPPED_UP)
    assert set_ == {
        "tenant": with_card,
        "enabled": True,
        "card": True,
        "threshold": 20_000,
        "amount": 100_000,
        "daily_cap": 300_000,
        "failures": 0,
        "next_try_at": None,
        "charged_today": 0,
    }
    assert told("automatic", "--tenant", with_card) == set_
    assert "0 of 300,000 won" in run("automatic", "--tenant", with_card).stdout
    assert told("automatic", "--tenant", with_card, "--off") == set_ | {"enabled": False}


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--threshold", "-1", "--amount", "5", "--daily-cap", "5"), "bad_amount"),
        (("--threshold", "0", "--amount", "0", "--daily-cap", "5"), "bad_amount"),
        (("--threshold", "0", "--amount", "5", "--daily-cap", "5.5"), "bad_amount"),
        (("--threshold", "0", "--amount", "6", "--daily-cap", "5"), "cap_below_amount"),
    ],
)
def test_amounts_that_can_not_be_charged_are_refused(with_card: str, options: tuple[str, ...], code: str) -> None:
    assert refused("automatic", "--tenant", with_card, *options) == code
    assert told("automatic", "--tenant", with_card)["enabled"] is False


def test_the_three_amounts_belong_together_and_off_stands_alone(with_card: str) -> None:
    assert run("automatic", "--tenant", with_card, "--threshold", "5").exit_code == 2
    assert run("automatic", "--tenant", with_card, *TOPPED_UP, "--off").exit_code == 2


def test_setting_it_again_lets_a_card_that_was_refused_be_charged_again(
    with_card: str, module_database: Migrated
) -> None:
    told("automatic", "--tenant", with_card, *TOPPED_UP)
    _charged(module_database, with_card, failures=5, enabled=False)
    left_alone = told("automatic", "--tenant", with_card)
    assert (left_alone["enabled"], left_alone["failures"]) == (False, 5)
    assert left_alone["next_try_at"] is not None
    again = told("automatic", "--tenant", with_card, *TOPPED_UP)
    assert (again["enabled"], again["failures"], again["next_try_at"]) == (True, 0, None)


def test_a_charge_that_was_under_way_does_not_undo_the_end(with_card: str, module_database: Migrated) -> None:
    told("automatic", "--tenant", with_card, *TOPPED_UP)
    told("automatic", "--tenant", with_card, "--off")
    _charged(module_database, with_card, failures=0, enabled=True)
    assert told("automatic", "--tenant", with_card)["enabled"] is False


def test_payments_are_listed_newest_first_and_tell_no_secrets(tenant: str, module_database: Migrated) -> None:
    async def pay() -> None:
        database = Pool(module_database.url, pool_size=1)
        async with database.transaction() as connection:
            for number, purpose in enumerate(["topup", "automatic_topup"]):
                at = NOW + dt.timedelta(minutes=number)
                order = await insert_order(
                    connection, tenant, f"{tenant}_{number}", Decimal(10_000), purpose, "created", at
                )
                assert order is not None
                await update_order(
                    connection,
                    order,
                    at,
                    status="partly_cancelled",
                    payment_key="the-key",
                    method="카드",
                    deposit_secret="the-secret",
                    cancelled=Decimal(3_000),
                )
        await database.close()

    asyncio.run(pay())
    listed = told("payments", "--tenant", tenant)
    assert [row["order"] for row in listed] == [f"{tenant}_1", f"{tenant}_0"]
    assert listed[0] == {
        "order": f"{tenant}_1",
        "amount": 10_000,
        "status": "partly_cancelled",
        "purpose": "automatic_topup",
        "method": "카드",
        "cancelled": 3_000,
        "failure_code": None,
        "created_at": "2026-01-31T15:00:00+00:00",
    }
    table = run("payments", "--tenant", tenant, "--limit", "1").stdout
    assert "partly cancelled" in table
    assert "02-01 00:00:00" in table
    assert f"{tenant}_0" not in table
    assert "the-" not in table + json.dumps(listed)


@pytest.mark.parametrize(
    "arguments",
    [
        ("price",),
        ("price", "--channel", "sms", "--won", "5"),
        ("settings",),
        ("settings", "--low-balance", "5"),
        ("automatic",),
        ("automatic", *TOPPED_UP),
        ("automatic", "--off"),
        ("payments",),
    ],
)
def test_an_unknown_tenant_is_one_clear_line(arguments: tuple[str, ...]) -> None:
    verb, *options = arguments
    assert refused(verb, "--tenant", "nobody", *options) == "unknown_tenant"


@pytest.mark.parametrize("verb", ["price", "settings", "automatic", "payments"])
def test_the_help_of_each_verb_has_examples(verb: str) -> None:
    assert f"$ allim credits {verb}" in run(verb, "--help").stdout
    assert verb in run("--help").stdout


def _charged(database: Migrated, tenant: str, *, failures: int, enabled: bool) -> None:
    """Let a charge come to its end."""

    async def record() -> None:
        pool = Pool(database.url, pool_size=1)
        async with pool.transaction() as connection:
            later = NOW + dt.timedelta(hours=1)
            await record_outcome(connection, tenant, failures=failures, next_try_at=later, enabled=enabled)
        await pool.close()

    asyncio.run(record())
