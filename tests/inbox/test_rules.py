"""What apps may do at Firestore, asked of Google's emulator: see one's own inbox, and mark a message as read, once."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest

DATABASE = "databases/(default)/documents"
OWNER = {"Authorization": "Bearer owner"}


def app_of(tenant: str, customer: str) -> dict[str, str]:
    """The header of an app that is signed in; the emulator asks for no signature."""

    def part(content: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(orjson.dumps(content)).rstrip(b"=").decode()

    claims = {"sub": customer, "user_id": customer, "tenant": tenant, "customer": customer}
    return {"Authorization": f"Bearer {part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}."}


class Document:
    """A document of a customer's inbox, and what may be done to it."""

    def __init__(self, http: httpx.AsyncClient, root: str, path: str) -> None:
        self._http = http
        self._root = root
        self.name = f"{root}/{path}"

    async def put(self, **fields: Any) -> None:
        (await self._http.patch(f"/v1/{self.name}", json={"fields": fields}, headers=OWNER)).raise_for_status()

    async def get(self, header: dict[str, str]) -> int:
        return (await self._http.get(f"/v1/{self.name}", headers=header)).status_code

    async def delete(self, header: dict[str, str]) -> int:
        return (await self._http.delete(f"/v1/{self.name}", headers=header)).status_code

    async def change(self, header: dict[str, str], **fields: Any) -> int:
        update = {"update": {"name": self.name, "fields": fields}, "updateMask": {"fieldPaths": list(fields)}}
        return await self._commit(header, update)

    async def mark(self, header: dict[str, str]) -> int:
        """As an app does: by the server's clock."""
        transform = {"fieldPath": "read_at", "setToServerValue": "REQUEST_TIME"}
        update = {
            "update": {"name": self.name, "fields": {}},
            "updateMask": {"fieldPaths": []},
            "updateTransforms": [transform],
            "currentDocument": {"exists": True},
        }
        return await self._commit(header, update)

    async def _commit(self, header: dict[str, str], write: dict[str, Any]) -> int:
        answer = await self._http.post(f"/v1/{self._root}:commit", json={"writes": [write]}, headers=header)
        return answer.status_code


OWN, OTHERS = app_of("cafe", "c-1"), {"another customer": app_of("cafe", "c-2"), "another's": app_of("bar", "c-1")}
NOBODY: dict[str, str] = {}


@pytest.fixture
async def document(emulator: str) -> AsyncIterator[Document]:
    async with httpx.AsyncClient(base_url=emulator, trust_env=False, timeout=20) as http:
        root = f"projects/p-{uuid4().hex[:12]}/{DATABASE}"
        document = Document(http, root, f"tenants/cafe/customers/c-1/inbox/{uuid4()}")
        await document.put(text={"stringValue": "x"}, read_at={"nullValue": None}, told={"booleanValue": False})
        yield document


async def test_a_customer_reads_and_marks_its_own(document: Document) -> None:
    assert await document.get(OWN) == 200
    assert await document.mark(OWN) == 200
    assert await document.mark(OWN) == 403  # once


@pytest.mark.parametrize("whose", [*OTHERS, "nobody"])
async def test_nobody_else_sees_or_marks_it(document: Document, whose: str) -> None:
    header = OTHERS.get(whose, NOBODY)
    assert await document.get(header) == 403
    assert await document.mark(header) == 403


async def test_nothing_but_the_mark_is_an_apps_to_change(document: Document) -> None:
    moment = {"timestampValue": "2020-01-01T00:00:00Z"}
    assert await document.change(OWN, read_at=moment) == 403
    assert await document.change(OWN, text={"stringValue": "y"}) == 403
    assert await document.change(OWN, told={"booleanValue": True}) == 403
    assert await document.delete(OWN) == 403
