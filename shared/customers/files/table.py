"""A file as a table: a header, and rows that are read as a stream. A row that can't be read costs itself alone."""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from shared.customers.files.columns import Names, columns_named, tidy
from shared.customers.files.opening import BAD_BYTE, encoding_of, size_of
from shared.customers.files.problems import FileError, RowProblem, empty_file, missing_columns

SEPARATORS = ",;\t|"
"""In the order in which they are tried."""

_SEPARATOR_NAMED = re.compile(r'\ufeff?"?sep=([,;\t|])"?\s*', re.IGNORECASE)
"""The first line by which Excel is told a separator."""

_BLANK = re.compile(r'[\s\ufeff",;|]*')
_NO_LETTER = re.compile(f"\x00|{BAD_BYTE.pattern}")
_UNUSUAL = re.compile('[\x00\u200b\u2060\ufeff\udc80-\udcff]|="')
_FORMULA = re.compile(r'="([^"]*)"')
_INVISIBLE = "\u200b\u2060\ufeff \t\u00a0"
_LONGEST_LINE = 1 << 20
_LINES_OF_A_HEADER = 20
_PIECE = 1 << 20
_LINES_BETWEEN_TELLING = 500


@dataclass(frozen=True, slots=True)
class _Header:
    """`begin`: lines before it, `lines`: its own. `at`: where the columns are that were asked for."""

    begin: int
    lines: int
    separator: str
    columns: list[str]
    at: Mapping[str, int]


