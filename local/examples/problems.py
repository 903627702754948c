"""What is wrong with the files of a business, in their own words: file, line, key, and what to do, in two languages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local.errors import LocalError
from local.home import CHECKOUT


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing in one file.

    line: from 1; None for the file as a whole.
    key: as the file has it, or as it should have; empty where no key is at fault.
    code: stable.
    detail, detail_ko: what is wrong and what to do, in English and, where there is one, in Korean.
    """

    path: Path
    line: int | None
    key: str
    code: str
    detail: str
    detail_ko: str | None

    @property
    def file(self) -> str:
        """The path as people would type it."""
        return str(self.path.relative_to(CHECKOUT) if self.path.is_relative_to(CHECKOUT) else self.path)

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        told = f"{self.detail} ({self.detail_ko})" if self.detail_ko else self.detail
        return ": ".join(filter(None, [place, self.key, told]))


class TableError(Exception):
    """A table can't be used: `problems` says why, row by row where it is for its rows."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class FolderError(LocalError):
    """The files of a business can't be used: `problems` says of each why. The detail has a line for each."""

    kind = "bad_files"

    def __init__(self, folder: Path, problems: Sequence[Problem]) -> None:
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        super().__init__("\n".join([f"{count} in {folder} (문제 {len(problems)}개)", *map(str, problems)]))
        self.problems = problems
