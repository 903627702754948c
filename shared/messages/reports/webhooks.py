"""Providers call us: verify, parse, hand on, answer fast."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from shared.contracts import TENANT_ID, ProviderReport, ReportBatch
from shared.platform.clock import Clock
from shared.platform.crypto import Keys
from shared.platform.database import Database
from shared.platform.errors import AllimError
from shared.platform.pubsub import DELIVERY_CALLBACKS, Outgoing, Publisher
from shared.platform.signals.dead_letters import DeadLetter, keep_dead_letters
from shared.providers import Provider, ProviderAccount
from shared.tenants.accounts import Accounts, load_accounts

MAX_WEBHOOK_BYTES = 5_000_000
REPORTS_A_MESSAGE = 1_000
REMEMBER_ACCOUNTS_FOR = dt.timedelta(seconds=30)


class WebhookRefused(AllimError):  # noqa: N818 - it names the outcome
    """A call from outside that is not taken."""


class Webhooks:
    """Takes providers' calls.

    Args:
        database: for accounts and dead letters.
        publisher: for `delivery-callbacks`.
        providers: by name.
        keys: open the accounts' credentials.
        clock: the time.
    """

    def __init__(
        self, database: Database, publisher: Publisher, providers: Mapping[str, Provider], keys: Keys, clock: Clock
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._providers = providers
        self._keys = keys
        self._clock = clock
        self._accounts: dict[str, tuple[dt.datetime, Accounts]] = {}

    async def receive(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Take a call to `/<provider>/<tenant>/<account>`.

        Raises:
            WebhookRefused: 401 `unauthorized` when the account is unknown or the secret is wrong, which look the same
                from outside; 400 `malformed` when it is not what the provider sends, and then it is a dead letter too.
                Of several reports that came in one call, only those are dead letters that can't be understood.
        """
        account = await self._authentic(path, headers)
        provider = self._providers[account.provider]
        reports, malformed = _understood(provider, body)
        if malformed:
            await self._keep(account, malformed, headers)
        if malformed and not reports:
            raise WebhookRefused("malformed", f"not what {account.provider} sends: {malformed[0].detail}")
        batches = [
            ReportBatch(
                tenant=account.tenant,
                provider=account.provider,
                account=account.id,
                reports=tuple(reports[start : start + REPORTS_A_MESSAGE]),
            )
            for start in range(0, len(reports), REPORTS_A_MESSAGE)
        ]
        if batches:
            outgoing = [Outgoing(batch.model_dump_json().encode()) for batch in batches]
            await self._publisher.publish(DELIVERY_CALLBACKS, outgoing)

    async def _authentic(self, path: str, headers: Mapping[str, str]) -> ProviderAccount:
        provider_name, tenant, account_id = ([*path.strip("/").split("/"), "", "", ""])[:3]
        # A path may hold anything, also what the database would not take for a text.
        accounts = await self._accounts_of(tenant) if re.fullmatch(TENANT_ID, tenant) else {}
        account = accounts.get(account_id)
        if (
            account is None
            or account.provider != provider_name
            or not self._providers[provider_name].verify_webhook(account, headers)
        ):
            raise WebhookRefused("unauthorized", "no such account, or its secret is another one", status=401)
        return account

    async def _accounts_of(self, tenant: str) -> Accounts:
        now = self._clock.now()
        kept = self._accounts.get(tenant)
        if kept is None or now - kept[0] > REMEMBER_ACCOUNTS_FOR:
            async with self._database.connection() as connection:
                accounts = (await load_accounts(connection, [tenant], self._keys))[tenant]
            if not accounts:
                return {}  # not remembered, or calls for tenants that do not exist would fill the memory
            kept = self._accounts[tenant] = (now, accounts)
        return kept[1]

    async def _keep(self, account: ProviderAccount, malformed: Sequence[Malformed], headers: Mapping[str, str]) -> None:
        attributes = {
            "provider": account.provider,
            "account": account.id,
            "content-type": headers.get("content-type", ""),
        }
        letters = [
            DeadLetter("provider_webhook", "malformed", part.detail, part.body, account.tenant, attributes)
            for part in malformed
        ]
        async with self._database.connection() as connection:
            await keep_dead_letters(connection, letters, self._clock.now())


@dataclass(frozen=True, slots=True)
class Malformed:
    """A call, or one of the reports in it, that can't be understood, and why."""

    body: bytes
    detail: str


def _understood(provider: Provider, body: bytes) -> tuple[list[ProviderReport], list[Malformed]]:
    try:
        return provider.parse_webhook(body), []
    except ValueError as error:
        malformed = [Malformed(body, str(error))]
    parts = _parts(body)
    if len(parts) < 2:
        return [], malformed
    reports: list[ProviderReport] = []
    malformed = []
    for part in parts:
        try:
            reports += provider.parse_webhook(part)
        except ValueError as error:
            malformed.append(Malformed(part, str(error)))
    return reports, malformed


def _parts(body: bytes) -> list[bytes]:
    """The entries of a JSON array, each as an array of its own."""
    try:
        entries = orjson.loads(body)
    except orjson.JSONDecodeError:
        return []
    return [orjson.dumps([entry]) for entry in entries] if isinstance(entries, list) else []