class Table:
    """A readable file with a sound header.

    The separator is the one by which the header has the columns that are needed: a comma, a semicolon, a tab or a bar.

    Args:
        path: the file.
        names: what its columns may say.
        required: what they must.

    Raises:
        FileError: `no_file`, `empty_file`, `file_too_large`, `spreadsheet_file`, `unreadable_file`, `missing_column`,
            `repeated_column`.
    """

    def __init__(self, path: Path, names: Names, required: Sequence[str]) -> None:
        self.path = path
        self.size = size_of(path)
        self.encoding = encoding_of(path)
        self._bytes_read = 0
        header = self._header(names, required)
        self.columns, self.at, self.separator = header.columns, header.at, header.separator
        self._begin, self._lines_of_header = header.begin, header.lines

    @property
    def share_read(self) -> float:
        """How much of the file the newest iteration has taken in, 0 to 1."""
        return self._bytes_read / self.size

    def count_lines(self) -> int:
        """How many lines there are at most, at the price of reading the bytes. No row is without a line of its own."""
        lines = 1
        with self.path.open("rb") as raw:
            while piece := raw.read(_PIECE):
                lines += piece.count(b"\n") + piece.count(b"\r")
        return lines

    def __iter__(self) -> Iterator[tuple[int, list[str]] | RowProblem]:
        """The rows in their order, each with the line it begins on; blank ones are left out.

        Cells are stripped, and a row has as many as the header.
        """
        width = len(self.columns)
        for line, cells in self._cells():
            if isinstance(cells, RowProblem):
                yield cells
                continue
            stripped = [cell.strip() for cell in cells]
            whole = "".join(stripped)
            if not whole:
                continue
            problem = None
            if _UNUSUAL.search(whole):
                stripped = [_plain(cell) for cell in stripped]
                problem = self._unreadable(line, stripped)
            if len(stripped) < width:
                stripped += [""] * (width - len(stripped))
            elif len(stripped) > width:
                problem = problem or self._too_long(line, stripped)
                del stripped[width:]
            if problem is None and stripped == self.columns:
                problem = RowProblem(
                    line,
                    "repeated_header",
                    "the header is here again: delete the line",
                    detail_ko="머리글이 다시 나옵니다. 이 줄을 지워 주세요.",
                )
            yield problem or (line, stripped)

    def _cells(self) -> Iterator[tuple[int, list[str] | RowProblem]]:
        with self.path.open("rb") as raw, self._text(raw) as text:
            lines = _Lines(text)
            for _ in range(self._begin + self._lines_of_header):
                next(lines)
            reader = self._reader(lines)
            while True:
                line = lines.begin_row()
                try:
                    cells = next(reader)
                except StopIteration:
                    self._bytes_read = self.size
                    return
                except csv.Error as error:
                    lines.give_back_all_but_first()
                    yield line, _no_csv(line, error)
                    continue
                if line % _LINES_BETWEEN_TELLING == 0:
                    self._bytes_read = raw.tell()
                yield line, cells

    def _text(self, raw: io.BufferedReader) -> io.TextIOWrapper:
        return io.TextIOWrapper(raw, encoding=self.encoding, errors="surrogateescape", newline="")

    def _reader(self, lines: Iterator[str]) -> Iterator[list[str]]:
        return csv.reader(lines, delimiter=self.separator, strict=True, skipinitialspace=True)

    def _header(self, names: Names, required: Sequence[str]) -> _Header:
        with self.path.open("rb") as raw, self._text(raw) as text:
            begin, separators = 0, SEPARATORS
            while line := text.readline(_LONGEST_LINE):
                if named := _SEPARATOR_NAMED.fullmatch(line):
                    separators = named[1]
                elif not _BLANK.fullmatch(line):
                    break
                begin += 1
            head = [line, *(text.readline(_LONGEST_LINE) for _ in range(_LINES_OF_A_HEADER))]
        if not line:
            raise empty_file(self.path.name, "is empty: it needs at least a header", "빈 파일입니다.")
        self._check_letters(begin + 1, head[0])
        widest: list[str] = []
        unreadable: csv.Error | None = None
        for separator in separators:
            try:
                columns, lines = _parsed(head, separator)
            except csv.Error as error:
                unreadable = unreadable or error
                continue
            at = columns_named(names, required, columns, self.path.name)
            if all(name in at for name in required):
                return _Header(begin, lines, separator, columns, at)
            widest = max(widest, columns, key=len)
        if unreadable is not None and len(widest) < 2:
            raise FileError(
                "unreadable_file",
                f"the header of {self.path.name} can't be read as CSV: {unreadable}",
                f"{self.path.name} 머리글을 CSV로 읽을 수 없습니다.",
            ) from unreadable
        at = columns_named(names, required, widest, self.path.name)
        missing = [name for name in required if name not in at]
        if len(widest) == 1 and any(separator in widest[0] for separator in separators):
            hint = _IN_ONE_CELL
        else:
            hint = self._hint(head, begin, separators, names, required)
        raise missing_columns(self.path.name, missing, widest[:20], hint)

    def _hint(
        self, head: Sequence[str], begin: int, separators: str, names: Names, required: Sequence[str]
    ) -> tuple[str, str]:
        """Where the header may be instead: lines stand above it in many a report."""
        for place, line in enumerate(head[1:], begin + 2):
            for separator in separators:
                cells = [tidy(cell) for cell in line.split(separator)]
                try:
                    at = columns_named(names, required, cells, self.path.name)
                except FileError:
                    continue
                if all(name in at for name in required):
                    return (
                        f". Line {place} looks like the header: delete the lines above it",
                        f". {place}번째 줄이 머리글로 보입니다. 그 위의 줄을 지워 주세요.",
                    )
        return "", ""

    def _check_letters(self, line: int, header: str) -> None:
        bad = _NO_LETTER.search(header)
        if bad is not None:
            raise FileError(
                "unreadable_file",
                f"{self.path.name}, line {line}: the header holds {_called(bad[0])}, which is no letter in UTF-8 "
                "nor in CP949: save it as “CSV UTF-8”",
                f"{self.path.name} {line}번째 줄: 머리글을 읽을 수 없습니다. ‘CSV UTF-8’로 저장해 주세요.",
            )

    def _unreadable(self, line: int, cells: Sequence[str]) -> RowProblem | None:
        for name, cell in zip_longest(self.columns, cells):
            if not cell or (bad := _NO_LETTER.search(cell)) is None:
                continue
            detail = (
                f"{name or 'the row'} holds {_called(bad[0])}, which is no letter in "
                f"{self.encoding.upper().removesuffix('-SIG')}: "
                "type it again, and save the file as “CSV UTF-8”"
            )
            told_ko = "읽을 수 없는 글자가 있습니다. 다시 입력하고 ‘CSV UTF-8’로 저장해 주세요."
            return RowProblem(line, "unreadable_row", detail, None, name or None, told_ko)
        return None

    def _too_long(self, line: int, cells: Sequence[str]) -> RowProblem | None:
        width = len(self.columns)
        if not any(cells[width:]):
            return None
        told = (
            f"the row has {len(cells)} cells, the header {width}; "
            f"a text that holds a {_NAMES[self.separator]} needs quotes"
        )
        told_ko = f"칸이 {len(cells)}개인데 머리글은 {width}개입니다. 구분 문자가 들어 있는 글은 따옴표로 묶어 주세요."
        return RowProblem(line, "too_many_cells", told, detail_ko=told_ko)


def _parsed(head: Sequence[str], separator: str) -> tuple[list[str], int]:
    """The header's names, and how many lines it has."""
    reader = csv.reader(iter(head), delimiter=separator, strict=True, skipinitialspace=True)
    return [tidy(cell) for cell in next(reader)], reader.line_num


_IN_ONE_CELL = (
    ". All of it stands in one cell: take the quotes around each line away",
    ". 한 칸에 모든 열이 들어 있습니다. 줄 전체를 감싼 따옴표를 지워 주세요.",
)
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


def _called(character: str) -> str:
    return "a NUL character" if character == "\x00" else f"the byte 0x{ord(character) & 0xFF:02X}"


def _plain(cell: str) -> str:
    """A cell without what can't be seen around it, nor the formula by which a spreadsheet is kept from reading it."""
    bare = cell.strip(_INVISIBLE)
    formula = _FORMULA.fullmatch(bare)
    return formula[1].strip() if formula else bare


def _no_csv(line: int, error: csv.Error) -> RowProblem:
    detail = f"the row can't be read as CSV: {error}; look for a quote that is not closed"
    return RowProblem(
        line,
        "unreadable_row",
        detail,
        detail_ko="CSV로 읽을 수 없는 줄입니다. 닫히지 않은 따옴표가 있는지 확인해 주세요.",
    )


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
