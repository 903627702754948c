"""A tenant with templates, a file of customers, and ways to look at what a send wrote."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from shared.contracts.alimtalk import Approval
from shared.contracts.tickets import SendTicket
from shared.credits.plans.granting import grant
from shared.customers.files.people import CustomerFile, Recipient
from shared.customers.files.problems import RowProblem
from shared.platform.database import Database
from shared.platform.pubsub import BULK_SEND_REQUESTS
from shared.templates.store import save_templates
from shared.templates.template import TemplateContent
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

PATIENCE_SECONDS = 20

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

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for what only the database tells."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not is_so():  # noqa: ASYNC110 - Postgres tells it in no other way
                await asyncio.sleep(0.001)

    def count(self, table: str) -> int:
        return int(self.rows(f"select count(*) as n from {table}")[0]["n"])  # noqa: S608


class HeldFile(CustomerFile):
    """A file whose reader stops before a row until it may go on, as a process does that somebody suspends.

    Args:
        path: the file.
        before: the row, from 0.
        reading: of how many times that the file is gone through, from 1.
    """

    def __init__(self, path: Path, before: int, *, reading: int = 1) -> None:
        super().__init__(path)
        self._before, self._reading, self._begun = before, reading, 0
        self._reached, self._go_on = threading.Event(), threading.Event()

    def __iter__(self) -> Iterator[Recipient | RowProblem]:
        self._begun += 1
        for number, row in enumerate(super().__iter__()):
            if (self._begun, number) == (self._reading, self._before):
                self._reached.set()
                assert self._go_on.wait(PATIENCE_SECONDS)
            yield row

    async def reached(self) -> None:
        assert await asyncio.to_thread(self._reached.wait, PATIENCE_SECONDS)

    def go_on(self) -> None:
        self._go_on.set()


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
