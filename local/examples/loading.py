"""Give a running stack its example tenants, and tell the provider simulator of their accounts."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import psycopg

from local.examples.changes import Change, Changes, Customers, What, versioned
from local.examples.files import EXAMPLES, AccountFile, Example, read_examples
from local.examples.people import Groups
from local.functions import SIMULATED_TOSS_KEY
from local.stack import Stack, StackError
from shared.bootstrap import Parts, database, topups, toss
from shared.contracts.events import CustomerSnapshot
from shared.credits.ledger.ledger import top_up
from shared.credits.plans.granting import grant
from shared.credits.plans.plans import PlanName
from shared.credits.plans.store import read_history
from shared.customers.filing import file_all
from shared.customers.store import count_customers, read_groups, save_groups
from shared.customers.words import DEVICES
from shared.platform.clock import WallClock
from shared.platform.crypto import Keys
from shared.platform.database import Connection, Database
from shared.platform.settings import read_keys
from shared.providers import CREDENTIALS
from shared.providers.templated.base import TemplateWords
from shared.providers.templated.solapi import wire_of
from shared.templates.compiling.drift import words_of
from shared.templates.store import StoredTemplate, active_templates, save_pictures, save_templates
from shared.templates.template import TemplateContent, with_code
from shared.tenants.accounts import register_account
from shared.tenants.store import name_of, provider_accounts, save_tenant, send_by
from shared.workflows.store import read_workflows, save_workflows, withdraw_workflows

LONG_AGO = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
"""As of when the example customers are as their files say: what any event told of one since then stays."""

EXAMPLE_CREDIT = Decimal(1_000_000)
"""Won that each example tenant starts with."""

EXAMPLE_PLAN: PlanName = "PRO"
"""What each example tenant begins with, so that the demo's and the benchmark's sends stay within the quota."""

SIMULATOR_SECONDS = 10
_INSPECTION = {"draft": "PENDING", "submitted": "INSPECTING", "approved": "APPROVED"}
"""What Kakao's inspection calls our approvals; it has only rejected left for the others."""

_INSPECTION_AT_NHN = {"draft": "TSC01", "submitted": "TSC02", "approved": "TSC03"}


@dataclass(frozen=True)
class Loaded:
    """What loading came to, for people."""

    tenants: int
    templates: int
    workflows: int
    customers: int


def load(stack: Stack, folder: Path = EXAMPLES) -> Loaded:
    """Write the examples through the product's own stores, and register their accounts with the simulator.

    Loading again changes nothing in the database; the simulator, which forgets everything when it ends, is told anew.

    Args:
        stack: a running one.
        folder: holds a folder for each tenant.

    Raises:
        FolderError: files can't be used; nothing was written.
        StackError: the simulator did not take an account.
    """
    examples = read_examples(folder)
    asyncio.run(write_examples(stack, examples))
    register_with_simulator(stack, examples)
    asyncio.run(register_cards(stack, examples))
    return Loaded(
        tenants=len(examples),
        templates=sum(len(example.templates) for example in examples),
        workflows=sum(len(example.workflows) for example in examples),
        customers=sum(len(example.customers) for example in examples),
    )


async def write_examples(stack: Stack, examples: Sequence[Example]) -> None:
    """Write tenants and all that is theirs, as the database's owner."""
    database, now = Database(stack.database_url, pool_size=1), WallClock().now()
    try:
        keys = Keys(read_keys(stack.encryption_key))
        for example in examples:
            await write_example(database, keys, example, credit=EXAMPLE_CREDIT, customers_changed_at=LONG_AGO, now=now)
            async with database.transaction() as connection:
                if not await read_history(connection, example.tenant.id, 1):
                    await grant(connection, example.tenant.id, EXAMPLE_PLAN, now, why="an example's first plan")
    finally:
        await database.close()


async def write_example(
    database: Database,
    keys: Keys,
    example: Example,
    *,
    credit: Decimal,
    customers_changed_at: dt.datetime,
    now: dt.datetime,
    keep: bool = True,
) -> Changes:
    """Write one tenant, or what differs from what is there. Gives what that was.

    What the tenant says and by what rules is one transaction. Its customers follow, some thousand at a time, and then
    its groups: nothing is locked while the file is read. Interrupted, it is made whole by writing it again.

    Args:
        database: as its owner.
        keys: seal its credentials.
        example: the tenant.
        credit: won that it starts with, given once.
        customers_changed_at: when the file of its customers was changed; what was told of one since then stays.
        now: the moment.
        keep: False for only saying what would be written.
    """
    tenant, things = example.tenant.id, list[Change]()
    async with database.transaction() as connection:
        things += await _write_definitions(connection, keys, example, credit=credit, now=now)
        if not keep:
            raise psycopg.Rollback
    async with database.connection() as connection:
        known = await count_customers(connection, tenant)
    people = (_row_of(customer) for customer in example.customers)
    filed = await file_all(database, tenant, people, changed_at=customers_changed_at, clock=WallClock(), keep=keep)
    async with database.transaction() as connection:
        before = await read_groups(connection, tenant)
        if keep:
            await save_groups(connection, tenant, example.groups)
    things += _changed_groups(before, example.groups)
    unchanged, not_in_file = filed.rows - filed.added - filed.changed, known + filed.added - filed.rows
    return Changes(tenant, things, Customers(filed.added, filed.changed, unchanged, not_in_file))


