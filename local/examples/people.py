"""The people of an example: its `customers.csv` and `groups.csv`, by the reader that every file of people has."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from local.examples.errors import ExampleError
from shared.contracts import CustomerSnapshot
from shared.customers.files.groups import GroupFile, Member
from shared.customers.files.people import CustomerFile, Recipient
from shared.customers.files.problems import FileError, RowProblem

Row = TypeVar("Row", Recipient, Member)
Groups = Mapping[str, tuple[str, list[str]]]
"""By id: the name, and the ids of the customers."""


class FiledCustomers:
    """A file of customers without a fault. It is read again whenever somebody goes through it, for it may be long.

    Args:
        path: the file.

    Raises:
        ExampleError: it can't be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = CustomerFile(path)
            self.changed_at = dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
        except FileError as error:
            raise _whole(path, error) from error
        self._ids = {row.id for row in _sound(path, self._file)}

    def __iter__(self) -> Iterator[CustomerSnapshot]:
        """A column that is no field of a customer is an attribute; a blank cell clears."""
        for row in _sound(self._path, self._file):
            yield CustomerSnapshot(**row.customer, attributes=_cleared(row.attributes))

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, customer_id: object) -> bool:
        return customer_id in self._ids


def read_groups(path: Path, customers: FiledCustomers) -> Groups:
    """Who belongs together. Raises ExampleError."""
    groups: dict[str, tuple[str, list[str]]] = {}
    try:
        members = GroupFile(path, customers)
    except FileError as error:
        raise _whole(path, error) from error
    for member in _sound(path, members):
        _, ids = groups.setdefault(member.group, (member.name, []))
        ids.append(member.customer)
    return groups


def _whole(path: Path, error: FileError) -> ExampleError:
    return ExampleError(path, "", _told(error.detail, error.detail_ko))


def _sound(path: Path, rows: Iterable[Row | RowProblem]) -> Iterator[Row]:
    """The rows. Raises ExampleError for the first that has a fault, and says how many have one."""
    first: RowProblem | None = None
    more = 0
    for row in rows:
        if isinstance(row, RowProblem):
            more += first is not None
            first = first or row
        elif first is None:
            yield row
    if first is not None:
        place = f"line {first.line}" + (f".{first.column}" if first.column else "")
        told = _told(first.detail, first.detail_ko)
        raise ExampleError(path, place, f"{told}, and {more:,} more" if more else told)


def _told(detail: str, detail_ko: str | None) -> str:
    return f"{detail} ({detail_ko})" if detail_ko else detail


def _cleared(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _cleared(value) if isinstance(value, Mapping) else value or None for name, value in attributes.items()
    }
