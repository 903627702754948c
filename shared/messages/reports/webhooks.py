"""Providers call us: verify, parse, hand on, answer fast.

Who calls is asked before a byte of the call is read, and is known by a digest: nothing here opens anything.
"""

from __future__ import annotations

import datetime as dt
import hmac
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import orjson

from shared.contracts.reports import ProviderReport, ReportBatch
from shared.contracts.values import TENANT_ID
from shared.platform.clock import Clock
from shared.platform.database import Database
from shared.platform.doors.counts_store import decide_admitted
from shared.platform.doors.misses import Misses
from shared.platform.errors import AllimError
from shared.platform.logs import log
from shared.platform.pubsub import DELIVERY_CALLBACKS, Outgoing, Publisher
from shared.platform.signals.dead_letters import DeadLetter, keep_dead_letters
from shared.providers import Provider, TemplateCaller
from shared.tenants.webhook_store import KnownBy, known_by
from shared.tenants.webhooks import digest_of

MAX_WEBHOOK_BYTES = 5_000_000
REPORTS_A_MESSAGE = 1_000
REMEMBER_FOR = dt.timedelta(seconds=30)
MOST_REMEMBERED = 10_000
"""Accounts, and again names of none. One takes some 300 bytes."""

ACCOUNT_ID = r"[a-z][a-z0-9-]{0,39}"

DOOR = "provider_webhook"
MOST_PARTS = 50_000
"""Of one call that are looked at apart. The smallest report has a hundred bytes, so no true call has more."""

LETTERS_AN_HOUR = 200
"""Of one account, each of up to `LETTER_BYTES`; a larger one counts as several. So a tenant, which knows its own
secret, adds 20 MB an hour at most, whatever it calls with."""

LETTER_BYTES = 100_000


Remembered = TypeVar("Remembered")


class WebhookRefused(AllimError):  # noqa: N818 - it names the outcome
    """A call from outside that is not taken."""


