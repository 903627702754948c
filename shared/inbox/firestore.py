"""Firestore over REST: https://firebase.google.com/docs/firestore/reference/rest.

Its client takes longer to import than a whole function, and three calls are all that is needed.

A message is the document `tenants/{tenant}/customers/{customer}/inbox/{message}`. `told` says whether we know that it
was read: of what is read and not told, the documents themselves are the list, so that no mark can be missed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote
from uuid import UUID

import orjson

from shared.inbox.store import Document, Mark
from shared.platform.clock import Clock
from shared.providers import ProviderUndecided
from shared.providers.wire import Wire, as_documented

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS = 20.0
MOST_WRITES = 500
METADATA = "http://metadata.google.internal"
RENEWED_BEFORE = dt.timedelta(minutes=5)
_DONE, _ALREADY_THERE, _NOT_THERE = 0, 6, 5
"""Codes of google.rpc.Code: a document is made only where there is none, and marked only where there is one."""


class ReadDocument(NamedTuple):
    """A document that an app has marked, by its name; `mark` is None where it is none of ours."""

    name: str
    mark: Mark | None


class Firestore:
    """The documents of one database.

    Args:
        url: the base address, `https://firestore.googleapis.com` in the cloud.
        project, database: whose.
        clock: the time.
        metadata: where this machine's service account gives tokens; None for an emulator, which takes anybody as its
            owner.
        client: made at the first call when not given.
    """

    def __init__(
        self,
        url: str,
        project: str,
        database: str,
        clock: Clock,
        *,
        metadata: str | None = METADATA,
        client: httpx.AsyncClient | None = None,
    ) -> None:
        self._root = f"projects/{project}/databases/{database}/documents"
        self._wire = Wire(url, timeout=TIMEOUT_SECONDS, client=client)
        self._metadata = None if metadata is None else Wire(metadata, timeout=5.0, client=client)
        self._clock = clock
        self._token, self._token_until = "owner", None if metadata is None else clock.now()

    async def write(self, documents: Sequence[Document]) -> list[Document]:
        """Make, change or take away documents, so that each is as its message. Gives those that are.

        Raises ProviderError: none is, as far as is known.
        """
        writes = [self._write(document) for document in documents]
        answer = await self._call(f"{self._root}:batchWrite", {"writes": writes})
        with as_documented("Firestore"):
            codes = [int(status.get("code", _DONE)) for status in answer["status"]]
            done = (_DONE, _ALREADY_THERE)
            return [document for document, code in zip(documents, codes, strict=True) if code in done]

    async def read(self, limit: int) -> list[ReadDocument]:
        """Documents that apps have marked as read and that are not told yet. Raises ProviderError."""
        query = {
            "from": [{"collectionId": "inbox", "allDescendants": True}],
            "where": {
                "compositeFilter": {
                    "op": "AND",
                    "filters": [
                        _filter("told", "EQUAL", {"booleanValue": False}),
                        _filter("read_at", "GREATER_THAN", {"timestampValue": "1970-01-01T00:00:00Z"}),
                    ],
                }
            },
            "orderBy": [{"field": {"fieldPath": "read_at"}, "direction": "ASCENDING"}],
            "limit": limit,
        }
        answer = await self._call(f"{self._root}:runQuery", {"structuredQuery": query})
        with as_documented("Firestore"):
            return [self._read(each["document"]) for each in answer if "document" in each]

    async def tell(self, names: Sequence[str]) -> None:
        """Note in documents that it is known that they were read; one that is gone stays so. Raises ProviderError."""
        writes = [
            {
                "update": {"name": name, "fields": {"told": {"booleanValue": True}}},
                "updateMask": {"fieldPaths": ["told"]},
                "currentDocument": {"exists": True},
            }
            for name in names
        ]
        answer = await self._call(f"{self._root}:batchWrite", {"writes": writes})
        with as_documented("Firestore"):
            wrong = [status for status in answer["status"] if status.get("code", _DONE) not in (_DONE, _NOT_THERE)]
        if wrong:
            raise ProviderUndecided(str(wrong[0]["code"]), str(wrong[0].get("message"))[:200])

    def name_of(self, tenant: str, customer: str, message: UUID) -> str:
        """What a message's document is called."""
        return f"{self._root}/tenants/{tenant}/customers/{segment_of(customer)}/inbox/{message}"

    def _write(self, document: Document) -> dict[str, Any]:
        name = self.name_of(document.tenant, document.customer, document.message)
        if document.text is None or document.created_at is None:
            return {"delete": name}
        fields: dict[str, Any] = {
            "title": _text(document.title),
            "text": _text(document.text),
            "link": _text(document.link),
            "created_at": _moment(document.created_at),
            "read_at": _moment(document.read_at),
            "told": {"booleanValue": document.read_at is not None},
        }
        write: dict[str, Any] = {"update": {"name": name, "fields": fields}}
        # What an app has marked meanwhile stays marked.
        return write if document.read_at is not None else {**write, "currentDocument": {"exists": False}}

    def _read(self, document: dict[str, Any]) -> ReadDocument:
        name = str(document["name"])
        _, tenant, _, customer, _, message = (*name.removeprefix(f"{self._root}/").split("/"), *[""] * 6)[:6]
        try:
            told = dt.datetime.fromisoformat(document["fields"]["read_at"]["timestampValue"])
            # An app's clock may be anywhere; what it read it has not read tomorrow.
            mark = Mark(tenant, UUID(message), min(told, self._clock.now()))
        except (KeyError, ValueError):
            return ReadDocument(name, None)
        return ReadDocument(name, mark if name == self.name_of(tenant, unquote(customer), mark.message) else None)

    async def _call(self, path: str, body: dict[str, Any]) -> Any:
        headers = {"Authorization": f"Bearer {await self._bearer()}", "Content-Type": "application/json"}
        response = await self._wire.request("POST", f"/v1/{path}", headers, orjson.dumps(body))
        if response.is_error:
            if response.status_code == HTTPStatus.UNAUTHORIZED and self._metadata is not None:
                self._token_until = self._clock.now()
            raise ProviderUndecided(str(response.status_code), response.text[:200])
        with as_documented("Firestore"):
            return orjson.loads(response.content)

    async def _bearer(self) -> str:
        """https://cloud.google.com/compute/docs/access/authenticate-workloads#applications."""
        if self._metadata is not None and self._token_until is not None and self._clock.now() >= self._token_until:
            path = "/computeMetadata/v1/instance/service-accounts/default/token"
            response = await self._metadata.request("GET", path, {"Metadata-Flavor": "Google"})
            with as_documented("the metadata server"):
                answer = orjson.loads(response.content)
                self._token = str(answer["access_token"])
                lifetime = dt.timedelta(seconds=float(answer["expires_in"])) - RENEWED_BEFORE
            self._token_until = self._clock.now() + lifetime
        return self._token


def segment_of(customer: str) -> str:
    """A customer's id as a part of a path: as JavaScript's `encodeURIComponent` writes it, but for the names that
    Firestore keeps for itself (`.`, `..`, `__…__`), of which the first character is written `%2E` or `%5F`."""
    encoded = quote(customer, safe="-_.!~*'()")
    if encoded in (".", "..") or (encoded.startswith("__") and encoded.endswith("__")):
        return f"%{ord(encoded[0]):02X}{encoded[1:]}"
    return encoded


def _filter(field: str, operator: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"fieldFilter": {"field": {"fieldPath": field}, "op": operator, "value": value}}


def _text(value: str | None) -> dict[str, Any]:
    return {"nullValue": None} if value is None else {"stringValue": value}


def _moment(value: dt.datetime | None) -> dict[str, Any]:
    return {"nullValue": None} if value is None else {"timestampValue": value.astimezone(dt.UTC).isoformat()}
