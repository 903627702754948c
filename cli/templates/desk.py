"""What the verbs share that speak with a provider: whose account, and what it has."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from cli.credits.database import with_credits
from cli.errors import CommandError
from cli.joining import running_stack_if_any
from cli.operations.keys import keys_if_any

if TYPE_CHECKING:
    from shared.platform.database import Database
    from shared.providers import ProviderAccount
    from shared.providers.templated.base import ProviderTemplate, TemplatedProvider

Result = TypeVar("Result")

AccountId = Annotated[
    str | None,
    typer.Option("--account", help="The account. (Default: the one that carries AlimTalk.)", show_default=False),
]


@dataclass(frozen=True)
class Desk:
    """An account at a provider of templates, and all the templates of its channel, by code."""

    database: Database
    provider: TemplatedProvider
    account: ProviderAccount
    theirs: Mapping[str, ProviderTemplate]


def at_desk(
    database_url: str | None, tenant: str, account: str | None, work: Callable[[Desk], Awaitable[Result]]
) -> Result:
    """Run `work` with a tenant's account, whose templates have just been read.

    Raises:
        CommandError: there is no such account, more than one, or no key that opens it.
        ProviderError: the provider could not be asked.
    """

    async def run(database: Database) -> Result:
        from shared.operations.inspections.looking import all_templates

        providers = _providers(database_url)
        chosen = await _account(database, database_url, tenant, account, providers)
        provider = providers[chosen.provider]
        return await work(Desk(database, provider, chosen, await all_templates(provider, chosen)))

    return with_credits(database_url, run, tenant=tenant)


def _providers(database_url: str | None) -> Mapping[str, TemplatedProvider]:
    """Of the stack that is up here, its simulator; else those that the environment names."""
    from shared.platform.clock import WallClock
    from shared.platform.settings import Settings
    from shared.providers.templated import templated_providers

    stack = None if database_url else running_stack_if_any()
    needed = {"database_url": "", "google_cloud_project": ""}
    given = {name.lower(): value for name, value in os.environ.items() if name.endswith("_URL")}
    settings = stack.owners_settings() if stack else Settings.of({**needed, **given})
    return templated_providers(settings, WallClock())


async def _account(
    database: Database,
    database_url: str | None,
    tenant: str,
    account: str | None,
    providers: Mapping[str, TemplatedProvider],
) -> ProviderAccount:
    from shared.tenants.accounts import load_accounts

    keys = keys_if_any(database_url)
    if keys is None:
        raise CommandError("no_keys: start a stack (`allim up`), or set ALLIM_ENCRYPTION_KEY")
    async with database.connection() as connection:
        accounts = (await load_accounts(connection, [tenant], keys))[tenant]
    carry = [each for each in accounts.values() if each.kakao_channel and each.provider in providers]
    found = [each for each in carry if account in (None, each.id)]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(each.id for each in carry) or "none"
    if not found:
        known = ", ".join(providers)
        raise CommandError(
            f"no_alimtalk_account: {tenant} has no account {account or ''} with a Kakao channel at {known}; "
            f"such accounts: {listed} (알림톡을 보내는 계정이 없습니다.)"
        )
    raise CommandError(
        f"which_account: {tenant} has several accounts that carry AlimTalk; give --account, one of {listed} "
        "(계정을 하나 고르세요.)"
    )
