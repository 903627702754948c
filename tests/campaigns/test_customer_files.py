from collections.abc import Callable
from pathlib import Path

import pytest

from shared.campaigns.file import BulkError, CustomerFile, Recipient, RowProblem

Open = Callable[..., CustomerFile]
HEADER = "id,phone,name,note"


def _codes(file: CustomerFile) -> list[tuple[int, str]]:
    return [(row.line, row.code) for row in file if isinstance(row, RowProblem)]


def _recipients(file: CustomerFile) -> list[Recipient]:
    return [row for row in file if isinstance(row, Recipient)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_a_file_is_read_in_the_encodings_that_spreadsheets_save(csv_file: Open, encoding: str) -> None:
    (row,) = csv_file(HEADER, "c-1,010-1234-5678,홍길동,안녕", encoding=encoding)
    assert row == Recipient(2, "c-1", {"id": "c-1", "phone": "010-1234-5678", "name": "홍길동"}, {"note": "안녕"})


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_lines_end_as_on_any_system(tmp_path: Path, line_end: str) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes(line_end.join([HEADER, "c-1,01012345678,a,", "c-2,01012345678,b,"]).encode())
    assert [row.id for row in _recipients(CustomerFile(path))] == ["c-1", "c-2"]


def test_blank_rows_are_left_out_and_a_short_row_ends_in_blank_cells(csv_file: Open) -> None:
    rows = _recipients(csv_file(HEADER, "", ",,,", "c-1,01012345678"))
    assert [(row.line, row.customer["name"], row.data) for row in rows] == [(4, None, {"note": ""})]


def test_names_of_customer_columns_are_taken_in_any_case_and_with_spaces(csv_file: Open) -> None:
    assert csv_file("ID , Phone,NAME,Note", "c,01012345678,n,x").columns == ["id", "phone", "name", "Note"]


def test_a_spreadsheet_that_took_the_number_for_a_number_is_forgiven(csv_file: Open) -> None:
    rows = _recipients(csv_file(HEADER, "a,1012345678,,", "b,111234567,,", "c,21234567,,"))
    assert [row.customer["phone"] for row in rows] == ["01012345678", "0111234567", "21234567"]


def test_a_column_with_dots_is_reached_as_a_path(csv_file: Open) -> None:
    (row,) = _recipients(csv_file("id,phone,course.title,course.room.no,note", "c,01012345678,한글,3,x"))
    assert row.data == {"course": {"title": "한글", "room": {"no": "3"}}, "note": "x"}


def test_a_bad_row_is_told_with_its_line_and_does_not_stop_the_others(csv_file: Open) -> None:
    file = csv_file(
        HEADER,
        ",01012345678,no id,",
        "c-1,01012345678,a,",
        "c-1,01012345678,again,",
        "c-2,01012345678,a,b,too many",
        'c-3,01012345678,"a"b,c',
        f"{'x' * 201},01012345678,a,",
        f"c-4,01012345678,{'가' * 201},",
        "c-5,01012345678,nul\0,",
        "c-6,01012345678,last,",
    )
    assert _codes(file) == [
        (2, "missing_id"),
        (4, "repeated_id"),
        (5, "too_many_cells"),
        (6, "unreadable_row"),
        (7, "too_long"),
        (8, "too_long"),
        (9, "unreadable_row"),
    ]
    assert [(row.line, row.id) for row in _recipients(file)] == [(3, "c-1"), (10, "c-6")]


def test_a_quote_that_is_never_closed_costs_its_row_only(csv_file: Open) -> None:
    file = csv_file(HEADER, 'c-1,01012345678,"open,x', *(f"c-{n},01012345678,n,x" for n in range(2, 9_000)))
    assert _codes(file) == [(2, "unreadable_row")]
    assert [row.line for row in _recipients(file)] == list(range(3, 9_001))


def test_a_cell_may_hold_lines_of_its_own(csv_file: Open) -> None:
    rows = _recipients(csv_file(HEADER, 'c-1,01012345678,a,"one', 'two, ""three"""', "c-2,01012345678,b,"))
    assert [(row.line, row.data["note"]) for row in rows] == [(2, 'one\ntwo, "three"'), (4, "")]


def test_a_file_can_be_read_twice_and_tells_how_far_it_is(csv_file: Open) -> None:
    file = csv_file(HEADER, "c-1,01012345678,a,")
    assert file.share_read == 0
    assert list(file) == list(file)
    assert file.share_read == 1


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ((HEADER,), "empty_file"),
        ((HEADER, ",,,", ""), "empty_file"),
        (("id,name", "c,n"), "missing_column"),
        (("id;phone", "c;0"), "missing_column"),
        (("", "id,phone", "c,0"), "missing_column"),
        (("id,phone,note,note", "c,0,1,2"), "repeated_column"),
        (("id,phone,ID", "c,0,d"), "repeated_column"),
        (("id,phone,course,course.title", "c,0,1,2"), "repeated_column"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_is_refused(csv_file: Open, lines: tuple[str, ...], code: str) -> None:
    with pytest.raises(BulkError) as refused:
        csv_file(*lines)
    assert refused.value.code == code


def test_a_file_that_is_no_text_empty_absent_or_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "picture").write_bytes(b"\x89PNG\xff\xfe\x00")
    (tmp_path / "empty").touch()
    for name, code in [
        ("picture", "unreadable_file"),
        ("empty", "empty_file"),
        ("absent", "no_file"),
        (".", "no_file"),
    ]:
        with pytest.raises(BulkError) as refused:
            CustomerFile(tmp_path / name)
        assert refused.value.code == code


def test_a_file_over_200_mb_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.truncate(200 * 1024 * 1024 + 1)
    with pytest.raises(BulkError, match="file_too_large"):
        CustomerFile(path)
