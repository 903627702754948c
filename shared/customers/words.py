"""What is told of customers: what is absent says nothing, None clears, and of each field the newest word counts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, NamedTuple

FIELDS = ("name", "phone", "email", "company", "status", "plan", "locale", "attributes")
"""What may be told of a customer, in the order of the column `told_at`."""

ATTRIBUTES = FIELDS[-1]


class Telling(NamedTuple):
    """What somebody says of a customer as of a moment.

    told: any of `FIELDS`. Of attributes each is a word of its own; None for all of them clears all.
    filed: where a business's file says it, the whole of its row.
    """

    tenant: str
    customer: str
    at: dt.datetime
    told: Mapping[str, Any]
    filed: Mapping[str, Any] | None = None


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
        "told_at": [at if name in told else None for name in FIELDS[:-1]] + [at if cleared else None],
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


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def _microseconds(moment: dt.datetime) -> int:
    return (moment - _EPOCH) // dt.timedelta(microseconds=1)


def moment_of(microseconds: int) -> dt.datetime:
    """When an attribute was told, as `attributes_told_at` has it."""
    return _EPOCH + dt.timedelta(microseconds=microseconds)
