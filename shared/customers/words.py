"""What is told of customers: what is absent says nothing, None clears, and of each field the newest word counts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

FIELDS = ("name", "phone", "email", "company", "status", "plan", "locale", "attributes")
"""What may be told of a customer, in the order of the column `told_at`."""

ATTRIBUTES = FIELDS[-1]


@dataclass(frozen=True, slots=True)
class Telling:
    """What somebody says of a customer as of a moment.

    told: any of `FIELDS`. Of attributes each is a word of its own; None for all of them clears all.
    filed: where a business's file says it, the whole of its row.
    """

    tenant: str
    customer: str
    at: dt.datetime
    told: Mapping[str, Any]
    filed: Mapping[str, Any] | None = None


@dataclass(slots=True)
class Words:
    """The newest words on one customer, of some tellings."""

    as_of: dt.datetime
    fields: dict[str, tuple[dt.datetime, Any]] = field(default_factory=dict)
    attributes: dict[str, tuple[dt.datetime, Any]] = field(default_factory=dict)
    attributes_cleared_at: dt.datetime | None = None
    filed: Mapping[str, Any] | None = None

    def hear(self, telling: Telling) -> None:
        """Take in one more telling, which came after the others; of two as old, it counts."""
        at = telling.at
        self.as_of = max(self.as_of, at)
        self.filed = self.filed if telling.filed is None else telling.filed
        for name, value in telling.told.items():
            if name == ATTRIBUTES:
                self._hear_attributes(at, value)
            elif name not in self.fields or at >= self.fields[name][0]:
                self.fields[name] = at, value

    def _hear_attributes(self, at: dt.datetime, attributes: Mapping[str, Any] | None) -> None:
        if attributes is None:
            if self.attributes_cleared_at is None or at > self.attributes_cleared_at:
                self.attributes_cleared_at = at
            self.attributes = {name: word for name, word in self.attributes.items() if word[0] > at}
            return
        for name, value in attributes.items():
            cleared_later = self.attributes_cleared_at is not None and at < self.attributes_cleared_at
            if not cleared_later and (name not in self.attributes or at >= self.attributes[name][0]):
                self.attributes[name] = at, value

    def row(self, tenant: str, customer: str) -> dict[str, Any]:
        """As the statement takes it that writes customers."""
        told_at = [self.fields[name][0] if name in self.fields else None for name in FIELDS[:-1]]
        return {
            "tenant": tenant,
            "id": customer,
            **{name: value for name, (_, value) in self.fields.items()},
            "as_of": self.as_of,
            "told_at": [*told_at, self.attributes_cleared_at],
            "attributes": {name: value for name, (_, value) in self.attributes.items() if value is not None},
            "attributes_told_at": {name: _microseconds(at) for name, (at, _) in self.attributes.items()},
            "filed": self.filed,
        }


def newest_words(tellings: Iterable[Telling]) -> list[dict[str, Any]]:
    """One row a customer, in the order in which rows are locked. Tellings are given in the order in which they came."""
    known: dict[tuple[str, str], Words] = {}
    for telling in tellings:
        words = known.setdefault((telling.tenant, telling.customer), Words(telling.at))
        words.hear(telling)
    return [words.row(*who) for who, words in sorted(known.items())]


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
