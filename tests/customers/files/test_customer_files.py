"""A file of customers: what it says, row by row, and what is told of a row that says nothing sound."""

from collections.abc import Callable

import pytest

from shared.customers.files.people import CustomerFile, Recipient
from shared.customers.files.problems import FileError, RowProblem

Open = Callable[..., CustomerFile]
HEADER = "id,phone,name,note"


def _codes(file: CustomerFile) -> list[tuple[int, str]]:
    return [(row.line, row.code) for row in file if isinstance(row, RowProblem)]


def _recipients(file: CustomerFile) -> list[Recipient]:
    return [row for row in file if isinstance(row, Recipient)]


def test_a_row_says_who_it_is_about_and_the_rest_of_it_is_data_or_attributes(csv_file: Open) -> None:
    (row,) = csv_file(HEADER, "c-1,010-1234-5678,홍길동,안녕")
    note = {"note": "안녕"}
    assert row == Recipient(2, "c-1", {"id": "c-1", "phone": "010-1234-5678", "name": "홍길동"}, note, note)


def test_blank_rows_are_left_out_and_a_short_row_ends_in_blank_cells(csv_file: Open) -> None:
    rows = _recipients(csv_file(HEADER, "", ",,,", "c-1,01012345678"))
    assert [(row.line, row.customer["name"], row.data) for row in rows] == [(4, None, {"note": ""})]


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
    assert all(row.detail_ko for row in file if isinstance(row, RowProblem))
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
        (("id,name", "c,n"), "missing_column"),
        (("id,phone,note,note", "c,0,1,2"), "repeated_column"),
        (("id,phone,ID", "c,0,d"), "repeated_column"),
        (("id,phone,customer.phone", "c,0,d"), "repeated_column"),
        (("id,휴대폰,핸드폰", "c,0,d"), "repeated_column"),
        (("id,연락처(엄마),연락처(아빠)", "c,0,d"), "repeated_column"),
        (("id,phone,name,NAME", "c,0,d,e"), "repeated_column"),
        (("id,phone,course,course.title", "c,0,1,2"), "repeated_column"),
        (("id,phone,동,attributes.동", "c,0,1,2"), "repeated_column"),
        (("id,phone,동,data.동", "c,0,1,2"), "repeated_column"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_is_refused(csv_file: Open, lines: tuple[str, ...], code: str) -> None:
    with pytest.raises(FileError) as refused:
        csv_file(*lines)
    assert refused.value.code == code
    assert refused.value.detail_ko


@pytest.mark.parametrize(("rows", "has"), [((), False), ((",,,", ""), False), (("c-1,,,",), True)])
def test_whether_a_file_has_rows_is_known(csv_file: Open, rows: tuple[str, ...], has: bool) -> None:
    assert csv_file(HEADER, *rows).has_rows == has


@pytest.mark.parametrize(
    ("id_name", "phone_name"),
    [
        ("ID", "Phone"),
        ("ID ", " Phone Number"),
        ("customer.id", "customer.phone"),
        ("Customer_ID", "mobile"),
        ("고객번호", "전화번호"),
        ("고객 ID", "휴대폰 번호*"),
        ("아이디", '"휴대폰\n번호"'),
        ("\u200bid", "phone\u00a0"),
        ("회원번호", "연락처"),
        ("고객번호(필수)", "휴대폰번호 (- 없이)*"),
    ],
)
def test_a_column_is_found_however_its_name_is_written(csv_file: Open, id_name: str, phone_name: str) -> None:
    (row,) = _recipients(csv_file(f"{id_name},{phone_name}", "c-1,010-1234-5678"))
    assert row.customer == {"id": "c-1", "phone": "010-1234-5678"}


def test_a_column_of_the_very_name_counts_before_one_that_has_another_name(csv_file: Open) -> None:
    (row,) = _recipients(csv_file("id,고객번호,phone,연락처", "c-1,77,010-1234-5678,02-123-4567"))
    assert row.customer == {"id": "c-1", "phone": "010-1234-5678"}
    assert row.data == row.attributes == {"고객번호": "77", "연락처": "02-123-4567"}


def test_of_two_columns_that_may_be_the_name_none_is(csv_file: Open) -> None:
    (row,) = _recipients(csv_file("id,phone,이름(보호자),이름(아이)", "c-1,010-1234-5678,홍길동,홍하나"))
    assert "name" not in row.customer
    assert row.data == row.attributes == {"이름(보호자)": "홍길동", "이름(아이)": "홍하나"}


def test_a_column_without_a_name_is_left_out(csv_file: Open) -> None:
    (row,) = _recipients(csv_file("id,phone,,name,,", "c-1,010-1234-5678,x,홍길동,,"))
    assert (row.customer["name"], row.data) == ("홍길동", {})


def test_a_column_that_has_another_name_is_reached_by_that_too(csv_file: Open) -> None:
    file = csv_file("고객번호,전화번호,이름", "c-1,010-1234-5678,홍길동")
    (row,) = _recipients(file)
    assert (row.customer["name"], row.data["이름"], dict(row.attributes)) == ("홍길동", "홍길동", {})
    assert {"customer.name", "data.이름"} <= file.paths
    assert "customer.attributes.이름" not in file.paths


@pytest.mark.parametrize(
    ("column", "attributes", "data"),
    [
        ("동", {"동": "101"}, {"동": "101"}),
        ("attributes.동", {"동": "101"}, {}),
        ("customer.attributes.동", {"동": "101"}, {}),
        ("data.동", {}, {"동": "101"}),
        ("home.동", {"home": {"동": "101"}}, {"home": {"동": "101"}}),
        ("attributes.home.동", {"home": {"동": "101"}}, {}),
        ("\u1103\u1169\u11bc", {"동": "101"}, {"동": "101"}),
    ],
    ids=["plain", "attribute", "attribute-of-the-customer", "data", "nested", "attribute-nested", "decomposed"],
)
def test_a_column_is_an_attribute_or_data_or_either(
    csv_file: Open, column: str, attributes: dict[str, object], data: dict[str, object]
) -> None:
    file = csv_file(f"id,phone,{column}", "c-1,010-1234-5678,101")
    (row,) = _recipients(file)
    assert (row.attributes, row.data) == (attributes, data)
    found = {path for path in file.paths if path.endswith("동")}
    assert len(found) == bool(attributes) + bool(data)


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("1012345678", "01012345678"),
        ("111234567", "0111234567"),
        ("1012345678.0", "01012345678"),
        ("'01012345678", "01012345678"),
        ('"=""01012345678"""', "01012345678"),
        ("\x1f01012345678", "01012345678"),
        ("821012345678.0", "821012345678"),
        ("+821012345678", "+821012345678"),
        ("21234567", "21234567"),
        ("15881234", "15881234"),
        ("010-1234-5678", "010-1234-5678"),
    ],
    ids=[
        "zero-lost", "old-number", "decimals", "apostrophe", "formula", "unit-separator", "country-decimals",
        "country", "land-line", "service", "dashes",
    ],
)  # fmt: skip
def test_a_number_is_what_it_was_before_a_spreadsheet_took_it_for_one(csv_file: Open, cell: str, number: str) -> None:
    (row,) = _recipients(csv_file(HEADER, f"a,{cell},,"))
    assert row.customer["phone"] == number


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("c-1,1.09E+09,,", "phone"),
        ("c-1,8.21091E+11,,", "phone"),
        ("c-1,1E+10,,", "phone"),
        ("2.02611E+12,01012345678,,", "id"),
    ],
)
def test_a_number_whose_digits_a_spreadsheet_has_lost_is_told(csv_file: Open, row: str, column: str) -> None:
    (problem,) = csv_file(HEADER, row)
    assert isinstance(problem, RowProblem)
    assert (problem.line, problem.code, problem.column) == (2, "shortened_number", column)


@pytest.mark.parametrize("id_", ["1E5", "12e3", "1.5", "3-E+10"])
def test_an_id_that_only_looks_shortened_is_an_id(csv_file: Open, id_: str) -> None:
    (row,) = _recipients(csv_file(HEADER, f"{id_},01012345678,,"))
    assert row.id == id_


def test_a_header_that_is_there_again_is_told_and_makes_no_customer(csv_file: Open) -> None:
    file = csv_file(HEADER, "c-1,01012345678,a,", f"\ufeff{HEADER}", "c-2,01012345678,b,")
    assert _codes(file) == [(3, "repeated_header")]
    assert [row.id for row in _recipients(file)] == ["c-1", "c-2"]


def test_what_cannot_be_seen_makes_no_other_customer(csv_file: Open) -> None:
    assert _codes(csv_file(HEADER, "c-1,01012345678,,", "\ufeffc-1\u200b,01012345678,,")) == [(3, "repeated_id")]


def test_a_quote_after_a_space_is_a_quote(csv_file: Open) -> None:
    (row,) = _recipients(csv_file(HEADER, 'c-1, 01012345678, "Hong, Gil-dong", x'))
    assert (row.customer["name"], row.data) == ("Hong, Gil-dong", {"note": "x"})