def _row_of(customer: CustomerSnapshot) -> dict[str, Any]:
    devices = {} if customer.told_devices is None else {DEVICES: customer.told_devices}
    return {"id": customer.id, **customer.told, **devices}


async def _write_definitions(
    connection: Connection, keys: Keys, example: Example, *, credit: Decimal, now: dt.datetime
) -> list[Change]:
    """All but its customers and their groups."""
    tenant = example.tenant.id
    named = await name_of(connection, tenant)
    await save_tenant(connection, tenant, example.tenant.name, now=now)
    things = [_change("tenant", tenant, named is None, named != example.tenant.name)]
    things += await _save_accounts(connection, keys, example, now)
    if credit:
        await top_up(connection, tenant, credit, key="first", reference="첫 크레딧", now=now)
    before = {kept.name: kept for kept in await active_templates(connection, [tenant])}
    approvals = {name: kept.approval for name, kept in before.items()}
    templates = {
        template.name: (_with_code(template.content, before.get(template.name)), template.approval)
        for template in example.templates
    }
    if example.pictures:
        await save_pictures(connection, tenant, example.pictures, now=now)
    made = await save_templates(connection, tenant, templates, now=now)
    things += [
        Change("template", change.name, "changed", f"{approvals[change.name]} → {templates[change.name][1]}")
        if change.kind == "unchanged" and templates[change.name][1] not in (None, approvals[change.name])
        else change
        for change in versioned("template", templates, approvals, made)
    ]
    return things + await _save_workflows(connection, example, now)


async def _save_accounts(connection: Connection, keys: Keys, example: Example, now: dt.datetime) -> list[Change]:
    """Save a folder's accounts, and send no more by its own that it does not hold any more."""
    tenant = example.tenant.id
    before = {sealed.id: sealed for sealed in await provider_accounts(connection, [tenant])}
    written = {
        account.id: await register_account(connection, keys, account, terms, now=now)
        for account, terms in example.accounts
    }
    moved = await send_by(connection, tenant, list(written))
    return [
        *(_change("account", id_, id_ not in before, differs or id_ in moved) for id_, differs in written.items()),
        *(Change("account", id_, "withdrawn") for id_ in moved if id_ not in written),
    ]


def _with_code(content: TemplateContent, before: StoredTemplate | None) -> TemplateContent:
    """A file need not say the code that a provider chose: words that are as they were have the one that they had."""
    given = content.alimtalk
    if given is None or given.code or before is None:
        return content
    kept = before.content.get("alimtalk") or {}
    same = {**given.model_dump(mode="json", exclude_unset=True), "code": kept.get("code")}
    return with_code(content, kept["code"]) if kept.get("code") and same == kept else content


async def _save_workflows(connection: Connection, example: Example, now: dt.datetime) -> list[Change]:
    """Save a folder's workflows, and let those that it does not hold any more fall silent."""
    tenant, names = example.tenant.id, [workflow.name for workflow in example.workflows]
    before = {line.name: line for line in await read_workflows(connection, tenant)}
    made = await save_workflows(connection, tenant, example.workflows, now=now)
    await withdraw_workflows(connection, tenant, but=names)
    changes = versioned("workflow", names, [name for name, line in before.items() if not line.withdrawn], made)
    # One that was withdrawn before is told of no more; one that is back has come again.
    back = {name for name, line in before.items() if line.withdrawn}
    return [
        Change("workflow", each.name, "added", "as before") if each.kind == "unchanged" and each.name in back else each
        for each in changes
    ]


def _change(what: What, name: str, new: bool, differs: bool) -> Change:
    return Change(what, name, "added" if new else "changed" if differs else "unchanged")


def _changed_groups(before: Mapping[str, tuple[str, frozenset[str]]], groups: Groups) -> list[Change]:
    return [
        _change("group", group, group not in before, before.get(group) != (name, frozenset(members)))
        for group, (name, members) in groups.items()
    ] + [Change("group", group, "withdrawn") for group in sorted(before.keys() - groups.keys())]


