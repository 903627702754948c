"""`allim credits`, as a person and as a program."""

import asyncio
import csv
import io
import json
import re
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from shared.credits.ledger.audit import prove_and_audit
from tests.credits.ledger_world import LedgerWorld, said
from tests.databases import Migrated


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["credits", *arguments])


def told(*arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_top_up_counts_once_for_its_reference(tenant: str) -> None:
    asked = ("topup", "--tenant", tenant, "--amount", "50000", "--reference", "transfer 17")
    assert told(*asked) == {"tenant": tenant, "amount": 50_000, "added": True, "available": 50_000}
    assert told(*asked) == {"tenant": tenant, "amount": 50_000, "added": False, "available": 50_000}
    again = run(*asked)
    assert "50,000 won were added before, with the same reference" in again.stdout
    [entry] = told("ledger", "--tenant", tenant)
    assert (entry["kind"], entry["balance_change"], entry["reference"]) == ("topup", 50_000, "transfer 17")


def test_a_reference_of_another_amount_is_refused(tenant: str) -> None:
    assert told("topup", "--tenant", tenant, "--amount", "100", "--reference", "r")["added"]
    result = run("topup", "--tenant", tenant, "--amount", "200", "--reference", "r")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: reference_used: 'r' was used before, for 100 won (")
    assert told("balance", "--tenant", tenant)[0]["balance"] == 100


@pytest.mark.parametrize("amount", ["-5", "0", "1.5", "1000000001", "1e99", "nan", "1,00", "", "천원", "٣", "1_000"])
def test_an_amount_that_is_not_whole_won_is_refused_in_both_languages(tenant: str, amount: str) -> None:
    result = run("topup", "--tenant", tenant, "--amount", amount, "--reference", "r")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: bad_amount: {amount}")
    assert "금액은 1원 이상" in result.stderr
    assert "Traceback" not in result.output
    assert told("balance", "--tenant", tenant)[0]["balance"] == 0


@pytest.mark.parametrize("amount", ["100,000", "10만", "１００，０００원"])
def test_an_amount_is_taken_as_people_write_it(tenant: str, amount: str) -> None:
    assert told("topup", "--tenant", tenant, "--amount", amount, "--reference", "r")["amount"] == 100_000
    assert "100,000 won available" in run("topup", "--tenant", tenant, "--amount", amount, "--reference", "r").stdout


@pytest.mark.parametrize("reference", ["", "   ", "x" * 101, "a\x00b"])
def test_a_reference_must_name_something(tenant: str, reference: str) -> None:
    result = run("topup", "--tenant", tenant, "--amount", "5", "--reference", reference)
    assert (result.exit_code, result.stderr[:22]) == (1, "error: bad_reference: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ("balance", "--tenant", "nobody"),
        ("ledger", "--tenant", "nobody"),
        ("statement", "--tenant", "nobody"),
        ("topup", "--tenant", "nobody", "--amount", "5", "--reference", "r"),
    ],
)
def test_an_unknown_tenant_is_one_clear_line(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stderr.split(":")[1]) == (1, " unknown_tenant")


@pytest.mark.parametrize("month", ["2026-13", "26-01", "2026-1", "january", "2026-01-01"])
def test_a_month_is_written_with_its_year(tenant: str, month: str) -> None:
    result = run("statement", "--tenant", tenant, "--month", month)
    assert (result.exit_code, result.stderr[:17]) == (1, "error: bad_month:")


def test_balances_of_all_tenants_are_listed(tenant: str) -> None:
    assert tenant in [row["tenant"] for row in told("balance")]
    assert f"{tenant}" in run("balance").stdout


async def test_a_statement_is_a_table_json_and_csv_that_agree(world: LedgerWorld) -> None:
    tenant = await world.add_tenant("charged", credit=1_000)
    claimed = await world.claim(await world.queue(tenant, 3))
    await world.report(tenant, *(said(message.id, "delivered") for message in claimed[:2]))
    asked = ("statement", "--tenant", tenant, "--month", "2026-01")
    found = await asyncio.to_thread(told, *asked)
    assert (found["opening"], found["topups"], found["charged"], found["closing"]) == (0, 1_000, 40, 960)
    assert found["charges"] == [{"channel": "sms", "messages": 2, "won": 40, "cost": 36, "margin": 4}]
    assert found["usage"] == [
        {"day": "2026-01-31", "channel": "sms", "workflow": "reminders", "messages": 2, "won": 40, "cost": 36}
    ]
    written = await asyncio.to_thread(run, *asked, "--csv")
    lines = list(csv.DictReader(io.StringIO(written.stdout.removeprefix("\ufeff"))))
    assert [(line["구분"], line["금액(원)"], line["잔액(원)"]) for line in lines] == [
        ("이월 잔액", "", "0.00"),
        ("충전", "1000.00", "1000.00"),
        ("발송", "-40.00", "960.00"),
        ("마감 잔액", "", "960.00"),
    ]
    table = (await asyncio.to_thread(run, *asked)).stdout
    assert "+1,000" in table
    assert re.search(r"^sms +2 +-40 +36 +4 *$", table, re.MULTILINE)
    assert "960" in table


async def test_an_audit_is_clean_until_somebody_tampers(database: Migrated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database.url)
    world = LedgerWorld(database)
    tenant = await world.add_tenant("audited", credit=1_000)
    claimed = await world.claim(await world.queue(tenant, 2))
    await world.report(tenant, said(claimed[0].id, "delivered"))
    found = await asyncio.to_thread(told, "audit")
    assert (found["difference"], found["overdrafts"], found["accounts"], found["captured"]) == (0, 0, 1, 1)
    world.rows("update credit_accounts set balance = balance + 7 where tenant = 'audited'")
    result = await asyncio.to_thread(run, "audit", "--json")
    assert (result.exit_code, json.loads(result.stdout)["difference"]) == (1, 7)
    await world.close()


async def test_an_audit_of_one_tenant_tells_of_that_one_alone(
    database: Migrated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database.url)
    world = LedgerWorld(database)
    await world.add_tenant("sound", credit=500)
    await world.add_tenant("audited", credit=1_000)
    await world.claim(await world.queue("audited", 2))
    world.rows("update messages set hold = gen_random_uuid(), held = 0")
    await world.close()
    found = await asyncio.to_thread(told, "audit", "--tenant", "sound")
    assert (found["accounts"], found["balance"], found["untraced"]) == (1, 500, 0)
    result = await asyncio.to_thread(run, "audit", "--tenant", "audited", "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["accounts"], found["balance"], found["untraced"]) == (1, 1, 1_000, 2)
    assert "the books do NOT agree" in (await asyncio.to_thread(run, "audit")).stdout
    unknown = await asyncio.to_thread(run, "audit", "--tenant", "nobody")
    assert (unknown.exit_code, unknown.stderr[:22]) == (1, "error: unknown_tenant:")


async def test_a_full_audit_names_the_months_whose_proofs_say_something_else(
    database: Migrated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database.url)
    world = LedgerWorld(database)
    await world.add_tenant("audited", credit=1_000)
    with psycopg.connect(database.url) as owner:
        owner.execute("select months.close(months.start_of(until) + interval '7 days') from partitions")
    await prove_and_audit(world.owner, world.clock)
    for asked in ([], ["--full"]):
        assert (await asyncio.to_thread(told, "audit", *asked))["disproved_months"] == []
    world.rows("update month_figures set entries = entries + 1, missing = 1 returning tenant")
    await world.close()
    result = await asyncio.to_thread(run, "audit", "--full", "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["missing"], found["disproved"]) == (1, 0, 1)
    assert found["disproved_months"] == ["ledger_entries_past"]
    shown = (await asyncio.to_thread(run, "audit", "--full")).stdout
    assert "the proof of ledger_entries_past says something else than what is there" in shown


@pytest.mark.parametrize("verb", ["balance", "ledger", "topup", "statement", "audit"])
def test_the_help_of_each_verb_has_examples(verb: str) -> None:
    assert f"$ allim credits {verb}" in run(verb, "--help").stdout


def test_help_names_every_verb_and_no_database_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(verb in run("--help").stdout for verb in ("balance", "ledger", "topup", "statement", "audit"))
    monkeypatch.delenv("DATABASE_URL")
    result = run("audit")
    assert (result.exit_code, result.stderr[:19]) == (1, "error: no_database:")
