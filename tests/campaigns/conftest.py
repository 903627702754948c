"""A tenant with templates, a file of customers, and ways to look at what a send wrote."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from shared.campaigns.file import CustomerFile
from shared.contracts import SendTicket
from shared.platform.database import Database, fetch_all
from shared.platform.pubsub import Outgoing
from shared.templates.store import save_template
from shared.templates.template import TemplateContent
from shared.tenants.store import save_tenant
from tests.clock import SettableClock
from tests.databases import Migrated
from tests.funds import give_credit, give_plan

TENANT = "saas"
NOW = dt.datetime(2026, 11, 21, 1, 0, 0, 123_000, tzinfo=dt.UTC)
RECEIPT = TemplateContent.model_validate(
    {
        "variables": {"이름": "customer.name", "금액": "data.amount | number"},
        "alimtalk": {"code": "KA01-receipt", "text": "#{이름}님, #{금액}원을 받았습니다."},
    }
)
NOTICE = TemplateContent.model_validate({"sms": {"text": "[공지] #{말}"}})


@dataclass
class Published:
    """A publisher that keeps what it is given."""

    tickets: list[SendTicket] = field(default_factory=list)

    async def publish(self, topic: str, messages: Sequence[Outgoing]) -> None:
        assert topic == "send-requests"
        self.tickets += [SendTicket.model_validate_json(message.data) for message in messages]


@dataclass
class Shop:
    """The tenant, seen by its API and by the database's owner."""

    api: Database
    owner: Database
    urls: Migrated
    clock: SettableClock
    published: Published

    async def rows(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        """What the owner reads, whatever the tenant."""
        async with self.owner.connection() as connection:
            return await fetch_all(connection, statement, parameters)

    async def count(self, table: str) -> int:
        return int((await self.rows(f"select count(*) as n from {table}"))[0]["n"])  # noqa: S608


@pytest.fixture
async def shop(database: Migrated) -> AsyncIterator[Shop]:
    api = Database(database.role_url("allim_api"), pool_size=4)
    owner = Database(database.url, pool_size=2)
    async with owner.transaction() as connection:
        for tenant in (TENANT, "other"):
            await save_tenant(connection, tenant, tenant, now=NOW)
            await give_credit(connection, tenant)
            await give_plan(connection, tenant)
        await save_template(connection, TENANT, "receipt", RECEIPT, "approved", now=NOW)
        await save_template(connection, TENANT, "draft", RECEIPT, now=NOW)
        await save_template(connection, TENANT, "notice", NOTICE, now=NOW)
        await save_template(connection, "other", "secret", NOTICE, now=NOW)
    yield Shop(api, owner, database, SettableClock(NOW), Published())
    await api.close()
    await owner.close()


@pytest.fixture
def csv_file(tmp_path: Path) -> Callable[..., CustomerFile]:
    """Writes a file's lines and opens it."""

    def write(*lines: str, encoding: str = "utf-8") -> CustomerFile:
        path = tmp_path / "customers.csv"
        path.write_text("\n".join(lines) + "\n", encoding=encoding)
        return CustomerFile(path)

    return write
