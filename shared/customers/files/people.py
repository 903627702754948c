"""A file of customers: what `send` reads and what a business's own `customers.csv` is.

The file is read as a stream. What is wrong with all of it is found before its first row is given; what is wrong with a
row is given in the row's place, and does not stop the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotated_types import MaxLen

from shared.contracts.events import LONGEST_TOKEN, MOST_DEVICES, CustomerSnapshot, tokens_of
from shared.contracts.text import clean_id
from shared.customers.files.cells import as_typed
from shared.customers.files.columns import CUSTOMER, Further, further_columns
from shared.customers.files.problems import RowProblem
from shared.customers.files.table import Table
from shared.customers.words import DEVICES

REQUIRED_COLUMNS = ("id", "phone")

_SHORTENED_ID = re.compile(r"\d[.,]\d+E\+\d{2}")
_SHORTENED_PHONE = re.compile(r"\+?\d+([.,]\d+)?E\+?\d+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Recipient:
    """A row: who it is about, and what else it says.

    line: where it begins in the file, from 1.
    id: of the customer.
    customer: the columns of a customer; a blank cell is None.
    data: every other column but those of attributes alone, one with dots in its name nested; a blank cell is an empty
        text and fills no variable.
    attributes: every other column but those of data alone, likewise.
    """

    line: int
    id: str
    customer: dict[str, str | None]
    data: Mapping[str, Any]
    attributes: Mapping[str, Any]


class CustomerFile:
    """A readable file with a sound header.

    Args:
        path: the file.

    Raises:
        FileError: as `Table` raises it.
    """

    def __init__(self, path: Path) -> None:
        self._table = Table(path, CUSTOMER, REQUIRED_COLUMNS)
        self.path = path
        self._fields = self._table.at
        self._further = further_columns(self._table.columns, self._fields, path.name)

    @property
    def paths(self) -> frozenset[str]:
        """What a template may reach by a row of the file."""
        return frozenset(
            [f"customer.{name}" for name in self._fields]
            + [f"customer.attributes.{column.attribute}" for column in self._further if column.attribute is not None]
            + [f"data.{column.data}" for column in self._further if column.data is not None]
        )

    @property
    def columns(self) -> Sequence[str]:
        """As the header names them, tidy."""
        return self._table.columns

    @property
    def has_rows(self) -> bool:
        """Whether any row is not blank."""
        return next(iter(self._table), None) is not None

    def count_lines(self) -> int:
        """At least as many as there are rows, and quickly found."""
        return self._table.count_lines()

    @property
    def share_read(self) -> float:
        """How much of the file the newest iteration has taken in, 0 to 1."""
        return self._table.share_read

    def __iter__(self) -> Iterator[Recipient | RowProblem]:
        """The rows in their order; blank ones are left out, a customer's second one is a problem."""
        parser = _RowParser(self._table.columns, self._fields, self._further)
        for row in self._table:
            yield row if isinstance(row, RowProblem) else parser.parse(*row)


class _RowParser:
    """Turns cells into recipients; remembers whom it has seen."""

    def __init__(self, header: Sequence[str], fields: Mapping[str, int], further: Sequence[Further]) -> None:
        self._header = header
        self._id_at, self._phone_at = fields["id"], fields["phone"]
        self._devices_at = fields.get(DEVICES)
        self._fields = list(fields.items())
        self._limits = [(name, at, _LONGEST[name]) for name, at in self._fields if name != DEVICES]
        self._data = [(column.data, column.at) for column in further if column.data is not None]
        self._attributes = [(column.attribute, column.at) for column in further if column.attribute is not None]
        self._alike = self._attributes == self._data
        self._lines: dict[str, int] = {}

    def parse(self, line: int, cells: list[str]) -> Recipient | RowProblem:
        customer_id = cells[self._id_at] = clean_id(cells[self._id_at])
        if problem := self._problem(line, customer_id, cells):
            return problem
        self._lines[customer_id] = line
        customer = {name: cells[at] or None for name, at in self._fields}
        if phone := customer["phone"]:
            customer["phone"] = as_typed(phone)
        data = _nested(self._data, cells)
        attributes = data if self._alike else _nested(self._attributes, cells)
        return Recipient(line, customer_id, customer, data, attributes)

    def _problem(self, line: int, customer_id: str, cells: list[str]) -> RowProblem | None:
        if not customer_id:
            return self._told(line, "missing_id", None, self._id_at, "the row has no id", "고객 번호(id)가 없습니다.")
        if customer_id in self._lines:
            before = self._lines[customer_id]
            told = f"customer {customer_id} was on line {before} before"
            return self._told(
                line, "repeated_id", customer_id, self._id_at, told, f"{before}번째 줄에 같은 고객이 있습니다."
            )
        for name, at, longest in self._limits:
            if len(cells[at]) > longest:
                told = f"{name} has {len(cells[at]):,} characters; {longest} fit"
                return self._told(line, "too_long", customer_id, at, told, f"{longest}자까지 쓸 수 있습니다.")
        if problem := self._devices_problem(line, customer_id, cells):
            return problem
        for at, shortened in ((self._id_at, _SHORTENED_ID), (self._phone_at, _SHORTENED_PHONE)):
            if shortened.fullmatch(cells[at]):
                told = (
                    f"a spreadsheet has shortened {self._header[at]}, such as 1.09E+09, and its digits are lost: "
                    "format the column as text, and fill it again"
                )
                told_ko = (
                    "스프레드시트가 숫자를 줄여(1.09E+09) 자릿수를 잃었습니다. "
                    "열 서식을 ‘텍스트’로 바꾸고 다시 입력해 주세요."
                )
                return self._told(line, "shortened_number", customer_id, at, told, told_ko)
        return None

    def _devices_problem(self, line: int, customer_id: str, cells: list[str]) -> RowProblem | None:
        if self._devices_at is None:
            return None
        tokens = tokens_of(cells[self._devices_at])
        if len(tokens) <= MOST_DEVICES and max(map(len, tokens), default=0) <= LONGEST_TOKEN:
            return None
        told = f"{MOST_DEVICES} devices of {LONGEST_TOKEN:,} characters fit"
        told_ko = f"기기는 {MOST_DEVICES}대, 토큰은 {LONGEST_TOKEN:,}자까지 쓸 수 있습니다."
        return self._told(line, "too_long", customer_id, self._devices_at, told, told_ko)

    def _told(self, line: int, code: str, customer_id: str | None, at: int, detail: str, detail_ko: str) -> RowProblem:
        return RowProblem(line, code, detail, customer_id, self._header[at], detail_ko)


def _nested(columns: Sequence[tuple[str, int]], cells: Sequence[str]) -> dict[str, Any]:
    """`{"course.title": "한글"}` → `{"course": {"title": "한글"}}`, as paths of templates reach it."""
    whole: dict[str, Any] = {}
    for name, at in columns:
        if "." not in name:
            whole[name] = cells[at]
            continue
        *folders, last = name.split(".")
        place = whole
        for folder in folders:
            place = place.setdefault(folder, {})
        place[last] = cells[at]
    return whole


def _longest(column: str) -> int:
    rules = CustomerSnapshot.model_fields[column].metadata
    return next(rule.max_length for rule in rules if isinstance(rule, MaxLen))


_LONGEST = {column: _longest(column) for column in CUSTOMER if column != DEVICES}
"""Characters at most, as for the customer of an event."""
