"""Saving templates, workflows, accounts, customers and groups: new versions only where something differs."""

import datetime as dt
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from local.examples.changes import Changes
from local.examples.files import EXAMPLES as FOLDER
from local.examples.files import Example, Reading, read_example, read_examples
from local.examples.loading import LONG_AGO, write_example
from shared.contracts.alimtalk import Approval
from shared.customers.filing import Filed, file_customers
from shared.customers.store import decide_newest_words, save_groups
from shared.customers.words import Telling
from shared.platform.crypto import Keys
from shared.platform.database import Connection, Database
from shared.templates.store import save_templates
from shared.templates.template import TemplateContent
from shared.tenants.accounts import AccountBusy, register_account
from shared.tenants.store import save_tenant, send_by, sending_account
from shared.tenants.terms import Terms, TermsError
from shared.workflows.catalog import load_catalogs
from shared.workflows.definition import WorkflowDefinition
from shared.workflows.store import save_workflows
from tests.clock import NOON
from tests.databases import Migrated
from tests.templates.pictures import jpeg

KEYS = Keys([bytes(range(32))])
EXAMPLES = read_examples()
WORDS = {"variables": {"이름": "customer.name"}, "sms": {"text": "#{이름}님, 안녕하세요"}}
RULE: dict[str, Any] = {"name": "greet", "on": "subscription.signup", "steps": [{"send": "hello"}]}


@pytest.fixture
async def pool(database: Migrated) -> AsyncIterator[Database]:
    pool = Database(database.url, pool_size=1)
    yield pool
    await pool.close()


@pytest.fixture
async def connection(pool: Database) -> AsyncIterator[Connection]:
    """A transaction of the owner, with one tenant in it."""
    async with pool.transaction() as connection:
        await save_tenant(connection, "shop", "가게", now=NOON)
        yield connection


async def save_template(connection: Connection, content: TemplateContent, approval: Approval) -> int | None:
    """Gives the number of the version that it made, if it made one."""
    return (await save_templates(connection, "shop", {"hello": (content, approval)}, now=NOON)).get("hello")


async def save_workflow(connection: Connection, definition: WorkflowDefinition) -> int | None:
    """The same of a workflow."""
    return (await save_workflows(connection, "shop", [definition], now=NOON)).get(definition.name)


async def _everything(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    tables = (
        "tenants",
        "provider_accounts",
        "templates",
        "template_versions",
        "workflows",
        "workflow_versions",
        "customers",
        "groups",
        "group_members",
    )
    return {
        table: await (await connection.execute(f"select * from {table} as t order by t::text")).fetchall()  # noqa: S608
        for table in tables
    }


async def _revision(connection: Connection) -> int:
    row = await (await connection.execute("select revision from tenants where id = 'shop'")).fetchone()
    assert row is not None
    return int(row["revision"])


async def test_loading_the_examples_twice_changes_nothing(pool: Database) -> None:
    for example in EXAMPLES:
        await _write(pool, example)
    before = await _everything_in(pool)
    for example in EXAMPLES:
        assert (await _write(pool, example)).nothing
    assert await _everything_in(pool) == before
    assert len(before["workflows"]) == sum(len(example.workflows) for example in EXAMPLES)


async def _write(pool: Database, example: Example) -> Changes:
    return await write_example(pool, KEYS, example, credit=Decimal(1000), customers_changed_at=LONG_AGO, now=NOON)


async def _everything_in(pool: Database) -> dict[str, list[dict[str, Any]]]:
    async with pool.connection() as connection:
        return await _everything(connection)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.tenant.id)
async def test_what_is_read_back_is_what_the_files_say(pool: Database, example: Example) -> None:
    await _write(pool, example)
    async with pool.connection() as connection:
        catalog = (await load_catalogs(connection, [example.tenant.id]))[example.tenant.id]
    assert {name: template.content for name, template in catalog.templates.items()} == {
        template.name: template.content for template in example.templates
    }
    listening = {v.definition.name: v.definition for versions in catalog.listening.values() for v in versions}
    assert listening == {workflow.name: workflow for workflow in example.workflows}


async def test_other_words_make_a_new_version_and_the_old_one_stays(connection: Connection) -> None:
    content = TemplateContent.model_validate(WORDS)
    assert await save_template(connection, content, "approved") == 1
    assert await save_template(connection, content, "approved") is None
    other = TemplateContent.model_validate({**WORDS, "sms": {"text": "#{이름}님, 반갑습니다"}})
    assert await save_template(connection, other, "draft") == 2
    rows = await (
        await connection.execute(
            "select version, content #>> '{sms,text}' as words, approval, active_version from template_versions"
            " join templates using (tenant, name) order by version"
        )
    ).fetchall()
    assert [tuple(row.values()) for row in rows] == [
        (1, "#{이름}님, 안녕하세요", "approved", 2),
        (2, "#{이름}님, 반갑습니다", "draft", 2),
    ]