def register_with_simulator(stack: Stack, examples: Sequence[Example]) -> None:
    """Tell the simulator of accounts, senders, templates and where reports go. Raises StackError."""
    with httpx.Client(base_url=stack.simulator_url, timeout=SIMULATOR_SECONDS, trust_env=False) as client:
        for example in examples:
            for account in example.tenant.sent_by:
                if not CREDENTIALS[account.provider].names:  # the inbox is our own
                    continue
                try:
                    answer = client.put("/control/accounts", json=account_spec(stack, example, account))
                except httpx.HTTPError as error:
                    raise StackError(f"the simulator does not answer: {error!r}") from error
                if answer.is_error:
                    raise StackError(f"the simulator refuses an account of {example.tenant.id}: {answer.text[:500]}")

        webhook = stack.functions.get("payment_webhook")
        merchant = {"secretKey": SIMULATED_TOSS_KEY, "webhookUrl": webhook}
        client.put("/control/toss", json=merchant).raise_for_status()


async def register_cards(stack: Stack, examples: Sequence[Example]) -> None:
    """Register a simulated card for each tenant, as its owner would in a browser."""
    parts = Parts(stack.owners_settings(), WallClock())
    async with httpx.AsyncClient(base_url=stack.simulator_url, timeout=SIMULATOR_SECONDS, trust_env=False) as client:
        try:
            for example in examples:
                order = {"secretKey": SIMULATED_TOSS_KEY, "customerKey": f"tenant_{example.tenant.id}"}
                answer = await client.post("/control/toss/card", json=order)
                await topups(parts).register_card(example.tenant.id, answer.raise_for_status().json()["authKey"])
        finally:
            await toss(parts).close()
            await database(parts).close()


def account_spec(stack: Stack, example: Example, account: AccountFile) -> dict[str, Any]:
    """One of an example's accounts as the simulator's `PUT /control/accounts` takes it."""
    webhook = f"{stack.webhook_url}/{account.provider}/{example.tenant.id}/{account.id}" if stack.webhook_url else None
    channels = [account.kakao_channel] if account.kakao_channel else []
    coded = [
        (template, words, code)
        for template in example.templates
        if (words := template.alimtalk) and (code := words.code_at(account.id))
    ]
    approved = [(words, code) for template, words, code in coded if template.approval == "approved"]
    if account.provider == "sens":
        return {
            "provider": account.provider,
            "serviceId": account.service_id,
            "kakaoServiceId": account.kakao_service_id,
            "accessKey": account.access_key,
            "secretKey": account.secret_key,
            "senders": [account.sender],
            "channels": channels,
            "templates": [{"templateCode": code, "content": words.text} for words, code in approved],
        }
    if account.provider == "fcm":
        return {
            "provider": account.provider,
            "projectId": account.project_id,
            "clientEmail": account.client_email,
            "privateKey": account.private_key,
        }
    if account.provider == "nhn_kakao":
        return {
            "provider": account.provider,
            "appKey": account.app_key,
            "secretKey": account.secret_key,
            "senderKeys": channels,
            "webhookUrl": webhook,
            "webhookSecret": account.webhook_secret,
            "templates": [
                {
                    "templateCode": code,
                    "senderKey": account.kakao_channel,
                    "name": template.name,
                    "content": words.text,
                    "status": _INSPECTION_AT_NHN.get(template.approval or "draft", "TSC04"),
                }
                for template, words, code in coded
                if account.kakao_channel
            ],
        }
    if account.provider == "aligo":
        return {
            "provider": account.provider,
            "apiKey": account.api_key,
            "userId": account.user_id,
            "senders": [account.sender],
            "senderKeys": channels,
            "templates": [{"tplCode": code, "content": words.text} for words, code in approved],
        }
    if account.provider == "smtp":
        user = urlsplit(account.url or "")
        return {
            "provider": account.provider,
            "username": unquote(user.username or ""),
            "password": unquote(user.password or ""),
        }
    if account.provider == "kakao_me":
        return {
            "provider": account.provider,
            "restApiKey": account.rest_api_key,
            "refreshToken": account.refresh_token,
        }
    if account.provider == "nhn":
        return {
            "provider": account.provider,
            "appKey": account.app_key,
            "secretKey": account.secret_key,
            "senders": [account.sender],
            "webhookUrl": webhook,
            "webhookSecret": account.webhook_secret,
        }
    return {
        "apiKey": account.api_key,
        "apiSecret": account.api_secret,
        "senders": [account.sender],
        "pfIds": channels,
        "webhookUrl": webhook,
        "webhookSecret": account.webhook_secret,
        "templates": [
            {
                "templateId": code,
                "pfId": account.kakao_channel,
                "status": _INSPECTION.get(template.approval or "draft", "REJECTED"),
                **_registered(registered),
            }
            for template, _, code in coded
            if (registered := words_of(template.name, template.content))
        ],
    }


def _registered(words: TemplateWords) -> dict[str, Any]:
    """What is registered of a template, as the simulator's control API takes it."""
    wire = wire_of(words)
    told = {name: wire.pop(name) for name in ("name", "content", "buttons")}
    return {**told, "parts": wire}
