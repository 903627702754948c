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
        ("main", "nhn", True),
        ("second", "solapi", True),
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


async def _told(run: Run, *arguments: object) -> Any:
    """What a verb tells a program."""
    done = await asyncio.to_thread(run, *arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


async def test_an_account_has_terms_and_is_paused_and_resumed(run: Run, tenant: str) -> None:
    held = ("--certificate", "전송-1", "--certificate-until", "2999-12-31")
    done = await add(run, tenant, "--channel", "sms", "--weight", "30", *held, "--json")
    assert done.exit_code == 0, done.output
    [account] = await _told(run, "accounts", "list", tenant)
    assert {name: account[name] for name in ("carries", "weight", "certificate_number", "certificate_until")} == {
        "carries": ["sms"],
        "weight": 30,
        "certificate_number": "전송-1",
        "certificate_until": "2999-12-31",
    }
    paused = await _told(run, "accounts", "pause", tenant, "main", "--why", "slow")
    assert paused == {"tenant": tenant, "account": "main", "state": "paused"}
    [account] = await _told(run, "accounts", "list", tenant)
    assert account["paused_why"] == "slow"
    shown = (await asyncio.to_thread(run, "accounts", "list", tenant)).stdout
    assert "paused: slow" in shown
    assert (await _told(run, "accounts", "resume", tenant, "main"))["state"] == "resumed"
    again = await asyncio.to_thread(run, "accounts", "resume", tenant, "main")
    assert (again.exit_code, "not_paused" in again.output) == (1, True)


async def test_an_account_is_lent_and_taken_back(run: Run, tenant: str, world: World) -> None:
    await add(run, tenant)
    site = await world.tenant(account=False)
    lend = ("accounts", "lend", "main", "--owner", tenant, "--to", site, "--sender", "0312345678")
    assert await _told(run, *lend) == {"tenant": site, "account": "main", "lent_by": tenant, "changed": True}
    assert (await _told(run, *lend))["changed"] is False
    listed = {account["tenant"]: account for account in await _told(run, "accounts", "list")}
    assert (listed[tenant]["lent_to"], listed[site]["lent_by"]) == ([site], tenant)
    assert [number["number"] for number in await _told(run, "senders", "list", site)] == ["0312345678"]
    told = await _told(run, "accounts", "unlend", "main", "--owner", tenant, "--to", site)
    assert told == {"tenant": site, "accounts": ["main"], "lent_by": tenant}
    [account] = await _told(run, "accounts", "list", site)
    assert account["active"] is False


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (("--certificate", "1", "--certificate-until", "2020-12-31"), "certificate_expired"),
        (("--certificate", "1"), "bad_certificate"),
        (("--weight", "101"), "bad_weight"),
        (("--channel", "alimtalk"), "channel_not_carried"),
    ],
    ids=["over", "without end", "too heavy", "not carried"],
)
async def test_terms_that_can_not_be_are_refused_before_anything_is_asked(
    run: Run, tenant: str, more: tuple[str, ...], code: str
) -> None:
    done = await asyncio.to_thread(run, "accounts", "add", tenant, "--provider", "nhn", "--sender", "0212345678", *more)
    assert done.exit_code == 1
    assert code in done.output
    assert await _told(run, "accounts", "list", tenant) == []


async def test_the_file_of_a_service_account_opens_firebase_and_no_number_is_asked_for(
    run: Run, tenant: str, world: World
) -> None:
    opens = {"project_id": "my-app", "client_email": "sdk@my-app.iam.gserviceaccount.com", "private_key": "KEY"}
    file = {"type": "service_account", "private_key_id": "1", "token_uri": "https://elsewhere.example/token", **opens}
    arguments = ("accounts", "add", tenant, "--id", "push", "--provider", "fcm", "--credentials", "-", "--json")
    done = await asyncio.to_thread(run, *arguments, given=json.dumps(file))
    assert json.loads(done.stdout)["webhook"] is None
    [row] = world.rows("select provider, sender, credentials from provider_accounts where tenant = %s", tenant)
    assert (row["provider"], row["sender"]) == ("fcm", "")
    assert Keys(read_keys(KEY)).unseal(row["credentials"], context=context_of(tenant, "push")) == opens
