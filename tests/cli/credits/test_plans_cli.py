"""`allim plans`, as a person and as a program."""

import asyncio
import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from shared.credits.payments.payments import Payments
from shared.credits.topups.automatic import AutomaticTopUps
from shared.platform.clock import WallClock
from shared.platform.database import Database as Pool
from shared.providers.toss import Toss
from simulator.testing import simulator_thread
from tests.credits.paying import PURPOSES
from tests.databases import Migrated
from tests.simulator.toss.shop import Shop
from tests.tls import NO_TLS
from tests.world import KEY, KEYS


@pytest.fixture(scope="module")
def simulator_url() -> Iterator[str]:
    with simulator_thread() as url:
        yield url


@pytest.fixture(autouse=True)
def _toss(monkeypatch: pytest.MonkeyPatch, simulator_url: str) -> None:
    monkeypatch.setenv("TOSS_URL", simulator_url)
    monkeypatch.setenv("TOSS_SECRET_KEY", "test_sk_plans")
    monkeypatch.setenv("ALLIM_ENCRYPTION_KEY", base64.b64encode(KEY).decode())


@pytest.fixture
def tenant(tenant: str, module_database: Migrated, simulator_url: str) -> str:
    """A tenant with a card."""

    async def register() -> None:
        async with httpx.AsyncClient(base_url=simulator_url, verify=NO_TLS) as http:
            shop = Shop(http, secret_key="test_sk_plans")
            await shop.change()
            card = await shop.control("card", customerKey=f"tenant_{tenant}")
            database, toss = Pool(module_database.url, pool_size=1), Toss(simulator_url, shop.secret_key, http)
            cards = AutomaticTopUps(database, toss, Payments(database, toss, WallClock(), PURPOSES), KEYS, WallClock())
            await cards.register_card(tenant, card["authKey"])
            await database.close()

    asyncio.run(register())
    return tenant


def run(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, ["plans", *arguments], input=answer)


def told(*arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_plans_and_what_they_cost_are_listed() -> None:
    assert [(plan["name"], plan["fee"]) for plan in told("list")] == [("FREE", 0), ("BASIC", 29_000), ("PRO", 99_000)]
    assert "99,000" in run("list").stdout


def test_a_person_sees_the_price_and_may_refuse_it(tenant: str) -> None:
    refused = run("change", "--tenant", tenant, "--to", "basic", answer="n\n")
    assert "29,000 won" in refused.stdout
    assert refused.exit_code == 1
    assert told("show", "--tenant", tenant)["plan"] == "FREE"
    agreed = run("change", "--tenant", tenant, "--to", "basic", answer="y\n")
    assert agreed.exit_code == 0, agreed.output
    shown = told("show", "--tenant", tenant)
    assert shown["plan"] == "BASIC"
    assert [(row["reason"], row["amount"]) for row in shown["history"]] == [("subscribed", 29_000)]
    assert "subscribed" in run("show", "--tenant", tenant).stdout


def test_a_program_asks_for_a_quote_and_gets_what_it_says(tenant: str) -> None:
    change = ("change", "--tenant", tenant, "--to", "PRO")
    assert "--yes" in run(*change, "--json").stderr
    assert told(*change, "--yes")["charge"] == 99_000
    quoted = told("quote", "--tenant", tenant, "--cancel")
    assert not quoted["done"]
    assert quoted["refund"] == 99_000
    [part] = quoted["parts"]
    assert (part["refund"], part["messages_left"], part["messages"]) == (99_000, 1_000_000, 1_000_000)
    shown = run("quote", "--tenant", tenant, "--cancel").stdout
    assert "1 99,000 all: within 7 days 1,000,000 of 1,000,000 99,000" in " ".join(shown.split())
    done = told("cancel", "--tenant", tenant, "--yes")
    assert done == {**quoted, "done": True}
    assert "nothing to change" in run("cancel", "--tenant", tenant).stdout


def test_an_upgrade_says_how_its_price_comes_about(tenant: str) -> None:
    told("change", "--tenant", tenant, "--to", "BASIC", "--yes")
    quoted = told("quote", "--tenant", tenant, "--to", "PRO")
    assert quoted["charge"] == 70_000
    days = f"{quoted['days_left']} of {quoted['days']} days"
    assert f"70,000 won = (99,000 - 29,000) x {days}" in run("quote", "--tenant", tenant, "--to", "PRO").stdout


def test_a_plan_can_be_kept_to_the_end_of_what_is_paid(tenant: str) -> None:
    told("change", "--tenant", tenant, "--to", "PRO", "--yes")
    done = told("cancel", "--tenant", tenant, "--at-end", "--yes")
    assert (done["action"], done["refund"]) == ("schedule", 0)
    assert told("show", "--tenant", tenant)["next_plan"] == "FREE"


def test_what_can_not_be_done_is_one_line_in_both_languages() -> None:
    result = run("quote", "--tenant", "nobody", "--to", "PRO")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: unknown_tenant: there is no tenant nobody; `allim tenants list`")
    assert run("quote", "--tenant", "nobody").exit_code == 2


def test_without_tosss_key_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOSS_SECRET_KEY")
    assert "set TOSS_SECRET_KEY" in run("quote", "--tenant", "x", "--to", "PRO").stderr


def test_the_operator_gives_a_plan_without_a_card_and_its_history_says_why(module_database: Migrated) -> None:
    with psycopg.connect(module_database.url) as connection:
        connection.execute("insert into tenants (id, name) values ('cardless', 'C')")
    done = run("grant", "--tenant", "cardless", "--plan", "pro", "--why", "세금계산서 발행, 이체")
    assert (done.exit_code, done.stdout) == (0, "cardless has PRO, granted, until it is changed\n")
    shown = run("show", "--tenant", "cardless").stdout
    assert re.search(r"^paid +granted, until it is changed$", shown, re.MULTILINE)
    assert re.search(r"granted +FREE +PRO +세금계산서 발행, 이체$", shown, re.MULTILINE)
    told = json.loads(run("show", "--tenant", "cardless", "--json").stdout)
    assert (told["granted"], told["granted_until"], told["quota"]["allowed"]) == (True, None, 1_000_000)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--plan", "GOLD", "--why", "x"), "unknown_plan"),
        (("--plan", "PRO", "--why", " "), "bad_why"),
        (("--plan", "PRO", "--why", "x", "--until", "2020-01-01"), "bad_until"),
        (("--plan", "PRO", "--why", "x", "--until", "soon"), "bad_until"),
    ],
)
def test_a_grant_that_makes_no_sense_is_refused(tenant: str, arguments: tuple[str, ...], said: str) -> None:
    refused = run("grant", "--tenant", tenant, *arguments)
    assert (refused.exit_code, said in refused.output) == (1, True)
