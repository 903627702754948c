"""Pictures are stored at SOLAPI before a message can show them, once for many messages."""

from __future__ import annotations

import base64
import datetime as dt
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple

from shared.platform.clock import Clock
from shared.providers.base import Picture, ProviderAccount, ProviderRefused, ProviderUnavailable, ProviderUndecided
from shared.providers.wire import as_documented

KEPT_FOR = dt.timedelta(hours=12)
"""So long we take a stored file for one that is still there. The vendor publishes no figure; others keep six days."""

MOST_KEPT = 2_000
"""Ids in memory, each of some 200 bytes."""

Call = Callable[[ProviderAccount, str, str, Any], Awaitable[Any]]
"""A signed request: account, method, path and body."""

Use = tuple[str, Picture]
"""What a picture is stored as, and the picture."""


class Stored(NamedTuple):
    """What became of the pictures of a batch.

    ids: by use and name.
    refused: those that SOLAPI does not take, and why.
    known: those that were stored before, and may be there no more.
    """

    ids: dict[tuple[str, str], str]
    refused: dict[tuple[str, str], ProviderRefused]
    known: set[tuple[str, str]]


class Pictures:
    """The pictures that were stored, for every account.

    Args:
        call: makes requests.
        clock: for how long they are believed to be there.
    """

    def __init__(self, call: Call, clock: Clock) -> None:
        self._call = call
        self._clock = clock
        self._ids: OrderedDict[tuple[str, str, str], tuple[dt.datetime, str]] = OrderedDict()

    async def store(self, account: ProviderAccount, uses: Iterable[Use]) -> Stored:
        """Store what is not stored yet.

        Raises ProviderUnavailable, or ProviderBusy: whatever became of a file, nothing was sent with it.
        """
        stored = Stored({}, {}, set())
        for kind, picture in uses:
            name = kind, picture.name
            if name in stored.ids or name in stored.refused:
                continue
            if known := self._known(account, name):
                stored.ids[name] = known
                stored.known.add(name)
                continue
            try:
                stored.ids[name] = await self._upload(account, kind, picture)
            except ProviderRefused as refusal:
                stored.refused[name] = refusal
        return stored

    def forget(self, account: ProviderAccount, names: Iterable[tuple[str, str]]) -> None:
        """They are there no more."""
        for name in names:
            self._ids.pop((account.secret("api_key"), *name), None)

    def _known(self, account: ProviderAccount, name: tuple[str, str]) -> str | None:
        kept = self._ids.get((account.secret("api_key"), *name))
        return kept[1] if kept and self._clock.now() - kept[0] < KEPT_FOR else None

    async def _upload(self, account: ProviderAccount, kind: str, picture: Picture) -> str:
        body = {"file": base64.b64encode(picture.content).decode(), "type": kind, "name": picture.name}
        try:
            answer = await self._call(account, "POST", "/storage/v1/files", body)
            with as_documented("SOLAPI"):
                id_ = str(answer["fileId"])
        except ProviderUndecided as lost:
            # A file that nobody knows of harms nobody.
            raise ProviderUnavailable(lost.code, f"the picture may not have been stored: {lost.detail}") from lost
        key = account.secret("api_key"), kind, picture.name
        self._ids[key] = self._clock.now(), id_
        self._ids.move_to_end(key)
        while len(self._ids) > MOST_KEPT:
            self._ids.popitem(last=False)
        return id_
