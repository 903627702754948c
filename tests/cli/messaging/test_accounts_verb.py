"""`allim accounts`: accounts at providers, added and listed."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest

from shared.platform.crypto import Keys
from shared.platform.settings import read_keys
from shared.tenants.accounts import context_of
from tests.cli.conftest import Run
from tests.databases import Migrated
from tests.world import World

KEY = base64.b64encode(bytes(32)).decode()
NHN = {"app_key": "APP-1", "secret_key": "VERY-SECRET", "webhook_secret": "HOOK"}


@pytest.fixture
def cloud(database: Migrated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Migrated:
    """A database as in the cloud: the environment names it."""
    monkeypatch.setenv("ALLIM_HOME", str(tmp_path / "nothing-is-up-here"))
    monkeypatch.setenv("DATABASE_URL", database.url)
    monkeypatch.setenv("ALLIM_ENCRYPTION_KEY", KEY)
    return database


@pytest.fixture
async def tenant(cloud: Migrated, world: World) -> str:
    return await world.tenant(account=False)


async def add(run: Run, tenant: str, *more: object, given: Any = NHN, provider: str = "nhn") -> Any:
    text = given if isinstance(given, str) else json.dumps(given)
    arguments = ("accounts", "add", tenant, "--provider", provider, "--sender", "0212345678", "--credentials", "-")
    return await asyncio.to_thread(run, *arguments, *more, given=text)


async def test_an_account_is_added_sealed_and_is_what_is_sent_by(run: Run, tenant: str, world: World) -> None:
    done = await add(run, tenant, "--json")
    assert json.loads(done.stdout) == {
        "tenant": tenant,
        "account": "main",
        "provider": "nhn",
        "changed": True,
        "webhook": f"<provider_webhook_address>/nhn/{tenant}/main",
    }
    [row] = world.rows("select provider, active, credentials from provider_accounts where tenant = %s", tenant)
    assert (row["provider"], row["active"]) == ("nhn", True)
    assert Keys(read_keys(KEY)).unseal(row["credentials"], context=context_of(tenant, "main")) == NHN
    assert json.loads((await add(run, tenant, "--json")).stdout)["changed"] is False
    other = {"api_key": "K", "api_secret": "S"}
    assert (await add(run, tenant, "--id", "second", "--json", given=other, provider="solapi")).exit_code == 0
    listed = json.loads((await asyncio.to_thread(run, "accounts", "list", tenant, "--json")).stdout)
    assert [(each["id"], each["provider"], each["active"]) for each in listed] == [
        ("second", "solapi", True),
        ("main", "nhn", False),
    ]
    shown = (await asyncio.to_thread(run, "accounts", "list", tenant)).stdout
    assert "nhn" in shown
    assert not any(secret in shown + done.stdout for secret in NHN.values())


async def test_what_opens_it_is_asked_for_and_not_shown(run: Run, tenant: str) -> None:
    arguments = ("accounts", "add", tenant, "--provider", "nhn", "--sender", "0212345678")
    done = await asyncio.to_thread(run, *arguments, given="APP-1\nSECRET-1\n\n")
    assert done.exit_code == 0, done.output
    assert "SECRET-1" not in done.output
    assert "webhook is" not in done.output


@pytest.mark.parametrize("service", ["service_id", "kakao_service_id"])
async def test_a_project_at_sens_has_one_service_or_both(run: Run, tenant: str, world: World, service: str) -> None:
    given = {"access_key": "A", "secret_key": "S", service: "ncp:1"}
    assert (await add(run, tenant, given=given, provider="sens")).exit_code == 0
    [row] = world.rows("select credentials from provider_accounts where tenant = %s", tenant)
    assert Keys(read_keys(KEY)).unseal(row["credentials"], context=context_of(tenant, "main")) == given
    arguments = ("accounts", "add", tenant, "--provider", "sens", "--sender", "0212345678", "--id", "asked")
    answers = "\n".join(["A", "S", *(given.get(name, "") for name in ("service_id", "kakao_service_id")), "", ""])
    asked = await asyncio.to_thread(run, *arguments, given=answers)
    assert asked.exit_code == 0, asked.output
    [row] = world.rows("select credentials from provider_accounts where tenant = %s and id = 'asked'", tenant)
    assert Keys(read_keys(KEY)).unseal(row["credentials"], context=context_of(tenant, "asked")) == given


@pytest.mark.parametrize(
    ("given", "provider", "code"),
    [
        (NHN, "pigeon", "unknown_provider"),
        ({"app_key": "A"}, "nhn", "missing_credential"),
        ({**NHN, "api_key": "K"}, "nhn", "unknown_credential"),
        (NHN, "solapi", "missing_credential"),
        ("[1]", "nhn", "bad_credentials"),
        ("VERY-SECRET", "nhn", "bad_credentials"),
        ({"access_key": "A", "secret_key": "VERY-SECRET"}, "sens", "missing_credential"),
    ],
    ids=["provider", "missing", "of another", "another provider's", "a list", "no JSON", "no service"],
)
async def test_what_is_wrong_is_said_without_what_is_secret(
    run: Run, tenant: str, given: Any, provider: str, code: str
) -> None:
    done = await add(run, tenant, given=given, provider=provider)
    assert done.exit_code == 1
    assert code in done.output
    assert "VERY-SECRET" not in done.output


async def test_a_tenant_that_is_none_and_a_sender_that_is_none_are_refused(run: Run, tenant: str) -> None:
    assert (await add(run, "nobody")).exit_code == 1
    done = await add(run, tenant, "--sender", "02-123")
    assert done.exit_code == 1