async def test_a_new_verdict_on_the_same_words_makes_no_version_but_is_a_change_to_the_tenant(
    connection: Connection,
) -> None:
    content = TemplateContent.model_validate(WORDS)
    await save_template(connection, content, "submitted")
    before = await _revision(connection)
    assert await save_template(connection, content, "approved") is None
    assert await _revision(connection) > before
    row = await (await connection.execute("select approval from template_versions")).fetchone()
    assert row == {"approval": "approved"}


async def test_another_rule_makes_a_new_version_and_a_workflow_switched_off_stays_off(connection: Connection) -> None:
    assert await save_workflow(connection, WorkflowDefinition.model_validate(RULE)) == 1
    await connection.execute("update workflows set active = false")
    before = await _revision(connection)
    assert await save_workflow(connection, WorkflowDefinition.model_validate(RULE)) is None
    assert await _revision(connection) == before
    later = WorkflowDefinition.model_validate({**RULE, "route": ["sms"], "where": {"customer.plan": ["pro"]}})
    assert await save_workflow(connection, later) == 2
    row = await (await connection.execute("select active_version, active from workflows")).fetchone()
    assert row == {"active_version": 2, "active": False}


async def test_an_account_is_written_again_only_when_it_or_the_key_changed(connection: Connection) -> None:
    account = replace(EXAMPLES[0].account, tenant="shop")
    assert await register_account(connection, KEYS, account, now=NOON)
    assert not await register_account(connection, KEYS, account, now=NOON)
    assert await register_account(connection, KEYS, replace(account, sender="0233334444"), now=NOON)
    assert await register_account(connection, Keys([bytes(32)]), replace(account, sender="0233334444"), now=NOON)
    row = await (await connection.execute("select sender, credentials from provider_accounts")).fetchone()
    assert row is not None
    assert row["sender"] == "0233334444"
    assert account.secrets["api_secret"].encode() not in row["credentials"]


async def test_a_tenant_sends_by_each_account_until_it_sends_by_others_alone(connection: Connection) -> None:
    first = replace(EXAMPLES[0].account, tenant="shop")
    second = replace(first, id="second", sender="0233334444")
    assert await register_account(connection, KEYS, first, now=NOON)
    before = await _revision(connection)
    assert await register_account(connection, KEYS, second, now=NOON)
    assert await _revision(connection) > before
    assert await _accounts(connection) == [("main", True), ("second", True)]
    assert not await register_account(connection, KEYS, second, now=NOON)
    assert await send_by(connection, "shop", ["second"]) == ["main", "second"], "one is out, one is the default"
    assert await send_by(connection, "shop", ["second"]) == []
    assert await _accounts(connection) == [("main", False), ("second", True)]
    assert await register_account(connection, KEYS, first, now=NOON), "it is sent by again"
    assert await _accounts(connection) == [("main", True), ("second", True)]


async def test_the_first_account_of_a_list_is_the_default(connection: Connection) -> None:
    first = replace(EXAMPLES[0].account, tenant="shop")
    for id_ in ("a", "b", "c"):
        await register_account(connection, KEYS, replace(first, id=id_), now=NOON)
    default = "select id from (" + sending_account("'shop'") + ") a"  # noqa: S608 - texts from above
    for listed in (["c", "a", "b"], ["b"], ["a", "c"]):
        await send_by(connection, "shop", listed)
        found = await (await connection.execute(default.encode())).fetchone()
        assert found == {"id": listed[0]}


async def test_on_other_terms_an_account_is_written_again(connection: Connection) -> None:
    account = replace(EXAMPLES[0].account, tenant="shop")
    until = NOON.date()
    for terms in (
        Terms(),
        Terms(channels=("sms",)),
        Terms(channels=("sms",), weight=0),
        Terms(certificate_number="전송-2026-1", certificate_until=until),
    ):
        assert await register_account(connection, KEYS, account, terms, now=NOON)
        assert not await register_account(connection, KEYS, account, terms, now=NOON)
    kept = "select weight, carries, certificate_number, certificate_until from provider_accounts"
    assert await (await connection.execute(kept)).fetchone() == {
        "weight": 100,
        "carries": ["alimtalk", "sms", "mms", "brand"],
        "certificate_number": "전송-2026-1",
        "certificate_until": until,
    }


BAD_TERMS = {
    "a channel it does not carry": (Terms(channels=("pigeon",)), "channel_not_carried"),
    "no channel": (Terms(channels=()), "channel_not_carried"),
    "too heavy": (Terms(weight=101), "bad_weight"),
    "lighter than nothing": (Terms(weight=-1), "bad_weight"),
    "a certificate without end": (Terms(certificate_number="1"), "bad_certificate"),
    "an end of no certificate": (Terms(certificate_until=NOON.date()), "bad_certificate"),
    "an empty number": (Terms(certificate_number=" ", certificate_until=NOON.date()), "bad_certificate"),
}


@pytest.mark.parametrize("name", BAD_TERMS)
async def test_terms_that_no_account_can_have_are_refused_in_both_languages(connection: Connection, name: str) -> None:
    terms, code = BAD_TERMS[name]
    account = replace(EXAMPLES[0].account, tenant="shop")
    with pytest.raises(TermsError) as refused:
        await register_account(connection, KEYS, account, terms, now=NOON)
    assert (refused.value.code, bool(refused.value.detail_ko)) == (code, True)
    with pytest.raises(TermsError, match="pigeon"):
        await register_account(connection, KEYS, replace(account, provider="pigeon"), now=NOON)
    assert await _accounts(connection) == []


