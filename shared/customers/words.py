"""What is told of customers: what is absent says nothing, None clears, and of each field the newest word counts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

FIELDS = ("name", "phone", "email", "company", "status", "plan", "locale", "attributes")
"""What may be told of a customer, in the order of the column `told_at`."""

ATTRIBUTES = FIELDS[-1]


class Telling(NamedTuple):
    """What somebody says of a customer as of a moment.

    told: any of `FIELDS`. Of attributes each is a word of its own; None for all of them clears all.
    filed: where a business's file says it, the whole of its row.
    devices: the tokens of all the customer's devices; None: nothing is said of them.
    """

    tenant: str
    customer: str
    at: dt.datetime
    told: Mapping[str, Any]
    filed: Mapping[str, Any] | None = None
    devices: Sequence[str] | None = None


DEVICES = "devices"
"""What a row of a file says of them."""

FIELD_BITS = {name: 1 << place for place, name in enumerate(FIELDS)}
"""What is told, as a number: of attributes, that all are cleared."""


def row_of(telling: Telling) -> dict[str, Any]:
    """As the statement takes it that writes customers."""
    at, told = telling.at, telling.told
    attributes: Mapping[str, Any] = told.get(ATTRIBUTES) or {}
    cleared = ATTRIBUTES in told and told[ATTRIBUTES] is None
    return {
        "tenant": telling.tenant,
        "id": telling.customer,
        **{name: value for name, value in told.items() if name != ATTRIBUTES},
        "as_of": at,
        "told": sum([FIELD_BITS[name] for name in told if name != ATTRIBUTES or cleared]),
        "attributes": {name: value for name, value in attributes.items() if value is not None},
        "attributes_told_at": dict.fromkeys(attributes, _microseconds(at)),
        "filed": telling.filed,
    }


def changed_since(filed: Mapping[str, Any] | None, row: Mapping[str, Any]) -> dict[str, Any]:
    """What a file's row tells that it did not tell when it was last read.

    Args:
        filed: what it told then; None where it was never read.
        row: what it tells now: fields, attributes among them.
    """
    before = filed or {}
    changed = {name: value for name, value in row.items() if name != ATTRIBUTES and before.get(name, ...) != value}
    then = before.get(ATTRIBUTES, {})
    attributes = {name: value for name, value in row.get(ATTRIBUTES, {}).items() if then.get(name, ...) != value}
    return changed | ({ATTRIBUTES: attributes} if attributes else {})


def together(known: Mapping[str, Any] | None, told: Mapping[str, Any]) -> dict[str, Any]:
    """A customer as whoever tells of them sees them: by their own words, and else as known."""
    person = {**(known or {}), **told}
    attributes = told.get(ATTRIBUTES, {})
    if attributes is None:
        person[ATTRIBUTES] = {}
    else:
        whole = {**((known or {}).get(ATTRIBUTES) or {}), **attributes}
        person[ATTRIBUTES] = {name: value for name, value in whole.items() if value is not None}
    return person


class Untold(LookupError):  # noqa: N818 - it names what was asked for
    """What was asked for may be known of the customer, but whoever tells of them now does not tell it."""


class OwnWords(Mapping[str, Any]):
    """What somebody tells of a customer, for who can do with that alone: as `together` gives it whatever is known.

    Raises Untold for a field that is not told, and where all of them are asked for.
    """

    __slots__ = ("_fields", "_told")

    def __init__(self, told: Mapping[str, Any], fields: Collection[str] | None = None) -> None:
        """`fields`: those that may be known beside what is told; None for any."""
        self._told, self._fields = told, fields

    def __getitem__(self, name: str) -> Any:
        if name in self._told:
            return self._told[name]
        if self._fields is None or name in self._fields:
            raise Untold(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        raise Untold

    def __len__(self) -> int:
        raise Untold

    def __str__(self) -> str:
        raise Untold


def own_words(customer: str, told: Mapping[str, Any]) -> OwnWords:
    """A customer as they are by what is told of them now; see `together`."""
    attributes = told.get(ATTRIBUTES, {})
    own = {} if attributes is None else OwnWords(attributes)
    return OwnWords({**told, "id": customer, ATTRIBUTES: own}, FIELDS)


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def _microseconds(moment: dt.datetime) -> int:
    return (moment - _EPOCH) // dt.timedelta(microseconds=1)


def moment_of(microseconds: int) -> dt.datetime:
    """When an attribute was told, as `attributes_told_at` has it."""
    return _EPOCH + dt.timedelta(microseconds=microseconds)
