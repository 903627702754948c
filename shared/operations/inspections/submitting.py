"""Inspections are asked for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import NamedTuple

from shared.contracts.alimtalk import Approval
from shared.operations.inspections.looks_store import look_soon
from shared.platform.database import Database
from shared.platform.errors import AllimError
from shared.providers import ProviderAccount
from shared.providers.templated.base import TemplatedProvider
from shared.templates.store import StoredTemplate, active_templates, set_approvals

SUBMITTED_FROM: Collection[Approval] = ("draft", "rejected")
"""From these an inspection is asked for; any other has its verdict, or waits for it."""


class Submitted(NamedTuple):
    """What became of a template. `error`: why it could not be asked for."""

    name: str
    code: str | None
    status: Approval
    error: AllimError | None = None


async def submit(
    database: Database,
    provider: TemplatedProvider,
    account: ProviderAccount,
    names: Collection[str] | None,
    now: dt.datetime,
) -> list[Submitted]:
    """Ask for the inspection of a tenant's templates, each apart. The account is looked at soon from then on.

    Args:
        database: as its owner.
        provider, account: where they were pushed to.
        names: which; None for all that are registered and may be submitted.
        now: the moment.
    """
    async with database.connection() as connection:
        stored = await active_templates(connection, [account.tenant])
    wanted = _wanted(stored, names)
    done = [await _submitted(provider, account, name, found) for name, found in wanted.items()]
    versions = {each.name: each.version for each in stored}
    approvals = {(each.name, versions[each.name]): each.status for each in done if each.error is None}
    async with database.transaction() as connection:
        await set_approvals(connection, account.tenant, approvals)
        await look_soon(connection, account.tenant, account.id, now)
    return done


def _wanted(stored: list[StoredTemplate], names: Collection[str] | None) -> dict[str, StoredTemplate | None]:
    known = {each.name: each for each in stored}
    if names is not None:
        return {name: known.get(name) for name in names}
    return {each.name: each for each in stored if _code(each) and each.approval in SUBMITTED_FROM}


async def _submitted(
    provider: TemplatedProvider, account: ProviderAccount, name: str, found: StoredTemplate | None
) -> Submitted:
    code = _code(found) if found else None
    if found is None or code is None:
        detail = "there is no template of that name with a code; `allim templates push` registers it"
        error = AllimError(
            "not_registered", detail, "등록된 템플릿이 없습니다. 먼저 `allim templates push`를 실행하세요."
        )
        return Submitted(name, None, found.approval if found else "draft", error)
    try:
        return Submitted(name, code, (await provider.submit_template(account, code)).status)
    except AllimError as error:
        return Submitted(name, code, found.approval, error)


def _code(stored: StoredTemplate) -> str | None:
    code = (stored.content.get("alimtalk") or {}).get("code")
    return str(code) if code else None