@pytest.mark.parametrize("state", ["open", "prepared"])
async def test_an_account_becomes_no_other_one_while_a_send_by_it_is_undecided(
    connection: Connection, state: str
) -> None:
    account = replace(EXAMPLES[0].account, tenant="shop")
    other = replace(account, secrets={**account.secrets, "api_key": "another"})
    await register_account(connection, KEYS, account, now=NOON)
    await connection.execute(
        "insert into dispatches (tenant, id, provider, account, messages, state, lease_until, created_at, updated_at) "
        "values ('shop', gen_random_uuid(), 'solapi', 'main', array[gen_random_uuid()], %s, %s, %s, %s)",
        [state, NOON, NOON, NOON],
    )
    with pytest.raises(AccountBusy, match="main"):
        await register_account(connection, KEYS, other, now=NOON)
    assert await register_account(connection, KEYS, replace(account, sender="0233334444"), now=NOON)
    assert await register_account(connection, KEYS, replace(other, id="second"), now=NOON)
    await connection.execute("update dispatches set state = 'sent'")
    assert await register_account(connection, KEYS, other, now=NOON)


async def _accounts(connection: Connection) -> list[tuple[str, bool]]:
    cursor = await connection.execute("select id, active from provider_accounts order by id")
    return [(row["id"], row["active"]) for row in await cursor.fetchall()]


async def test_what_an_event_told_of_a_customer_outlives_the_file(connection: Connection) -> None:
    customer = {"id": "c-1", "name": "홍길동", "phone": "010-9000-4000"}
    assert await file_customers(connection, "shop", [customer], changed_at=LONG_AGO) == Filed(1, 0, 1)
    moved = Telling("shop", "c-1", LONG_AGO + dt.timedelta(days=1), {"phone": "010-9999-4000"})
    await decide_newest_words(connection, [moved])
    assert await file_customers(connection, "shop", [customer], changed_at=NOON) == Filed(0, 0, 1)
    renamed = {**customer, "name": "홍길순"}
    assert await file_customers(connection, "shop", [renamed], changed_at=NOON) == Filed(0, 1, 1)
    row = await (await connection.execute("select name, phone from customers")).fetchone()
    assert row == {"name": "홍길순", "phone": "010-9999-4000"}


async def test_a_group_has_the_members_that_were_given_last(connection: Connection) -> None:
    people = [{"id": name} for name in ("a", "b", "c")]
    await file_customers(connection, "shop", people, changed_at=LONG_AGO)
    await save_groups(connection, "shop", {"home": ("우리 집", ["a", "b"]), "work": ("회사", ["c"])})
    await save_groups(connection, "shop", {"home": ("새 집", ["b", "c"])})
    rows = await (
        await connection.execute("select group_id, customer from group_members order by group_id, customer")
    ).fetchall()
    assert [tuple(row.values()) for row in rows] == [("home", "b"), ("home", "c"), ("work", "c")]


async def test_a_group_can_have_no_stranger_in_it(pool: Database) -> None:
    async with pool.connection() as connection:
        await save_tenant(connection, "shop", "가게", now=NOON)
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            await save_groups(connection, "shop", {"home": ("우리 집", ["nobody"])})


PHOTO = "name: photo\nmms:\n  text: '[가게] 사진입니다.'\n  image: photo.jpg\n"


async def test_pictures_and_devices_of_a_folder_are_kept_once(pool: Database, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FOLDER / "saas", tmp_path / "saas"))
    (folder / "templates/photo.yaml").write_text(PHOTO, encoding="utf-8")
    (folder / "templates/photo.jpg").write_bytes(jpeg(20, 30))
    people = 'id,phone,푸시토큰\nc-1,010-9000-4000,"a:1 b,c"\nc-2,,d\n'
    (folder / "customers.csv").write_text(people, encoding="utf-8")
    (folder / "groups.csv").write_text("group,name,customer\n", encoding="utf-8")
    reading = Reading(folder)
    assert [problem.line for problem in reading.warnings] == []
    assert not (await _write(pool, reading.example())).nothing
    assert (await _write(pool, reading.example())).nothing
    (folder / "templates/photo.jpg").write_bytes(jpeg(20, 31))
    changed = await _write(pool, read_example(folder))
    assert [thing.name for thing in changed.things if thing.kind == "changed"] == ["photo"]
    async with pool.connection() as connection:
        pictures = await (await connection.execute("select content from template_pictures")).fetchall()
        devices = await (await connection.execute("select token, customer from customer_devices order by 1")).fetchall()
    assert {row["content"] for row in pictures} == {jpeg(20, 30), jpeg(20, 31)}
    assert [tuple(row.values()) for row in devices] == [("a:1", "c-1"), ("b", "c-1"), ("c", "c-1"), ("d", "c-2")]
