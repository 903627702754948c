"""What can be wrong with a file, or with one row of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shared.platform.errors import AllimError

AS_CSV = "in Excel: Save As, “CSV UTF-8 (Comma delimited)”"
AS_CSV_KO = "엑셀에서 ‘다른 이름으로 저장’ → ‘CSV UTF-8(쉼표로 분리)’로 저장해 주세요."


class FileError(AllimError):
    """A file as a whole can't be used; nothing of it was taken. `field`: the column at fault, where there is one."""


@dataclass(frozen=True, slots=True)
class RowProblem:
    """What is wrong with a row.

    line: where it begins in the file, from 1.
    code: stable.
    detail, detail_ko: for people, in English and in Korean; what a message's own failure says is English alone.
    customer: the id; None where the row does not tell.
    column: as the header names it; None where the whole row is at fault.
    """

    line: int
    code: str
    detail: str
    customer: str | None = None
    column: str | None = None
    detail_ko: str | None = None


def no_file(name: object, why: str) -> FileError:
    return FileError("no_file", f"{name} can't be opened: {why}", f"{name} 파일을 열 수 없습니다.")


def empty_file(name: str, what: str, what_ko: str) -> FileError:
    return FileError("empty_file", f"{name} {what}", f"{name}: {what_ko}")


def missing_columns(name: str, missing: Iterable[str], found: Iterable[str], hint: tuple[str, str]) -> FileError:
    lacking = list(missing)
    lacks, lacks_ko, has = " and ".join(lacking), ", ".join(lacking), ", ".join(filter(None, found))[:300] or "nothing"
    return FileError(
        "missing_column",
        f"the header of {name} lacks {lacks}; it has {has}{hint[0]}",
        f"{name} 머리글에 {lacks_ko} 열이 없습니다. 있는 열: {has}{hint[1]}",
    )


def repeated_columns(name: str, what: str, what_ko: str) -> FileError:
    return FileError("repeated_column", f"the header of {name} {what}", f"{name} 머리글: {what_ko}")
