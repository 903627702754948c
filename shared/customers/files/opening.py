"""What a file is, by its first bytes, and in which letters it was written."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from shared.customers.files.problems import AS_CSV, AS_CSV_KO, FileError, empty_file, no_file

MAX_FILE_BYTES = 200 * 1024 * 1024

BAD_BYTE = re.compile("[\udc80-\udcff]")
"""What `surrogateescape` (PEP 383) makes of a byte that is no letter in the encoding: it costs its row alone."""

_BLOCK_BYTES = 1 << 20
_HEAD_BYTES = 4096
_OTHERS = {
    b"PK\x03\x04": ("an Excel workbook (.xlsx), or another zip", "엑셀 통합 문서(.xlsx)"),
    b"\xd0\xcf\x11\xe0": ("an Excel workbook (.xls)", "엑셀 통합 문서(.xls)"),
    b"%PDF": ("a PDF", "PDF 문서"),
    b"{\\rtf": ("a text document (.rtf)", "서식 있는 문서(.rtf)"),
}
_IN_UTF_8 = re.compile("[\ufeff\u1100-\u11ff\u3131-\u318e가-힣]")
"""A mark, or Hangul: two syllables of CP949 may be a letter with an accent in UTF-8, hardly ever one of these."""
_NAMES_THE_SEPARATOR = re.compile(rb'"?sep=.', re.IGNORECASE)
_MARKUP = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|head|meta|table|\?xml|style)", re.IGNORECASE)


def size_of(path: Path) -> int:
    """Bytes of a file that may be read. Raises FileError `no_file`, `empty_file`, `file_too_large`."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise no_file(path, error.strerror or "") from error
    if not path.is_file():
        raise no_file(path, "it is not a file")
    if size == 0:
        raise empty_file(path.name, "is empty", "빈 파일입니다.")
    if size > MAX_FILE_BYTES:
        raise FileError(
            "file_too_large",
            f"{path.name} has {size:,} bytes; {MAX_FILE_BYTES:,} fit: send it in parts",
            f"{path.name} 파일이 너무 큽니다. 200MB 이하로 나누어 주세요.",
        )
    return size


def encoding_of(path: Path) -> str:
    """The encoding in which the most of a file is text: UTF-8, Korean Excel's CP949, or UTF-16 (“Unicode text”).

    A header with Hangul in UTF-8 decides: what is no letter below it is told of its row.

    Raises:
        FileError: `spreadsheet_file` for a workbook or a web page that calls itself one, `unreadable_file`, `no_file`.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
        _refuse_others(path.name, head)
        if (wide := _wide(head)) is not None:
            _check_wide(path, wide)
            return wide
        if _header_in_utf_8(head) or _reads(path, "utf-8-sig"):
            return "utf-8-sig"
        good, bad = _weigh(path, "utf-8-sig")
    except OSError as error:
        raise no_file(path, error.strerror or "") from error
    return "utf-8-sig" if good >= bad else "cp949"


def _refuse_others(name: str, head: bytes) -> None:
    told = next((told for magic, told in _OTHERS.items() if head.startswith(magic)), None)
    if _MARKUP.match(head):
        told = ("a web page or XML, whatever its name", "웹 페이지(HTML/XML) 형식")
    if told is not None:
        raise FileError(
            "spreadsheet_file",
            f"{name} is {told[0]}, not CSV. Open it and save it as CSV ({AS_CSV})",
            f"{name}: CSV가 아니라 {told[1]} 파일입니다. {AS_CSV_KO}",
        )


def _header_in_utf_8(head: bytes) -> bool:
    lines = (line for line in head.splitlines() if line.strip(b' \t",;|') and not _NAMES_THE_SEPARATOR.match(line))
    try:  # not to its end, for the head may end within a letter
        header = codecs.getincrementaldecoder("utf-8")().decode(next(lines, b""))
    except UnicodeError:
        return False
    return _IN_UTF_8.search(header) is not None


def _wide(head: bytes) -> str | None:
    """UTF-16 by its mark, or by the zeroes beside the header's letters."""
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(head) >= 4 and not any(head[1:4:2]) and all(head[0:4:2]):
        return "utf-16-le"
    if len(head) >= 4 and not any(head[0:4:2]) and all(head[1:4:2]):
        return "utf-16-be"
    return None


def _check_wide(path: Path, encoding: str) -> None:
    if not _reads(path, encoding):
        raise FileError(
            "unreadable_file",
            f"{path.name} begins as {encoding.upper()} and is damaged further on; save it anew ({AS_CSV})",
            f"{path.name} 파일이 손상되었습니다. {AS_CSV_KO}",
        )


def _reads(path: Path, encoding: str) -> bool:
    """Whether all of a file is text in an encoding."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                decoder.decode(block)
            decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    return True


def _weigh(path: Path, encoding: str) -> tuple[int, int]:
    """How many letters beyond ASCII a file has in an encoding, and how many bytes that are none."""
    decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
    letters = bad = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            text = decoder.decode(block)
            bad_here = len(BAD_BYTE.findall(text))
            letters += len(text) - len(text.encode("ascii", "ignore")) - bad_here
            bad += bad_here
    return letters, bad
