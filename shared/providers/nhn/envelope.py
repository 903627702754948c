"""What NHN Cloud's services have in common: HTTP says 200 also to what failed, for the header in the body tells."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import orjson

from shared.providers.base import (
    OutboundMessage,
    Picture,
    ProviderAccount,
    ProviderRefused,
    ProviderUnavailable,
    ProviderUndecided,
)
from shared.providers.wire import NOT_LET_IN, Wire, as_documented

if TYPE_CHECKING:
    import httpx

JSON = "application/json;charset=UTF-8"

PROOF_HEADER = "x-toast-webhook-signature"
RESULT_UPDATE = "MESSAGE_RESULT_UPDATE"

UPLOAD_SECONDS = 15.0
"""For a picture: with the calls that wait for it, it takes no longer than a lost answer is waited for."""

MOST_UPLOADS = 1_000


def webhook_proof(secret: str) -> str:
    """NHN sends the very text that the customer typed, the same with every call: no body is signed."""
    return secret


class Codes(NamedTuple):
    """What codes in a header mean; whatever is in none of these refuses the request.

    not_now: they judge the account. Its messages leave once that is mended.
    not_sure: the system failed, and says nothing of what it had done before.
    ours: sentences for people, where the service's own says too little.
    """

    not_now: frozenset[int]
    not_sure: frozenset[int]
    ours: Mapping[int, str]


class Service:
    """Requests to one of the services.

    Args:
        url: its base address.
        codes: those of its headers.
        timeout: seconds that an answer may take.
        client: made at the first request when not given.
    """

    def __init__(self, url: str, codes: Codes, timeout: float, client: httpx.AsyncClient | None) -> None:
        self._wire = Wire(url, timeout=timeout, client=client)
        self._codes = codes

    async def call(
        self,
        account: ProviderAccount,
        method: str,
        path: str,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        unless: str | None = None,
    ) -> Any:
        """An answer that says that it was successful.

        Args:
            account: whose; its app key takes the place of `{app}` in the path.
            method, path, content: of the request.
            headers: beside the secret's; JSON unless they say otherwise.
            unless: a code of failure that is given too, where a `message` beside it tells more.

        Raises:
            ProviderError: as `Codes` says; ProviderRefused with NHN's number as its code.
        """
        app = quote(account.secret("app_key"), safe="")
        given = {"X-Secret-Key": account.secret("secret_key"), "Content-Type": JSON, **(headers or {})}
        response = await self._wire.request(method, path.replace("{app}", app), given, content)
        if response.status_code in NOT_LET_IN:
            raise ProviderUnavailable(str(response.status_code), response.text[:200])
        with as_documented("NHN"):
            answer = orjson.loads(response.content)
            header = answer["header"]
            is_successful, code, sentence = header["isSuccessful"], int(header["resultCode"]), header["resultMessage"]
        if is_successful is True or (str(code) == unless and answer.get("message")):
            return answer
        codes = self._codes
        error = (
            ProviderUnavailable
            if code in codes.not_now
            else ProviderUndecided
            if code in codes.not_sure
            else ProviderRefused
        )
        raise error(str(code), codes.ours.get(code) or str(sentence))


class Uploads:
    """What pictures are called at NHN that were brought there, so that not every call brings them again.

    Args:
        upload: brings a picture there, and gives what it is called.
        lasts: for how long it stays there.
    """

    def __init__(
        self, upload: Callable[[ProviderAccount, Picture], Awaitable[Any]], lasts: dt.timedelta = dt.timedelta.max
    ) -> None:
        self._upload = upload
        self._lasts = lasts
        self._known: OrderedDict[tuple[str, str], tuple[dt.datetime, Any]] = OrderedDict()

    async def name_of(self, account: ProviderAccount, picture: Picture, now: dt.datetime) -> Any:
        """What a picture is called there. Raises ProviderUnavailable or ProviderRefused: no message was sent yet."""
        key = account.secret("app_key"), picture.name
        kept = self._known.get(key)
        if kept is not None and now - kept[0] < self._lasts:
            return kept[1]
        try:
            async with asyncio.timeout(UPLOAD_SECONDS):
                name = await self._upload(account, picture)
        except ProviderUndecided as error:
            raise ProviderUnavailable(error.code, error.detail) from error
        except TimeoutError as error:
            raise ProviderUnavailable("no_answer", "the picture was not taken in time") from error
        self._known[key] = now, name
        if len(self._known) > MOST_UPLOADS:
            self._known.popitem(last=False)
        return name

    def forget(self, account: ProviderAccount, picture: Picture) -> None:
        """It is there no more."""
        self._known.pop((account.secret("app_key"), picture.name), None)


def hooks_of(body: bytes) -> tuple[str, list[Mapping[str, Any]]]:
    """The event of a webhook call, and its hooks. Raises ValueError when NHN can't have sent it."""
    call = orjson.loads(body)
    hooks = _hooks(call)
    if hooks is None:
        raise ValueError("expected an object with an array of hooks")
    if not all(isinstance(hook, dict) for hook in hooks):
        raise ValueError("expected hooks that are objects")
    return str(call.get("event")), hooks


def entries_of(call: object) -> list[object]:
    """A webhook call, read as JSON, as calls with one hook each."""
    hooks = _hooks(call)
    return [{**call, "hooks": [hook]} for hook in hooks] if isinstance(call, dict) and hooks else []


def _hooks(call: object) -> list[Any] | None:
    """Those of a call, also where there is one that stands alone; None where it has none."""
    hooks = call.get("hooks") if isinstance(call, dict) else None
    return [hooks] if isinstance(hooks, dict) else hooks if isinstance(hooks, list) else None


def grouping_key(entry: Mapping[str, Any]) -> Any:
    """A message's name on the wire. The guide's own example of a hook misspells the field."""
    return entry.get("recipientGroupingKey") or entry.get("recipientGropuingKey")


def in_calls(messages: Sequence[OutboundMessage], most: int) -> list[list[OutboundMessage]]:
    """Messages of one kind in calls of so many recipients at most."""
    return [list(messages[start : start + most]) for start in range(0, len(messages), most)]
