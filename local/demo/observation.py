"""What really came of a day: read from Postgres as an operator, and from the provider's own list."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, LiteralString
from uuid import UUID

import httpx
import psycopg
from psycopg.rows import class_row, dict_row

from local.examples.files import Example
from local.stack import Stack
from shared.credits.ledger.audit import Audit, audit
from shared.platform.database import Database

SIMULATOR_SECONDS = 30


@dataclass(frozen=True)
class Message:
    """A row of `messages`."""

    id: UUID
    tenant: str
    customer: str
    template: str
    channel: str
    status: str
    reason: str | None
    attempt: int
    price: Decimal | None
    due_at: dt.datetime
    created_at: dt.datetime


@dataclass(frozen=True)
class Acceptance:
    """A message that the provider took charge of.

    kind: `ATA`, `SMS` or `LMS`.
    status: the code that it stands at.
    template: the one whose words it bears, None when no template of the sender's has such words.
    """

    tenant: str
    to: str
    kind: str
    status: str
    template: str | None
    text: str
    at: dt.datetime


@dataclass(frozen=True)
class Progress:
    """How far the stack is.

    settled: messages of which nothing more is to come.
    """

    events: int
    dead_letters: int
    timers: int
    settled: int
    by_status: Mapping[str, int]
    fell_back: int


@dataclass(frozen=True)
class Ledger:
    """What the credits came to.

    captured: won by tenant.
    held: won still held for messages, by tenant.
    audit: all of it recomputed from end to end.
    """

    captured: Mapping[str, Decimal]
    held: Mapping[str, Decimal]
    audit: Audit


@dataclass(frozen=True)
class Observation:
    """All that came of a day."""

    messages: Sequence[Message]
    acceptances: Sequence[Acceptance]
    timers: Counter[tuple[str, str]]
    dead_letters: Sequence[tuple[str, bytes]]
    events: int
    ledger: Ledger


FINAL = ("expired", "cancelled", "suppressed", "failed", "delivered", "read")

STATUSES = """
select status::text, count(*) as messages, count(*) filter (where position > 0) as fell_back
from messages group by status
"""
COUNTS = """
select (select count(*) from events) as events, (select count(*) from dead_letters) as dead_letters,
  (select count(*) from timers) as timers
"""
TOLD = """
select tenant, customer, template from messages where status in ('delivered', 'read') and template = any(%s)
"""
KNOWN = "select tenant, id from events where id = any(%s)"
MESSAGES = """
select id, tenant, customer, template, channel, status::text, reason, attempt, price, due_at, created_at from messages
"""
TIMERS = "select tenant, workflow, count(*) as steps from timers group by tenant, workflow"
LEDGER = """
select tenant, coalesce(-sum(balance_change) filter (where kind = 'capture'), 0) as captured, sum(hold_change) as held
from ledger_entries group by tenant order by tenant
"""
DEAD_LETTERS = "select reason, body from dead_letters order by received_at"


class Observer:
    """Looks at a running stack as the operator, who may read everything and change nothing.

    Args:
        stack: the one to look at.
        examples: whose words tell what the provider was given.
    """

    def __init__(self, stack: Stack, examples: Iterable[Example]) -> None:
        self._database_url = stack.role_database_urls["allim_operator"]
        self._connection = psycopg.connect(self._database_url, autocommit=True, row_factory=dict_row)
        self._simulator_url = stack.simulator_url
        self._reader = WordReader(examples)

    def close(self) -> None:
        self._connection.close()

    def progress(self) -> Progress:
        """How far it is now."""
        statuses = self._rows(STATUSES)
        by_status = {row["status"]: row["messages"] for row in statuses}
        return Progress(
            **self._rows(COUNTS)[0],
            settled=sum(by_status.get(status, 0) for status in FINAL),
            by_status=by_status,
            fell_back=sum(row["fell_back"] for row in statuses),
        )

    def told(self, templates: Sequence[str]) -> set[tuple[str, str, str]]:
        """Who has received which of `templates`: tenant, customer and template."""
        return {(row["tenant"], row["customer"], row["template"]) for row in self._rows(TOLD, [templates])}

    def known(self, events: Sequence[str]) -> set[tuple[str, str]]:
        """Which of `events` were taken in: tenant and id."""
        return {(row["tenant"], row["id"]) for row in self._rows(KNOWN, [events])}

    def observe(self) -> Observation:
        """All that there is to see."""
        with self._connection.cursor(row_factory=class_row(Message)) as cursor:
            messages = cursor.execute(MESSAGES).fetchall()
        answer = httpx.get(f"{self._simulator_url}/control/accepted", timeout=SIMULATOR_SECONDS, trust_env=False)
        return Observation(
            messages=messages,
            acceptances=[self._reader.acceptance(entry) for entry in answer.raise_for_status().json()["accepted"]],
            timers=Counter({(row["tenant"], row["workflow"]): row["steps"] for row in self._rows(TIMERS)}),
            dead_letters=[(row["reason"], bytes(row["body"])) for row in self._rows(DEAD_LETTERS)],
            events=self._rows(COUNTS)[0]["events"],
            ledger=self._ledger(),
        )

    def _ledger(self) -> Ledger:
        rows = self._rows(LEDGER)
        return Ledger(
            captured={row["tenant"]: row["captured"] for row in rows},
            held={row["tenant"]: row["held"] for row in rows},
            audit=asyncio.run(_audit(self._database_url)),
        )

    def _rows(self, statement: LiteralString, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        return self._connection.execute(statement, parameters).fetchall()


async def _audit(database_url: str) -> Audit:
    database = Database(database_url, pool_size=1)
    try:
        return await audit(database)
    finally:
        await database.close()


class WordReader:
    """Tells by its words which template a text was made from; the provider knows no names of ours."""

    def __init__(self, examples: Iterable[Example]) -> None:
        self._tenants: dict[str, str] = {}
        self._patterns: dict[tuple[str, bool], list[tuple[str, re.Pattern[str]]]] = {}
        for example in examples:
            tenant = example.tenant.id
            self._tenants |= {account.sender or "": tenant for account in example.tenant.sent_by}
            for template in example.templates:
                words = template.sms or template.alimtalk
                for is_alimtalk, text in ((True, template.alimtalk), (False, words)):
                    if text is not None:
                        self._patterns.setdefault((tenant, is_alimtalk), []).append(
                            (template.name, _pattern(text.text))
                        )

    def acceptance(self, entry: Mapping[str, Any]) -> Acceptance:
        """An entry of the simulator's list."""
        tenant, text, kind = self._tenants[entry["from"]], entry["text"], entry["type"]
        return Acceptance(
            tenant=tenant,
            to=entry["to"],
            kind=kind,
            status=entry["status"],
            template=self.template_of(tenant, text, is_alimtalk=kind == "ATA"),
            text=text,
            at=dt.datetime.fromisoformat(entry["at"]),
        )

    def template_of(self, tenant: str, text: str, *, is_alimtalk: bool) -> str | None:
        """The template of the tenant's that `text` is one filling of; None unless there is exactly one."""
        patterns = self._patterns.get((tenant, is_alimtalk), [])
        names = [name for name, pattern in patterns if pattern.fullmatch(text)]
        return names[0] if len(names) == 1 else None


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile("(.+?)".join(map(re.escape, re.split(r"#\{[^{}]+\}", text))), re.DOTALL)