class Webhooks:
    """Takes providers' calls.

    Args:
        database: for digests and dead letters.
        publisher: for `delivery-callbacks`.
        providers: by name.
        look_soon: has the templates of an account looked at, by tenant and account.
        clock: the time.
    """

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        providers: Mapping[str, Provider],
        look_soon: Callable[[str, str], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._database = database
        self._look_soon = look_soon
        self._publisher = publisher
        self._providers = providers
        self._clock = clock
        # Apart, so that names of none never push out an account.
        self._accounts: OrderedDict[tuple[str, str], tuple[dt.datetime, KnownBy]] = OrderedDict()
        self._nobodies: OrderedDict[tuple[str, str], dt.datetime] = OrderedDict()
        self._misses = Misses(clock)

    async def let_in(self, path: str, headers: Mapping[str, str], source: str) -> KnownBy:
        """Whose account a call to `/<provider>/<tenant>/<account>` speaks of, once it has proved to be the provider's.

        Args:
            path, headers: of the call.
            source: who calls, as the platform says.

        Raises:
            WebhookRefused: 401 `unauthorized` when the account is unknown or the secret is wrong, which look the same
                from outside; 429 `too_many_calls` for unknown accounts from one source; 503 `secret_not_filled_in` for
                an account from before digests were kept, until its is there.
        """
        provider, tenant, account = ([*path.strip("/").split("/"), "", "", ""])[:3]
        # A path may hold anything: what can't be a name is neither looked up nor remembered.
        is_name = re.fullmatch(TENANT_ID, tenant) and re.fullmatch(ACCOUNT_ID, account)
        known = await self._known(tenant, account, source) if provider in self._providers and is_name else None
        if known is not None and known.provider == provider:
            if known.digest is None:
                detail = "the digest of the account's webhook secret is still to be filled in: run `allim migrate`"
                raise WebhookRefused("secret_not_filled_in", detail, status=503)
            proof = self._providers[provider].proof_of(headers)
            if proof and hmac.compare_digest(digest_of(tenant, account, proof), known.digest):
                return known
        raise WebhookRefused("unauthorized", "no such account, or its secret is another one", status=401)

    async def receive(self, account: KnownBy, headers: Mapping[str, str], body: bytes) -> None:
        """Take what was let in.

        Raises:
            WebhookRefused: 400 `malformed` when it is not what the provider sends, and then it is a dead letter too.
                Of several reports that came in one call, only those are dead letters that can't be understood.
        """
        provider = self._providers[account.provider]
        if isinstance(provider, TemplateCaller) and provider.tells_of_templates(body):
            await self._look_soon(account.tenant, account.account)
            return
        reports, malformed = _understood(provider, body)
        if malformed:
            await self._keep(account, malformed, headers)
        if malformed and not reports:
            raise WebhookRefused("malformed", f"not what {account.provider} sends: {malformed[0].detail}")
        batches = [
            ReportBatch(
                tenant=account.tenant,
                provider=account.provider,
                account=account.account,
                reports=tuple(reports[start : start + REPORTS_A_MESSAGE]),
            )
            for start in range(0, len(reports), REPORTS_A_MESSAGE)
        ]
        if batches:
            outgoing = [Outgoing(batch.model_dump_json().encode()) for batch in batches]
            await self._publisher.publish(DELIVERY_CALLBACKS, outgoing)

    async def _known(self, tenant: str, account: str, source: str) -> KnownBy | None:
        now, name = self._clock.now(), (tenant, account)
        kept = self._accounts.get(name)
        if kept is not None and now - kept[0] <= REMEMBER_FOR:
            return kept[1]
        nobody_since = self._nobodies.get(name)
        if nobody_since is not None and now - nobody_since <= REMEMBER_FOR:
            return None
        # An account that was there a moment ago is asked for however many guess: it costs a look-up each half a minute.
        if kept is None and self._misses.are_too_many(source):
            raise WebhookRefused("too_many_calls", "too many calls for accounts that do not exist", status=429)
        async with self._database.connection() as connection:
            found = await known_by(connection, tenant, account)
        if found is None:
            self._accounts.pop(name, None)
            _remember(self._nobodies, name, now)
            self._misses.count(source)
        else:
            _remember(self._accounts, name, (now, found))
        return found

    async def _keep(self, account: KnownBy, malformed: Sequence[Malformed], headers: Mapping[str, str]) -> None:
        attributes = {
            "provider": account.provider,
            "account": account.account,
            "content-type": headers.get("content-type", "")[:200],
        }
        letters = [
            DeadLetter(DOOR, "malformed", part.detail, part.body, account.tenant, attributes) for part in malformed
        ]
        costs = [1 + len(letter.body) // LETTER_BYTES for letter in letters]
        now, source = self._clock.now(), f"{account.tenant}/{account.account}"
        async with self._database.connection() as connection:
            room, first = await decide_admitted(connection, DOOR, source, sum(costs), most=LETTERS_AN_HOUR, now=now)
            kept = _that_fit(letters, costs, room)
            if len(kept) < len(letters):
                fields = {"tenant": account.tenant, "account": account.account, "number": len(letters) - len(kept)}
                log(DOOR).warning("malformed reports counted and not kept", extra={"fields": fields})
            if first:
                detail = (
                    f"more than {LETTERS_AN_HOUR} in this hour: the others are counted in door_counts, and not kept"
                )
                kept.append(DeadLetter(DOOR, "too_many_malformed", detail, b"", account.tenant, attributes))
            await keep_dead_letters(connection, kept, now)


def _that_fit(letters: Sequence[DeadLetter], costs: Sequence[int], room: int) -> list[DeadLetter]:
    """The letters for which there is room, in their order; a large one stops no small one behind it."""
    kept = []
    for letter, cost in zip(letters, costs, strict=True):
        if cost <= room:
            kept.append(letter)
            room -= cost
    return kept


def _remember(kept: OrderedDict[tuple[str, str], Remembered], name: tuple[str, str], what: Remembered) -> None:
    kept[name] = what
    kept.move_to_end(name)
    if len(kept) > MOST_REMEMBERED:
        kept.popitem(last=False)


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
    parts, deep = _parts(provider, body)
    if not 2 <= len(parts) + deep <= MOST_PARTS:
        return [], malformed
    reports: list[ProviderReport] = []
    malformed = [Malformed(body, f"brackets too deep within others in {deep:,} of its reports")] if deep else []
    for part in parts:
        try:
            reports += provider.parse_webhook(part)
        except ValueError as error:
            malformed.append(Malformed(part, str(error)))
    return reports, malformed


def _parts(provider: Provider, body: bytes) -> tuple[list[bytes], int]:
    """The reports of a call, each as a call of its own; and how many can be read but not written so, for a reader takes
    more brackets within brackets than a writer."""
    try:
        call = orjson.loads(body)
    except orjson.JSONDecodeError:
        return [], 0
    parts, deep = [], 0
    for entry in provider.webhook_entries(call):
        try:
            parts.append(orjson.dumps(entry))
        except orjson.JSONEncodeError:
            deep += 1
    return parts, deep
