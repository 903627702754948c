"""A file of groups: a row for each member."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.contracts.text import clean_id
from shared.customers.files.columns import MEMBER
from shared.customers.files.problems import RowProblem
from shared.customers.files.table import Table


@dataclass(frozen=True, slots=True)
class Member:
    """A row: the group, its name, and the id of a customer who belongs to it."""

    line: int
    group: str
    name: str
    customer: str


class GroupFile:
    """A readable file with a sound header.

    Args:
        path: the file.
        customers: ids of those who may belong to a group.

    Raises:
        FileError: as `Table` raises it.
    """

    def __init__(self, path: Path, customers: Container[str]) -> None:
        self._table = Table(path, MEMBER, tuple(MEMBER))
        self._customers = customers

    def __iter__(self) -> Iterator[Member | RowProblem]:
        """The rows in their order; blank ones are left out."""
        for row in self._table:
            yield row if isinstance(row, RowProblem) else self._member(*row)

    def _member(self, line: int, cells: list[str]) -> Member | RowProblem:
        at, header = self._table.at, self._table.columns
        for what in ("group", "customer"):
            cells[at[what]] = clean_id(cells[at[what]])
        group, name, customer = (cells[at[what]] for what in MEMBER)
        for what in ("group", "name"):
            if not cells[at[what]]:
                told, told_ko = "a group needs an id and a name", "그룹에는 번호와 이름이 있어야 합니다."
                return RowProblem(line, "missing_group", told, None, header[at[what]], told_ko)
        if customer not in self._customers:
            told, told_ko = f"there is no customer {customer!r}", f"고객 {customer!r}이(가) 없습니다."
            return RowProblem(line, "unknown_customer", told, customer or None, header[at["customer"]], told_ko)
        return Member(line, group, name, customer)
