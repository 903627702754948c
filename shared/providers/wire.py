"""HTTP to a provider: what goes wrong on the way, in the words of `base.py`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from uuid import UUID

from shared.contracts.values import YEARS
from shared.platform.clock import SEOUL
from shared.platform.logs import log
from shared.providers.base import OutboundMessage, ProviderBusy, ProviderUnavailable, ProviderUndecided

if TYPE_CHECKING:
    import httpx

NOT_LET_IN = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
"""They judge the account's key, our clock or our address, and say nothing of the messages, which leave once that is
mended."""

CONNECT_SECONDS = 5.0


class Wire:
    """Requests to one address.

    Args:
        url: the base address.
        timeout: seconds that an answer may take. httpx's own 5 s is too short for a batch of thousands.
        client: made at the first request when not given.
    """

    def __init__(self, url: str, *, timeout: float, client: httpx.AsyncClient | None = None) -> None:
        self._url = url.rstrip("/")
        self._timeout = timeout
        self._given = client

    @cached_property
    def _client(self) -> httpx.AsyncClient:
        import httpx  # imported here, for webhooks are read without it

        # It reads all certificates: 50 ms.
        return self._given or httpx.AsyncClient(timeout=httpx.Timeout(self._timeout, connect=CONNECT_SECONDS))

    async def answer(
        self, method: str, path: str, headers: Mapping[str, str], content: bytes | None = None
    ) -> httpx.Response:
        """Any answer at all.

        Raises:
            ProviderUnavailable: nobody was reached. ProviderUndecided: there was no answer.
        """
        import httpx

        try:
            return await self._client.request(method, self._url + path, headers=headers, content=content)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise ProviderUnavailable("unreachable", str(error) or type(error).__name__) from error
        except httpx.HTTPError as error:
            raise ProviderUndecided("no_answer", str(error) or type(error).__name__) from error

    async def request(
        self, method: str, path: str, headers: Mapping[str, str], content: bytes | None = None
    ) -> httpx.Response:
        """An answer of the provider itself, whatever it says.

        Raises:
            ProviderUnavailable: it was not reached. ProviderBusy: it asks for a pause (429).
            ProviderUndecided: it gave no answer, or failed (5xx).
        """
        response = await self.answer(method, path, headers, content)
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            wait = response.headers.get("retry-after")
            raise ProviderBusy("rate_limited", "the provider asks for fewer requests", wait)
        if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise ProviderUndecided(str(response.status_code), response.text[:200])
        return response


@contextmanager
def as_documented(provider: str) -> Iterator[None]:
    """Reads an answer. One of another form was given by something in between, and says nothing of what was done."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ProviderUndecided("unexpected_answer", f"not what {provider} documents: {error!r}") from error


def reference_of(message: OutboundMessage) -> str:
    """How a message names itself on the wire, in at most a hundred characters; comes back in results and reports."""
    return f"{message.message}/{message.attempt}/{message.channel}"


def named_in(reference: object) -> tuple[UUID, int, str] | None:
    """Message, attempt and channel that a reference names; None where it is none of ours."""
    try:
        message, attempt, channel = str(reference).split("/")
        return UUID(message), int(attempt), channel
    except ValueError:
        return None


def written_in_korea(moment: dt.datetime) -> str:
    """A moment as vendors write it who mean Korean time and do not say so."""
    return moment.astimezone(SEOUL).strftime("%Y-%m-%d %H:%M:%S")


def read_in_korea(value: Any) -> dt.datetime | None:
    """A moment that such a vendor wrote, or None where it wrote none that can be: it is its word on when, no more."""
    try:
        moment = dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=SEOUL)
    return moment if moment.year in YEARS else None


def unheard_of(provider: str, code: str) -> None:
    """A provider said a code that no table here has: it is told and counted, and never taken for a delivery."""
    fields = {"provider": provider, "code": code[:40], "count": 1}
    log("providers").warning("a code that no table has", extra={"fields": fields})
