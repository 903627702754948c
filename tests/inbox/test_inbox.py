"""The inbox: a message once, copied to Firestore for apps to watch, and reported when they mark it as read."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.inbox.firestore import Firestore, segment_of
from shared.inbox.keeping import Shelf
from shared.inbox.projecting import LIFE, LONGEST, Marks, Projection
from shared.messages.reports.reporting import Reports
from shared.platform.ids import new_id
from shared.providers import OutboundMessage, ProviderAccount, Submission
from shared.providers.inapp import InApp
from tests.world import World

ACCOUNT_ID = "inbox"
TITLE, TEXT, LINK = "주문", "상품이 도착했습니다.", "myshop://orders/1"


@dataclass
class Inbox:
    """A tenant with an inbox, and the ways to look at it."""

    world: World
    tenant: str
    firestore: Firestore | None

    def customer(self, id_: str) -> str:
        self.world.rows(
            "insert into customers (tenant, id, as_of) values (%s, %s, %s)", self.tenant, id_, self.world.clock.now()
        )
        return id_

    async def put(self, customer: str, message: UUID | None = None, attempt: int = 0) -> UUID:
        """A message, as the sender hands it over."""
        message = message or uuid4()
        shelf = Shelf(self.world.as_role("allim_sender"), self.world.clock)
        account = ProviderAccount(self.tenant, ACCOUNT_ID, "inapp", "", None, {})
        outbound = OutboundMessage(message, attempt, "inapp", customer, TEXT, subject=TITLE, link=LINK)
        submitted = await InApp(shelf).submit(account, Submission(uuid4(), self.world.clock.now(), [outbound]))
        self.accepted = [each.message for each in submitted.accepted]
        self.refused = [each.code for each in submitted.refused]
        return message

    async def project(self) -> None:
        await Projection(self.world.as_role("allim_sweeper"), self.firestore, self.world.clock).project()

    async def collect(self) -> None:
        await self.marks().collect()

    def marks(self) -> Marks:
        sweeper = self.world.as_role("allim_sweeper")
        reports = Reports(sweeper, self.world.publisher, self.world.clock)
        return Marks(sweeper, self.firestore, reports, self.world.clock)

    def kept(self) -> list[dict[str, Any]]:
        rows = self.world.rows("select * from inbox where tenant = %s order by message", self.tenant)
        return [dict(row) for row in rows]

    def owed(self) -> int:
        return int(self.world.rows("select count(*) from inbox_documents where tenant = %s", self.tenant)[0]["count"])


@pytest.fixture
async def inbox(world: World) -> Inbox:
    return Inbox(world, await world.tenant(account=False), None)


class Documents:
    """What an app sees and does at the emulator.

    Args:
        http: the emulator.
        root: of the documents, as Firestore names it.
    """

    def __init__(self, http: httpx.AsyncClient, root: str) -> None:
        self._http = http
        self._root = root

    async def of(self, inbox: Inbox, customer: str) -> list[dict[str, Any]]:
        query = {"structuredQuery": {"from": [{"collectionId": "inbox", "allDescendants": True}]}}
        found = await self._posted(f"/v1/{self._root}:runQuery", query)
        of_customer = f"{self._root}/tenants/{inbox.tenant}/customers/{segment_of(customer)}/inbox/"
        return [each["document"] for each in found if each.get("document", {}).get("name", "").startswith(of_customer)]

    async def mark(self, name: str, moment: str) -> None:
        """As an app does: no other field than that."""
        fields = {"read_at": {"timestampValue": moment}}
        write = {"update": {"name": name, "fields": fields}, "updateMask": {"fieldPaths": ["read_at"]}}
        await self._posted(f"/v1/{self._root}:commit", {"writes": [write]})

    async def _posted(self, path: str, body: dict[str, Any]) -> Any:
        answer = await self._http.post(path, json=body, headers={"Authorization": "Bearer owner"})
        return answer.raise_for_status().json()


@pytest.fixture
async def documents(emulator: str, inbox: Inbox) -> AsyncIterator[Documents]:
    """The emulator, where the inbox is copied to."""
    project = f"p-{uuid4().hex[:12]}"
    async with httpx.AsyncClient(base_url=emulator, trust_env=False, timeout=20) as http:
        inbox.firestore = Firestore(emulator, project, "(default)", inbox.world.clock, metadata=None, client=http)
        yield Documents(http, f"projects/{project}/databases/(default)/documents")


async def test_a_message_is_kept_once_however_often_it_comes(inbox: Inbox) -> None:
    customer = inbox.customer("c-1")
    message = await inbox.put(customer)
    await inbox.put(customer, message, attempt=1)
    [kept] = inbox.kept()
    assert (kept["message"], kept["attempt"], kept["customer"]) == (message, 1, customer)
    assert (kept["title"], kept["text"], kept["link"], kept["read_at"]) == (TITLE, TEXT, LINK, None)
    assert inbox.accepted == [message]
    assert inbox.owed() == 1


async def test_one_whose_customer_is_gone_is_refused_and_the_others_are_not(inbox: Inbox) -> None:
    await inbox.put("nobody")
    assert (inbox.accepted, inbox.refused, inbox.kept()) == ([], ["unknown_customer"], [])


async def test_where_no_app_watches_nothing_is_owed(inbox: Inbox) -> None:
    await inbox.put(inbox.customer("c-1"))
    await inbox.project()
    assert (len(inbox.kept()), inbox.owed()) == (1, 0)


ODD = ["c-1", "홍 길동", "a/b", "..", ".", "__all__", "%2E", "a%2Fb", "it's (me)!", "x" * 100]


@pytest.mark.parametrize("customer", ODD, ids=[f"name-{number}" for number in range(len(ODD))])
async def test_a_message_is_a_document_that_its_customers_app_watches(
    inbox: Inbox, documents: Documents, customer: str
) -> None:
    message = await inbox.put(inbox.customer(customer))
    await inbox.project()
    [document] = await documents.of(inbox, customer)
    assert document["name"].endswith(f"/inbox/{message}")
    fields = document["fields"]
    assert fields["title"] == {"stringValue": TITLE}
    assert fields["text"] == {"stringValue": TEXT}
    assert fields["link"] == {"stringValue": LINK}
    assert fields["read_at"] == {"nullValue": None}
    assert inbox.owed() == 0


@given(st.lists(st.text(min_size=1, max_size=50), min_size=2, max_size=10, unique=True))
def test_no_two_customers_have_one_path_and_none_a_path_that_is_firestores_own(customers: list[str]) -> None:
    customers = [each for each in customers if each.isprintable()]
    segments = [segment_of(each) for each in customers]
    assert len(set(segments)) == len(customers)
    for segment in segments:
        assert "/" not in segment
        assert segment not in (".", "..")
        assert not (segment.startswith("__") and segment.endswith("__"))


async def sent(inbox: Inbox, customer: str) -> UUID:
    """A message that left by the inbox, with its row in `messages`."""
    now = inbox.world.clock.now()
    message = new_id(now)
    inbox.world.rows(
        "insert into messages (tenant, id, customer, template, template_version, route, deadlines, channel, status,"
        " due_at, expires_at, created_at, updated_at)"
        " values (%s, %s, %s, 't', 1, '{inapp}', '{60}', 'inapp', 'sent', %s, %s, %s, %s)",
        *(inbox.tenant, message, customer, now, now, now, now),
    )
    return await inbox.put(customer, message)


def status(inbox: Inbox, message: UUID) -> str:
    [row] = inbox.world.rows("select status::text from messages where id = %s", message)
    return str(row["status"])


async def test_what_an_app_marks_as_read_is_reported_once(inbox: Inbox, documents: Documents) -> None:
    customer = inbox.customer("홍/길동")
    message, unread = await sent(inbox, customer), await sent(inbox, customer)
    await inbox.project()
    name = next(each["name"] for each in await documents.of(inbox, customer) if each["name"].endswith(str(message)))
    moment = inbox.world.clock.now()
    await documents.mark(name, moment.isoformat())
    for _ in range(2):
        inbox.world.clock.advance(60)
        await inbox.collect()
    assert (status(inbox, message), status(inbox, unread)) == ("read", "sent")
    assert [row["read_at"] for row in inbox.kept() if row["message"] == message] == [moment]
    reports = inbox.world.rows("select outcome::text, code from reports where message = %s", message)
    assert [(row["outcome"], row["code"]) for row in reports] == [("read", "read")]


async def test_what_an_app_has_marked_stays_marked_when_it_is_copied_again(inbox: Inbox, documents: Documents) -> None:
    customer = inbox.customer("c-1")
    message = await sent(inbox, customer)
    await inbox.project()
    [document] = await documents.of(inbox, customer)
    moment = inbox.world.clock.now()
    await documents.mark(document["name"], moment.isoformat())
    inbox.world.rows(
        "insert into inbox_documents (tenant, message, customer, due_at) values (%s, %s, %s, %s)",
        *(inbox.tenant, message, customer, moment),
    )
    await inbox.project()
    [document] = await documents.of(inbox, customer)
    assert document["fields"]["read_at"] != {"nullValue": None}
    assert inbox.owed() == 0


async def test_a_clock_that_is_ahead_reads_nothing_tomorrow(inbox: Inbox, documents: Documents) -> None:
    message = await sent(inbox, inbox.customer("c-1"))
    await inbox.project()
    [document] = await documents.of(inbox, "c-1")
    await documents.mark(document["name"], (inbox.world.clock.now() + dt.timedelta(days=9)).isoformat())
    await inbox.collect()
    assert status(inbox, message) == "read"
    assert [row["read_at"] for row in inbox.kept()] == [inbox.world.clock.now()]


async def test_a_document_that_is_none_of_ours_stops_nobody(inbox: Inbox, documents: Documents) -> None:
    message = await sent(inbox, inbox.customer("c-1"))
    await inbox.project()
    [document] = await documents.of(inbox, "c-1")
    moment = inbox.world.clock.now().isoformat()
    forged = document["name"].replace(f"/tenants/{inbox.tenant}/", "/tenants/another/")
    await documents.mark(forged, moment)
    await documents.mark(document["name"].replace(str(message), "no-id"), moment)
    await documents.mark(document["name"], moment)
    await inbox.collect()
    assert status(inbox, message) == "read"


async def test_what_is_read_here_is_read_there(inbox: Inbox, documents: Documents) -> None:
    message = await sent(inbox, inbox.customer("c-1"))
    await inbox.project()
    owner = Marks(
        inbox.world.owner,
        inbox.firestore,
        Reports(inbox.world.owner, inbox.world.publisher, inbox.world.clock),
        inbox.world.clock,
    )
    assert await owner.mark(message)
    assert not await owner.mark(uuid4())
    await inbox.project()
    [document] = await documents.of(inbox, "c-1")
    assert document["fields"]["told"] == {"booleanValue": True}
    assert "timestampValue" in document["fields"]["read_at"]
    assert status(inbox, message) == "read"


async def test_a_customer_who_is_erased_takes_the_documents_along(inbox: Inbox, documents: Documents) -> None:
    await inbox.put(inbox.customer("c-1"))
    await inbox.project()
    inbox.world.rows("delete from customers where tenant = %s", inbox.tenant)
    assert (inbox.kept(), inbox.owed()) == ([], 1)
    await inbox.project()
    assert await documents.of(inbox, "c-1") == []
    assert inbox.owed() == 0


async def test_what_is_old_leaves_with_its_document(inbox: Inbox, documents: Documents) -> None:
    customer = inbox.customer("c-1")
    await inbox.put(customer)
    await inbox.project()
    inbox.world.clock.advance(LIFE.total_seconds() - 1)
    young = await inbox.put(customer)
    await inbox.project()
    assert len(inbox.kept()) == 2
    inbox.world.clock.advance(2)
    await inbox.project()
    assert [row["message"] for row in inbox.kept()] == [young]
    assert [each["name"].rpartition("/")[2] for each in await documents.of(inbox, customer)] == [str(young)]


Answer = Callable[[httpx.Request], httpx.Response]


def served(inbox: Inbox, answer: Answer) -> None:
    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    inbox.firestore = Firestore("http://firestore", "p", "(default)", inbox.world.clock, metadata=None, client=client)


def _unreachable(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("nobody is there")


AWAY: dict[str, Answer] = {
    "unreachable": _unreachable,
    "503": lambda _: httpx.Response(503),
    "429": lambda _: httpx.Response(429),
    "403": lambda _: httpx.Response(403, json={"error": {"message": "the API is off"}}),
    "a proxy": lambda _: httpx.Response(200, text="<html>"),
    "each refused": lambda _: httpx.Response(200, json={"status": [{"code": 8}], "writeResults": [{}]}),
}


@pytest.mark.parametrize("how", AWAY)
async def test_while_firestore_is_away_nothing_is_lost_and_nobody_waits(inbox: Inbox, how: str) -> None:
    served(inbox, AWAY[how])
    message = await inbox.put(inbox.customer("c-1"))
    await inbox.project()
    await inbox.collect()
    assert (inbox.accepted, len(inbox.kept()), inbox.owed()) == ([message], 1, 1)
    written: list[bytes] = []

    def back(request: httpx.Request) -> httpx.Response:
        written.append(request.content)
        return httpx.Response(200, json={"status": [{}], "writeResults": [{}]})

    served(inbox, back)
    await inbox.project()
    assert written == []  # it was just tried
    inbox.world.clock.advance(LONGEST.total_seconds())
    await inbox.project()
    assert (len(written), inbox.owed()) == (1, 0)


async def test_of_documents_that_are_written_together_each_stands_alone(inbox: Inbox) -> None:
    customer = inbox.customer("c-1")
    for _ in range(3):
        await inbox.put(customer)
    codes = [{}, {"code": 8}, {"code": 6}]
    served(inbox, lambda _: httpx.Response(200, json={"status": codes, "writeResults": [{}] * 3}))
    await inbox.project()
    assert inbox.owed() == 1


async def test_what_changes_while_it_is_written_is_written_again(inbox: Inbox) -> None:
    await inbox.put(inbox.customer("c-1"))

    def erased_meanwhile(_: httpx.Request) -> httpx.Response:
        inbox.world.rows("delete from inbox where tenant = %s", inbox.tenant)
        return httpx.Response(200, json={"status": [{}], "writeResults": [{}]})

    served(inbox, erased_meanwhile)
    await inbox.project()
    writes: list[Any] = []

    def kept(request: httpx.Request) -> httpx.Response:
        writes.append(request.content)
        return httpx.Response(200, json={"status": [{}], "writeResults": [{}]})

    served(inbox, kept)
    await inbox.project()
    assert inbox.owed() == 0


async def test_a_report_that_fails_leaves_its_document_to_be_told_of_again(inbox: Inbox) -> None:
    message = await sent(inbox, inbox.customer("c-1"))
    name = f"projects/p/databases/(default)/documents/tenants/{inbox.tenant}/customers/c-1/inbox/{message}"
    told: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(":runQuery"):
            moment = inbox.world.clock.now().isoformat()
            document = {"name": name, "fields": {"read_at": {"timestampValue": moment}}}
            return httpx.Response(200, json=[{"document": document}])
        told.append(request.url.path)
        return httpx.Response(503)

    served(inbox, answer)
    await inbox.collect()
    await inbox.collect()
    assert (status(inbox, message), len(told)) == ("read", 2)


async def test_a_token_of_this_machine_is_asked_for_once(inbox: Inbox) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.headers.get("metadata-flavor") == "Google":
            asked.append(request.url.path)
            return httpx.Response(200, json={"access_token": "ya29", "expires_in": 3_599})
        assert request.headers["authorization"] == "Bearer ya29"
        return httpx.Response(200, json=[{}])

    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    inbox.firestore = Firestore("http://firestore", "p", "(default)", inbox.world.clock, client=client)
    for _ in range(3):
        await inbox.collect()
    inbox.world.clock.advance(3_600)
    await inbox.collect()
    assert len(asked) == 2
