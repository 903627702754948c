"""Every sealed value is sealed anew with the first of the keys, in batches, while everything runs.

What was done is in the values themselves, which name their keys. So it may end at any moment and be begun again, also
twice at once: a value is replaced only if it is still what was opened.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from shared.credits.payments.sealed_store import cards_sealed_otherwise, count_cards_by_key, reseal_cards
from shared.platform.crypto import Keys, SealedValue, SealError, key_of
from shared.platform.database import Connection, Database
from shared.tenants.accounts import fill_in_digests
from shared.tenants.sealed_store import accounts_sealed_otherwise, count_accounts_by_key, reseal_accounts

BATCH = 100
"""Values a transaction: their rows are locked for no longer than that takes."""

PASSES = 3
"""Through a place: until one finds nothing to do, for who knew the old key only may have sealed a value meanwhile."""

UNNAMED = ""
"""Stands for the key of values from before keys had ids."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where sealed values are kept. `name`: what they are, in the plural."""

    name: str
    count_by_key: Callable[[Connection], Awaitable[dict[str, int]]]
    sealed_otherwise: Callable[[Connection, str, SealedValue | None, int], Awaitable[list[SealedValue]]]
    reseal: Callable[[Connection, Sequence[tuple[SealedValue, bytes]]], Awaitable[int]]


PLACES = (
    Place("accounts", count_accounts_by_key, accounts_sealed_otherwise, reseal_accounts),
    Place("cards", count_cards_by_key, cards_sealed_otherwise, reseal_cards),
)
"""All of them: providers' credentials, in which their webhooks' secrets are, and registered cards."""

Holdings = Mapping[str, Mapping[str, int]]
"""By the id of a key, and by place: how many values are sealed with it. What is not there is none."""


@dataclass(frozen=True, slots=True)
class Unopened:
    """A value that none of the keys opens. `key`: its key's id, or `UNNAMED`. `why`: a sentence."""

    place: str
    tenant: str
    id: str
    key: str
    why: str


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation came to.

    resealed: how many values, by place.
    held: what is sealed with which key now.
    unopened: what was left as it is; its tenant has to register it again.
    """

    resealed: Mapping[str, int]
    held: Holdings
    unopened: Sequence[Unopened]


async def holdings(database: Database) -> Holdings:
    """What is sealed with which key."""
    held: dict[str, dict[str, int]] = {}
    async with database.connection() as connection:
        for place in PLACES:
            for key, number in (await place.count_by_key(connection)).items():
                held.setdefault(key, {})[place.name] = number
    return held


def may_be_dropped(keys: Keys, held: Holdings, unopened: Sequence[Unopened] = ()) -> list[str]:
    """The keys that nothing needs any more: of those that are loaded, all but the first that seal nothing.

    A value that does not name its key may need any of them, unless they were tried in vain: `unopened`.
    """
    tried = sum(1 for value in unopened if value.key == UNNAMED)
    if sum(held.get(UNNAMED, {}).values()) > tried:
        return []
    return [key for key in keys.ids[1:] if not sum(held.get(key, {}).values())]


async def rotate(database: Database, keys: Keys, on_progress: Callable[[int], None]) -> Rotation:
    """Seal every value with the first key that is sealed otherwise, and fill in the digests of webhooks that lack one.

    Args:
        database: its owner's.
        keys: the first seals, and the others open what they sealed.
        on_progress: is told how many more were looked at.
    """
    resealed: dict[str, int] = {}
    unopened: list[Unopened] = []
    for place in PLACES:
        resealed[place.name] = 0
        left: list[Unopened] = []
        for _ in range(PASSES):
            done, left = await _pass(database, keys, place, on_progress)
            resealed[place.name] += done
            if not done:
                break
        unopened += left
    await fill_in_digests(database, keys)  # of accounts from before there were any: it takes the same keys
    return Rotation(resealed, await holdings(database), unopened)


async def _pass(
    database: Database, keys: Keys, place: Place, on_progress: Callable[[int], None]
) -> tuple[int, list[Unopened]]:
    done, last = 0, None
    left: list[Unopened] = []
    while True:
        async with database.transaction() as connection:
            values = await place.sealed_otherwise(connection, keys.sealing, last, BATCH)
            if not values:
                return done, left
            anew = []
            for value in values:
                try:
                    secrets = keys.unseal(value.sealed, context=value.context)
                except SealError as error:
                    named = key_of(value.sealed) or UNNAMED
                    left.append(Unopened(place.name, value.tenant, value.id, named, error.detail))
                else:
                    anew.append((value, keys.seal(secrets, context=value.context)))
            done += await place.reseal(connection, anew)
        last = values[-1]
        on_progress(len(values))
