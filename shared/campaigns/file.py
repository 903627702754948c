"""A file of customers, as spreadsheets save it: comma-separated, in UTF-8 or in Korean Excel's CP949.

The file is read as a stream. What is wrong with all of it is found before its first row is given; what is wrong with a
row is given in the row's place, and does not stop the others.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotated_types import MaxLen

from shared.contracts import CustomerSnapshot
from shared.templates.errors import MessageError

MAX_FILE_BYTES = 200 * 1024 * 1024
CUSTOMER_COLUMNS = ("id", "phone", "name", "email", "company", "status", "plan", "locale")
REQUIRED_COLUMNS = CUSTOMER_COLUMNS[:2]

_WITHOUT_ITS_ZERO = re.compile(r"1[016-9]\d{7,8}", re.ASCII)
_BLOCK_BYTES = 1 << 20
_LINES_BETWEEN_TELLING = 500


class BulkError(MessageError):
    """The send as a whole can't be made; nothing of it was written."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """A row: who it is about, and what else it says.

    line: where it begins in the file, from 1.
    id: of the customer.
    customer: the columns of a customer; a blank cell is None.
    data: every other column, one with dots in its name nested; a blank cell is an empty text and fills no variable.
    """

    line: int
    id: str
    customer: dict[str, str | None]
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RowProblem:
    """What is wrong with a row. `detail` is for people; `customer` is None where the row does not tell."""

    line: int
    code: str
    detail: str
    customer: str | None = None


class CustomerFile:
    """A readable file with a sound header.

    Args:
        path: the file.

    Raises:
        BulkError: `no_file`, `file_too_large`, `unreadable_file`, `empty_file`, `missing_column`, `repeated_column`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = _size(path)
        self.encoding = _encoding(path)
        self._bytes_read = 0
        with path.open(encoding=self.encoding, newline="") as file:
            self.columns = _header(path, file)
        if next(iter(self), None) is None:
            raise BulkError("empty_file", f"{path.name} has a header and no rows")

    @property
    def data_columns(self) -> frozenset[str]:
        """The columns that are reached as `data.<column>`."""
        return frozenset(self.columns) - {*CUSTOMER_COLUMNS, ""}

    @property
    def share_read(self) -> float:
        """How much of the file the newest iteration has taken in, 0 to 1."""
        return self._bytes_read / self.size

    def __iter__(self) -> Iterator[Recipient | RowProblem]:
        """The rows in their order; blank ones are left out, a customer's second one is a problem."""
        parser = _RowParser(self.columns)
        with self.path.open("rb") as raw, io.TextIOWrapper(raw, encoding=self.encoding, newline="") as text:
            lines = _Lines(text)
            reader = csv.reader(lines, strict=True)
            next(reader)
            while True:
                line = lines.begin_row()
                try:
                    cells = next(reader)
                except StopIteration:
                    self._bytes_read = self.size
                    return
                except csv.Error as error:
                    lines.give_back_all_but_first()
                    yield RowProblem(line, "unreadable_row", f"the row can't be read as CSV: {error}")
                    continue
                if line % _LINES_BETWEEN_TELLING == 0:
                    self._bytes_read = raw.tell()
                row = parser.parse(line, cells)
                if row is not None:
                    yield row


class _Lines:
    """The lines of a text. Those that a row took in vain, for a quote that is never closed, can be read again."""

    def __init__(self, text: Iterator[str]) -> None:
        self._text = text
        self._of_row: list[str] = []
        self._again: deque[str] = deque()
        self._number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._text)
        self._of_row.append(line)
        return line

    def begin_row(self) -> int:
        """A row begins with the next line. Gives its number, from 1."""
        self._number += len(self._of_row)
        self._of_row.clear()
        return self._number + 1

    def give_back_all_but_first(self) -> None:
        self._again.extendleft(reversed(self._of_row[1:]))
        del self._of_row[1:]


