"""The people of an example: its `customers.csv` and `groups.csv`, by the reader that every file of people has."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from local.examples.problems import Problem, TableError
from shared.contracts.events import CustomerSnapshot
from shared.customers.files.groups import GroupFile, Member
from shared.customers.files.people import CustomerFile, Recipient
from shared.customers.files.problems import FileError, RowProblem
from shared.customers.reaching import Reach, address_of
from shared.platform.errors import AllimError

FAULTS_TOLD = 20
"""Rows with a fault that are told of one by one."""

Row = TypeVar("Row", Recipient, Member)
Groups = Mapping[str, tuple[str, list[str]]]
"""By id: the name, and the ids of the customers."""


class FiledCustomers:
    """A file of customers without a fault. It is read again whenever somebody goes through it, for it may be long.

    Args:
        path: the file.

    Raises:
        TableError: it can't be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = CustomerFile(path)
            self.changed_at = dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
        except FileError as error:
            raise _whole(path, error) from error
        self._ids: set[str] = set()
        self.unreachable: list[Problem] = []
        """Rows that no message reaches, told of and taken all the same."""
        unreachable = 0
        for row in _sound(path, self._file):
            self._ids.add(row.id)
            if (problem := _unreachable(path, row)) is not None:
                unreachable += 1
                if unreachable <= FAULTS_TOLD:
                    self.unreachable.append(problem)
        self.unreachable = _with_the_rest(self.unreachable, unreachable)

    def __iter__(self) -> Iterator[CustomerSnapshot]:
        """A column that is no field of a customer is an attribute; a blank cell clears."""
        for row in _sound(self._path, self._file):
            yield CustomerSnapshot(**row.customer, attributes=_cleared(row.attributes))

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, customer_id: object) -> bool:
        return customer_id in self._ids


def _unreachable(path: Path, row: Recipient) -> Problem | None:
    """Whom neither text, e-mail nor app reaches, and an address that is none."""
    reach = Reach(row.id, row.customer["phone"], row.customer.get("email"))
    if not reach.phone and not reach.email and not row.customer.get("devices"):
        told, told_ko = (
            "there is no phone number: no message reaches this customer",
            "전화번호가 없어 보낼 수 없습니다.",
        )
        return Problem(path, row.line, "phone", "missing_phone", told, told_ko)
    for column, leg in (("phone", "sms"), ("email", "email")):
        try:
            if row.customer.get(column):
                address_of(leg, reach)
        except AllimError as error:
            told_ko = _NOT_ONE[column]
            return Problem(path, row.line, column, error.code, error.detail, told_ko)
    return None


_NOT_ONE = {
    "phone": "휴대전화 번호가 아니어서 보낼 수 없습니다. 예: 010-1234-5678",
    "email": "이메일 주소가 아니어서 보낼 수 없습니다. 예: jiu@example.com",
}


def read_groups(path: Path, customers: FiledCustomers) -> Groups:
    """Who belongs together. Raises TableError."""
    groups: dict[str, tuple[str, list[str]]] = {}
    try:
        members = GroupFile(path, customers)
    except FileError as error:
        raise _whole(path, error) from error
    for member in _sound(path, members):
        _, ids = groups.setdefault(member.group, (member.name, []))
        ids.append(member.customer)
    return groups


def _whole(path: Path, error: FileError) -> TableError:
    return TableError(Problem(path, None, error.field or "", error.code, error.detail, error.detail_ko))


def _sound(path: Path, rows: Iterable[Row | RowProblem]) -> Iterator[Row]:
    """The rows. Raises TableError for those that have a fault; of many, the last one told says how many more."""
    faults: list[Problem] = []
    count = 0
    for row in rows:
        if isinstance(row, RowProblem):
            count += 1
            if count <= FAULTS_TOLD:
                faults.append(Problem(path, row.line, row.column or "", row.code, row.detail, row.detail_ko))
        elif not count:
            yield row
    if faults:
        raise TableError(*_with_the_rest(faults, count))


def _with_the_rest(faults: list[Problem], count: int) -> list[Problem]:
    """The faults that are told one by one; of more than these, the last says how many there are."""
    if count <= len(faults):
        return faults
    more, last = count - len(faults), faults[-1]
    told = replace(last, detail=f"{last.detail}; and {more:,} more", detail_ko=f"{last.detail_ko} 외 {more:,}건")
    return [*faults[:-1], told]


def _cleared(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _cleared(value) if isinstance(value, Mapping) else value or None for name, value in attributes.items()
    }
