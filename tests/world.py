"""What the engine's tests stand on: a clock that moves when told, a publisher that remembers, tenants, their rows."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from itertools import count
from typing import Any

import orjson
import psycopg
from psycopg.rows import DictRow, dict_row

from shared.contracts.events import SubscriptionEvent
from shared.contracts.tickets import SendTicket
from shared.credits.ledger.ledger import top_up
from shared.messages.dispatch.store import Claimed, decide_claims
from shared.operations.backups.signing import SigningKeys
from shared.platform.crypto import Keys
from shared.platform.database import Database
from shared.platform.ids import new_id
from shared.platform.pubsub import SEND_REQUESTS, Outgoing
from shared.providers import ProviderAccount
from shared.templates.store import save_templates
from shared.templates.template import TemplateContent
from shared.tenants.accounts import register_account
from shared.tenants.store import save_tenant
from shared.workflows.definition import WorkflowDefinition
from shared.workflows.outcomes import Outcome, outcome_of
from shared.workflows.store import save_workflows
from tests.clock import NOON, SettableClock
from tests.databases import Migrated

KEY = bytes(range(32))
KEYS = Keys([KEY])
BACKUP_KEY = bytes(range(100, 132))
BACKUP_KEYS = SigningKeys([BACKUP_KEY])
OWNERS_CONNECTIONS, ROLES_CONNECTIONS = 8, 8
PATIENCE_SECONDS = 10
SOURCE = "//app.example/events"

WELCOME = {"name": "welcome", "on": "subscription.signup", "steps": [{"send": "welcome"}]}
TEMPLATES: Mapping[str, Any] = {
    "welcome": {
        "variables": {"이름": "customer.name"},
        "alimtalk": {"code": "KA-welcome", "text": "#{이름}님, 환영합니다."},
    },
    "reminder": {
        "variables": {"이름": "customer.name", "시간": "data.starts_at | time"},
        "sms": {"text": "#{이름}님, #{시간}에 만나요."},
    },
}


class RecordingPublisher:
    """Keeps what is published; raises instead while `away`."""

    def __init__(self) -> None:
        self.published: list[tuple[str, Any]] = []
        self.away = False

    async def publish(self, topic: str, messages: Sequence[Outgoing]) -> None:
        if self.away:
            raise ConnectionError("Pub/Sub is away")
        self.published += [(topic, orjson.loads(message.data)) for message in messages]


class World:
    """A database with tenants in it.

    Args:
        migrated: the database.
        clock: the time of whatever the world makes; one that stands at noon unless told.
    """

    def __init__(self, migrated: Migrated, clock: SettableClock | None = None) -> None:
        self.migrated = migrated
        self.clock = clock or SettableClock()
        self.publisher = RecordingPublisher()
        self.owner = Database(migrated.url, pool_size=OWNERS_CONNECTIONS)
        self._pools: dict[str, Database] = {}
        # Whoever looks must not wait for what a test holds itself: it would wait for ever.
        self._looks = psycopg.connect(
            migrated.url, autocommit=True, row_factory=dict_row, options="-c lock_timeout=20s"
        )
        self._numbers = count(1)

    def as_role(self, role: str) -> Database:
        """A pool for one of the functions' roles."""
        if role not in self._pools:
            self._pools[role] = Database(self.migrated.role_url(role), pool_size=ROLES_CONNECTIONS)
        return self._pools[role]

    async def close(self) -> None:
        self._looks.close()
        for pool in [self.owner, *self._pools.values()]:
            await pool.close()

    async def tenant(
        self,
        *workflows: Mapping[str, Any],
        id_: str | None = None,
        templates: Mapping[str, Any] = TEMPLATES,
        approval: Any = "approved",
        account: bool = True,
        webhook: str | None = "hook",
        api_key: str | None = None,
        credit: int = 1_000_000,
    ) -> str:
        """Make a tenant, which can send.

        Args:
            workflows: the welcome unless told.
            id_: its id, and its name; one of its own unless told.
            templates: by name.
            approval: Kakao's, of them all.
            account: whether it has one at a provider.
            webhook: the secret by which the provider calls; None for an account without one.
            api_key: names its account at the provider; one of its own unless told.
            credit: won that it has.

        Returns:
            Its id.
        """
        tenant, now = id_ or f"tenant-{next(self._numbers)}", self.clock.now()
        contents = {name: (TemplateContent.model_validate(content), approval) for name, content in templates.items()}
        definitions = [WorkflowDefinition.model_validate(written) for written in workflows or [WELCOME]]
        async with self.owner.transaction() as connection:
            await save_tenant(connection, tenant, tenant, now=now)
            if account:
                secrets = {"api_key": api_key or f"key of {tenant}", "api_secret": "secret"}
                secrets |= {"webhook_secret": webhook} if webhook else {}
                main = ProviderAccount(tenant, "main", "solapi", "021234567", "pf", secrets)
                await register_account(connection, KEYS, main, now=now)
            await save_templates(connection, tenant, contents, now=now)
            await save_workflows(connection, tenant, definitions, now=now)
            if credit:
                await top_up(connection, tenant, Decimal(credit), key="given", reference="given", now=now)
        return tenant

    async def group(self, tenant: str, group: str, *customers: Mapping[str, Any]) -> None:
        """Make a group of customers."""
        async with self.owner.transaction() as connection:
            await connection.execute(
                "insert into groups (tenant, id, name) values (%s, %s, %s)", [tenant, group, group]
            )
            for person in customers:
                await connection.execute(
                    "insert into customers (tenant, id, name, phone, as_of) values (%s, %s, %s, %s, '-infinity')"
                    " on conflict do nothing",
                    [tenant, person["id"], person["name"], person.get("phone")],
                )
                await connection.execute("insert into group_members values (%s, %s, %s)", [tenant, group, person["id"]])

    def rows(self, statement: str, *places: Any, **names: Any) -> list[DictRow]:
        """What a statement of the database's owner answers.

        Args:
            statement: with `%s` or with `%(name)s`.
            places: values in their order.
            names: or by their names.
        """
        cursor = self._looks.execute(statement.encode(), names or places)
        return cursor.fetchall() if cursor.description else []

    async def lock_waiters(self, number: int) -> None:
        """Wait until so many statements wait for a lock that somebody else holds."""
        waiting = (
            "select count(*) as number from pg_stat_activity"
            " where wait_event_type = 'Lock' and datname = current_database()"
        )
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.rows(waiting)[0]["number"] < number:  # noqa: ASYNC110 - Postgres tells it in no other way
                await asyncio.sleep(0.001)

    def messages(self, tenant: str) -> list[DictRow]:
        return self.rows("select *, status::text from messages where tenant = %s order by due_at, customer", tenant)

    def statuses(self, tenant: str) -> list[tuple[str, str | None]]:
        """Status and reason of each message, in the order of their moments."""
        return [(row["status"], row["reason"]) for row in self.messages(tenant)]

    def outcomes(self, tenant: str) -> dict[str, list[Outcome]]:
        """What is kept of each event's outcomes, by its id; nothing where its messages tell all."""
        rows = self.rows("select id, outcomes from events where tenant = %s", tenant)
        return {row["id"]: [outcome_of(kept) for kept in row["outcomes"]] for row in rows}

    def did(self, tenant: str) -> dict[str, list[str]]:
        """What each event did, by its id."""
        return {id_: [outcome.did for outcome in outcomes] for id_, outcomes in self.outcomes(tenant).items()}

    def dead_letters(self, tenant: str | None) -> list[tuple[str, str]]:
        """Reason and detail of a tenant's dead letters, oldest first."""
        found = self.rows(
            "select reason, detail from dead_letters where tenant is not distinct from %s order by ctid", tenant
        )
        return [(row["reason"], row["detail"]) for row in found]

    def last_dead_letter(self) -> DictRow:
        """The one that was kept last. On a clock that stands still only the transaction tells: a place in the table may
        be one that was free before."""
        return self.rows("select * from dead_letters order by xmin::text::bigint desc, ctid desc limit 1")[0]

    @contextmanager
    def out_of_reach(self, role: str) -> Iterator[None]:
        """For as long as the block lasts, Postgres ends every session in which a role keeps an event or dead letter."""
        end = "pg_terminate_backend(pg_backend_pid())"
        with psycopg.connect(self.migrated.url, autocommit=True) as connection:
            for table in ("events", "dead_letters"):
                policy = f"create policy away on {table} as restrictive to {role} using ({end}) with check ({end})"
                connection.execute(policy.encode())
            yield
            for table in ("events", "dead_letters"):
                connection.execute(f"drop policy away on {table}".encode())

    async def claim_waiting(self, tenant: str) -> list[Claimed]:
        """Claim all that waits to be sent, as on_send_request does with its tickets."""
        bodies = self.rows("select body from outbox where tenant = %s and topic = %s", tenant, SEND_REQUESTS)
        tickets = [SendTicket.model_validate(row["body"]) for row in bodies]
        now = self.clock.now()
        async with self.as_role("allim_sender").connection() as connection:
            return await decide_claims(
                connection,
                tickets,
                {tenant: new_id(now)},
                topic=SEND_REQUESTS,
                now=now,
                lease_until=now + dt.timedelta(minutes=1),
            )


def event_fields(
    tenant: str,
    id_: str = "e-1",
    kind: str = "subscription.signup",
    *,
    time: dt.datetime | str = NOON,
    customer: Mapping[str, Any] | None = None,
    **data: Any,
) -> dict[str, Any]:
    """An event as a source sends it."""
    person = {"id": "c-1", "name": "홍길동", "phone": "010-9000-4000", **(customer or {})}
    return {
        "specversion": "1.0",
        "id": id_,
        "source": SOURCE,
        "type": kind,
        "time": time if isinstance(time, str) else time.isoformat(),
        "tenant": tenant,
        "data": {"customer": {name: value for name, value in person.items() if value is not ...}, **data},
    }


def event(tenant: str, id_: str = "e-1", kind: str = "subscription.signup", **parts: Any) -> SubscriptionEvent:
    """The same, understood. Arguments as of `event_fields`."""
    return SubscriptionEvent.model_validate(event_fields(tenant, id_, kind, **parts))
