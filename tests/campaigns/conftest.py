"""A tenant with templates, a file of customers, and ways to look at what a send wrote."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from shared.contracts import SendTicket
from shared.credits.plans.granting import grant
from shared.customers.files.people import CustomerFile
from shared.platform.database import Database
from shared.platform.pubsub import BULK_SEND_REQUESTS
from shared.templates.store import save_templates
from shared.templates.template import Approval, TemplateContent
from tests.clock import SettableClock
from tests.credits.ledger_world import LedgerWorld
from tests.databases import Migrated
from tests.world import World

TENANT = "saas"
NOW = dt.datetime(2026, 11, 21, 1, 0, 0, 123_000, tzinfo=dt.UTC)
RECEIPT = {
    "variables": {"이름": "customer.name", "금액": "data.amount | number"},
    "alimtalk": {"code": "KA01-receipt", "text": "#{이름}님, #{금액}원을 받았습니다."},
}
SINCE = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
"""Since when it has its plan."""

NOTICE = {"sms": {"text": "[공지] #{말}"}}


class Shop(World):
    """A tenant with templates, seen by its API and by the database's owner."""

    @property
    def api(self) -> Database:
        return self.as_role("allim_api")

    @property
    def tickets(self) -> list[SendTicket]:
        """All that were published."""
        return [
            SendTicket.model_validate(body) for topic, body in self.publisher.published if topic == BULK_SEND_REQUESTS
        ]

    def count(self, table: str) -> int:
        return int(self.rows(f"select count(*) as n from {table}")[0]["n"])  # noqa: S608


@pytest.fixture
async def shop(database: Migrated) -> AsyncIterator[Shop]:
    shop = Shop(database, SettableClock(NOW))
    await shop.tenant(id_=TENANT, templates={"receipt": RECEIPT}, account=False)
    await shop.tenant(id_="other", templates={"secret": NOTICE}, approval="draft", account=False)
    async with shop.owner.transaction() as connection:
        words = {"draft": RECEIPT, "notice": NOTICE}
        drafts: dict[str, tuple[TemplateContent, Approval]] = {
            name: (TemplateContent.model_validate(written), "draft") for name, written in words.items()
        }
        await save_templates(connection, TENANT, drafts, now=NOW)
        for tenant in (TENANT, "other"):
            await grant(connection, tenant, "PRO", SINCE, why="a test")
    yield shop
    await shop.close()


@pytest.fixture
def csv_file(tmp_path: Path) -> Callable[..., CustomerFile]:
    """Writes a file's lines and opens it."""

    def write(*lines: str, encoding: str = "utf-8") -> CustomerFile:
        path = tmp_path / "customers.csv"
        path.write_text("\n".join(lines) + "\n", encoding=encoding)
        return CustomerFile(path)

    return write


@pytest.fixture
def world(ledger_world: LedgerWorld) -> LedgerWorld:
    return ledger_world
