"""Accounts that carry AlimTalk are looked at: what Kakao's inspectors said, and whether what they approved is still so.

No provider calls for certain, so each is asked: soon while a template waits for its verdict, once a day otherwise.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import ValidationError

from shared.operations.inspections.judging import Found, judged, lost
from shared.operations.inspections.looks_store import DueLook, decide_looks, mark_looked
from shared.operations.inspections.store import add_inspections
from shared.platform.clock import Clock
from shared.platform.database import Database
from shared.platform.database.revisions import RevisionCache
from shared.platform.logs import log
from shared.platform.loops.sweeps import Limits, Sweep
from shared.platform.loops.turns import InTurn
from shared.platform.signals.alerts import raise_alert, resolve_raised_before
from shared.providers import ProviderAccount
from shared.providers.templated.base import ProviderTemplate, TemplatedProvider
from shared.templates.store import StoredTemplate, judged_versions, set_approvals
from shared.templates.template import TemplateContent, TemplateVersion
from shared.tenants.accounts import Accounts

LIMITS = Limits(at_once=8, patience=dt.timedelta(seconds=50), work_for=dt.timedelta(seconds=20))

SOON, DAILY = dt.timedelta(minutes=5), dt.timedelta(days=1)
"""From one look at an account to the next: inspectors take up to two working days."""

TEMPLATE_LOST = "template_lost"
"""The alert that an approved AlimTalk can't be sent any more."""

TOLD_FOR = dt.timedelta(days=2)
"""After that the alert is over; should it go on, the next look raises it anew."""

MOST_TOLD = 500
"""Characters of its detail."""

MOST_PAGES = 100
"""Of an account's templates. What would be on a later one is not judged, and nothing is taken for gone."""


class _Look(NamedTuple):
    due: DueLook
    account: ProviderAccount | None


class Inspections:
    """Looks at accounts.

    Args:
        database: for what is due, and what is found.
        providers: by name, those that have templates.
        accounts: the tenants' accounts.
        clock: the time.
    """

    def __init__(
        self,
        database: Database,
        providers: Mapping[str, TemplatedProvider],
        accounts: RevisionCache[Accounts],
        clock: Clock,
    ) -> None:
        self._database = database
        self._providers = providers
        self._accounts = accounts
        self._clock = clock
        in_turn = InTurn(self._take, lambda look: look.due.tenant)
        self._sweep = Sweep("inspections", in_turn.take, self._look, _fields, clock, LIMITS)

    async def look(self) -> None:
        """Look at each account that is due. What people were told long ago is over."""
        now = self._clock.now()
        async with self._database.connection() as connection:
            await resolve_raised_before(connection, TEMPLATE_LOST, now - TOLD_FOR, now)
        await self._sweep.run()

    async def _take(self, limit: int, without: Sequence[str]) -> list[_Look]:
        async with self._database.connection() as connection:
            now = self._clock.now()
            due = await decide_looks(connection, self._providers.keys(), now=now, limit=limit, without=without)
            accounts = await self._accounts.get(connection, {each.tenant: each.revision for each in due})
        return [_Look(each, accounts[each.tenant].get(each.account)) for each in due]

    async def _look(self, look: _Look) -> None:
        account = look.account
        if account is None or account.provider not in self._providers:
            log("inspections").error(
                "its account can't be used, so it is not looked at", extra={"fields": _fields(look)}
            )
            return
        theirs = await all_templates(self._providers[account.provider], account)
        await record(self._database, account, theirs, self._clock.now(), before=look.due.codes)


async def all_templates(provider: TemplatedProvider, account: ProviderAccount) -> dict[str, ProviderTemplate]:
    """Every template of an account's channel, by code.

    Raises:
        ProviderError: it could not be asked.
        RuntimeError: there are more than anybody has.
    """
    found: dict[str, ProviderTemplate] = {}
    page: str | None = None
    for _ in range(MOST_PAGES):
        listed = await provider.list_templates(account, page)
        found |= {template.code: template for template in listed.templates}
        page = listed.following
        if page is None:
            return found
    raise RuntimeError(f"more than {MOST_PAGES} pages of templates")


async def record(
    database: Database,
    account: ProviderAccount,
    theirs: Mapping[str, ProviderTemplate],
    now: dt.datetime,
    *,
    before: Sequence[str] = (),
) -> list[Found]:
    """Keep what is found of a tenant's templates, and tell of what is new. Gives that.

    Args:
        database: as the sweeper or the owner.
        account: whose templates they are.
        theirs: all that the account has, by code.
        now: the moment.
        before: the codes that it had at the last look.
    """
    async with database.transaction() as connection:
        ours = _readable(await judged_versions(connection, account.tenant))
        found = list(judged(ours, theirs, before))
        approvals = {(each.name, each.version): each.approval for each in found if each.approval is not None}
        changed = await set_approvals(connection, account.tenant, approvals)
        # An approval may come more than once, each time after another one: it is known by its moment.
        kept = [
            each._replace(key=f"approval/{each.version}/{now.isoformat()}") if each.kind == "approval" else each
            for each in found
            if each.kind != "approval" or (each.name, each.version) in changed
        ]
        new = await add_inspections(connection, account.tenant, account.id, kept, now=now)
        if unusable := lost(ours, found):
            detail = "; ".join(f"{each.name}: {each.detail}" for each in unusable)[:MOST_TOLD]
            await raise_alert(connection, account.tenant, TEMPLATE_LOST, detail, now)
        codes = {code for version in ours if (code := _code(version)) in theirs and code}
        waits = any(_after(version, approvals) == "submitted" for version in ours)
        await mark_looked(connection, account.tenant, account.id, codes, now + (SOON if waits else DAILY))
    told = [each for each in kept if (each.code, each.key) in new]
    for each in told:
        _tell(account, each)
    return told


def _after(version: TemplateVersion, approvals: Mapping[tuple[str, int], str]) -> str:
    return approvals.get((version.name, version.version), version.approval)


def _code(version: TemplateVersion) -> str | None:
    return version.content.alimtalk.code if version.content.alimtalk else None


def _readable(stored: Sequence[StoredTemplate]) -> list[TemplateVersion]:
    """One that this release can't read is nobody else's trouble."""
    versions = []
    for kept in stored:
        try:
            content = TemplateContent.model_validate(kept.content)
        except ValidationError:
            fields = {"tenant": kept.tenant, "template": kept.name, "version": kept.version}
            log("inspections").error("a template can't be read", extra={"fields": fields})
            continue
        versions.append(TemplateVersion(kept.name, kept.version, content, kept.approval))
    return versions


def _tell(account: ProviderAccount, found: Found) -> None:
    fields = {
        "tenant": account.tenant,
        "account": account.id,
        "template": found.name,
        "version": found.version,
        "kind": found.kind,
        "approval": found.approval,
    }
    level = log("inspections").info if found.approval == "approved" else log("inspections").warning
    level("a template was judged: %s", found.kind, extra={"fields": fields})


def _fields(look: _Look) -> dict[str, object]:
    return {"tenant": look.due.tenant, "account": look.due.account}