class _RowParser:
    """Turns cells into recipients; remembers whom it has seen."""

    def __init__(self, columns: list[str]) -> None:
        self._width = len(columns)
        self._id_at = columns.index("id")
        self._people = [(name, at) for at, name in enumerate(columns) if name in CUSTOMER_COLUMNS]
        self._others = [(name, at) for at, name in enumerate(columns) if name and name not in CUSTOMER_COLUMNS]
        self._limits = [(name, at, _LONGEST[name]) for name, at in self._people]
        self._nested = any("." in name for name, _ in self._others)
        self._lines: dict[str, int] = {}

    def parse(self, line: int, cells: list[str]) -> Recipient | RowProblem | None:
        cells = [cell.strip() for cell in cells]
        if not any(cells):
            return None
        if len(cells) < self._width:
            cells += [""] * (self._width - len(cells))
        customer_id = cells[self._id_at]
        if problem := self._problem(customer_id, cells):
            return RowProblem(line, *problem, customer_id or None)
        self._lines[customer_id] = line
        customer = {name: cells[at] or None for name, at in self._people}
        phone = customer["phone"]
        if phone and _WITHOUT_ITS_ZERO.fullmatch(phone):
            customer["phone"] = f"0{phone}"  # a spreadsheet took it for a number
        data = {name: cells[at] for name, at in self._others}
        return Recipient(line, customer_id, customer, _nested(data) if self._nested else data)

    def _problem(self, customer_id: str, cells: list[str]) -> tuple[str, str] | None:
        """Code and sentence of what is wrong with a row, or None."""
        if len(cells) > self._width and any(cells[self._width :]):
            told = f"the row has {len(cells)} cells, the header {self._width}; a text that holds a comma needs quotes"
            return "too_many_cells", told
        if not customer_id:
            return "missing_id", "the row has no id"
        if customer_id in self._lines:
            return "repeated_id", f"customer {customer_id} was on line {self._lines[customer_id]} before"
        for name, at, longest in self._limits:
            if len(cells[at]) > longest:
                return "too_long", f"{name} has {len(cells[at]):,} characters; {longest} fit"
        if "\x00" in "".join(cells):
            return "unreadable_row", "the row holds a NUL character, which cannot be stored"
        return None


def _nested(data: dict[str, str]) -> dict[str, Any]:
    """`{"course.title": "한글"}` → `{"course": {"title": "한글"}}`, as paths of templates reach it."""
    whole: dict[str, Any] = {}
    for name, value in data.items():
        *folders, last = name.split(".")
        place = whole
        for folder in folders:
            place = place.setdefault(folder, {})
        place[last] = value
    return whole


def _longest(column: str) -> int:
    rules = CustomerSnapshot.model_fields[column].metadata
    return next(rule.max_length for rule in rules if isinstance(rule, MaxLen))


_LONGEST = {column: _longest(column) for column in CUSTOMER_COLUMNS}
"""Characters at most, as for the customer of an event."""


def _size(path: Path) -> int:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise BulkError("no_file", f"{path} can't be opened: {error.strerror}") from error
    if not path.is_file():
        raise BulkError("no_file", f"{path} is not a file")
    if size == 0:
        raise BulkError("empty_file", f"{path.name} is empty")
    if size > MAX_FILE_BYTES:
        raise BulkError("file_too_large", f"{path.name} has {size:,} bytes; {MAX_FILE_BYTES:,} fit")
    return size


def _encoding(path: Path) -> str:
    """UTF-8 if all of the file is, else CP949 if all of it is."""
    for encoding in ("utf-8-sig", "cp949"):
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            with path.open("rb") as file:
                while block := file.read(_BLOCK_BYTES):
                    decoder.decode(block)
                decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        except OSError as error:
            raise BulkError("no_file", f"{path} can't be opened: {error.strerror}") from error
        return encoding
    raise BulkError("unreadable_file", f"{path.name} is neither UTF-8 nor CP949; save it as “CSV UTF-8”")


def _header(path: Path, lines: Iterator[str]) -> list[str]:
    try:
        cells = [cell.strip() for cell in next(csv.reader(lines, strict=True), [])]
    except csv.Error as error:
        raise BulkError("unreadable_file", f"the header of {path.name} can't be read as CSV: {error}") from error
    columns = [cell.lower() if cell.lower() in CUSTOMER_COLUMNS else cell for cell in cells]
    missing = [name for name in REQUIRED_COLUMNS if name not in columns]
    if missing:
        found = ", ".join(filter(None, columns[:20])) or "nothing"
        raise BulkError(
            "missing_column", f"the header of {path.name} lacks {' and '.join(missing)}; it has {found[:300]}"
        )
    repeated = sorted({name for name in columns if name and columns.count(name) > 1})
    if repeated:
        raise BulkError("repeated_column", f"the header of {path.name} names {', '.join(repeated)} twice")
    for name in columns:
        if clash := next((other for other in columns if other.startswith(f"{name}.") and name), None):
            raise BulkError("repeated_column", f"the columns {name} and {clash} of {path.name} exclude each other")
    return columns
