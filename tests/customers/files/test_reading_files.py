"""One reader for every file of people: in whatever letters, with whatever separator, and as long as it may be."""

import csv
import io
import re
import tracemalloc
import unicodedata
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.examples.people import FAULTS_TOLD, FiledCustomers, read_groups
from local.examples.problems import TableError
from shared.customers.files.groups import GroupFile, Member
from shared.customers.files.opening import MAX_FILE_BYTES
from shared.customers.files.people import CustomerFile, Recipient
from shared.customers.files.problems import FileError, RowProblem

PEOPLE = "id,phone,이름,동\r\nc-1,010-1234-5678,홍길동,101동\r\nc-2,010-1234-5679,김하나,102동\r\n"
ENCODINGS = ["utf-8", "utf-8-sig", "cp949", "utf-16", "utf-16-le", "utf-16-be"]
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}


def _file(tmp_path: Path, content: bytes) -> CustomerFile:
    path = tmp_path / "customers.csv"
    path.write_bytes(content)
    return CustomerFile(path)


def _told(file: Iterable[Recipient | RowProblem]) -> list[tuple[str, str | None, Any]]:
    return [(row.id, row.customer["name"], row.data["동"]) for row in file if isinstance(row, Recipient)]


def _problems(file: Iterable[Recipient | RowProblem]) -> list[RowProblem]:
    return [row for row in file if isinstance(row, RowProblem)]


@pytest.mark.parametrize("separator", SEPARATORS.values(), ids=list(SEPARATORS))
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_file_is_read_as_spreadsheets_save_it(tmp_path: Path, encoding: str, separator: str) -> None:
    content = PEOPLE.replace(",", separator).encode(encoding)
    assert _told(_file(tmp_path, content)) == [("c-1", "홍길동", "101동"), ("c-2", "김하나", "102동")]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"], ids=["unix", "windows", "old-mac"])
def test_lines_end_as_on_any_system(tmp_path: Path, line_end: str) -> None:
    assert len(_told(_file(tmp_path, PEOPLE.replace("\r\n", line_end).encode()))) == 2


cells = st.text(st.sampled_from("가나힣ab,;\t|\"'\n 0-"), max_size=6)


@given(
    st.lists(st.tuples(cells, cells), min_size=1, max_size=6),
    st.sampled_from(ENCODINGS),
    st.sampled_from(list(SEPARATORS.values())),
    st.booleans(),
)
def test_what_was_written_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], encoding: str, separator: str, quote: bool
) -> None:
    written = io.StringIO()
    writer = csv.writer(written, delimiter=separator, quoting=csv.QUOTE_ALL if quote else csv.QUOTE_MINIMAL)
    writer.writerow(["id", "phone", "이름", "동"])
    for number, (name, note) in enumerate(rows):
        writer.writerow([f"c-{number}", "010-1234-5678", name, note])
    path = tmp_path_factory.mktemp("written") / "c.csv"
    path.write_bytes(written.getvalue().encode(encoding))
    file = CustomerFile(path)
    expected = [(f"c-{n}", name.strip() or None, note.strip()) for n, (name, note) in enumerate(rows)]
    assert (_problems(file), _told(file)) == ([], expected)


@pytest.mark.parametrize(
    "before",
    ["", "\r\n", "\r\n,,,\r\n", "sep=,\r\n", '"sep=,"\r\n\r\n'],
    ids=["nothing", "blank", "commas", "sep", "sep-in-quotes"],
)
def test_blank_lines_and_the_word_on_separators_come_before_the_header(tmp_path: Path, before: str) -> None:
    file = _file(tmp_path, f"{before}{PEOPLE},010-1-1,x,y\r\n".encode())
    assert len(_told(file)) == 2
    [problem] = _problems(file)
    assert problem.line == before.count("\r\n") + 4


def test_a_separator_that_the_file_names_is_taken(tmp_path: Path) -> None:
    assert len(_told(_file(tmp_path, f"sep=;\r\n{PEOPLE.replace(',', ';')}".encode()))) == 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_one_bad_byte_costs_its_row_and_is_told_with_its_place(tmp_path: Path, encoding: str) -> None:
    before, after = PEOPLE.split("김하나")
    content = before.encode(encoding) + b"\xff" + f"{after}c-3,0,이,103동\r\n".encode(encoding.removesuffix("-sig"))
    file = _file(tmp_path, content)
    assert [told[0] for told in _told(file)] == ["c-1", "c-3"]
    [problem] = _problems(file)
    assert (problem.line, problem.code, problem.column) == (3, "unreadable_row", "이름")
    assert "0xFF" in problem.detail


def test_a_bad_byte_among_few_letters_does_not_make_another_alphabet_of_them(tmp_path: Path) -> None:
    name = "홍길동".encode()
    file = _file(tmp_path, b"id,phone,name\nc-1,0," + name + b"\nc-2,0," + name[:-1] + b"\nc-3,0," + name + b"\n")
    assert [row.customer["name"] for row in file if isinstance(row, Recipient)] == ["홍길동", "홍길동"]
    assert [problem.line for problem in _problems(file)] == [3]


def test_a_header_in_utf_8_is_not_blamed_for_a_bad_byte_below_it(tmp_path: Path) -> None:
    rows = b"q7,010-9000-4000,\xff\xb0,1\nq8,010-9000-4001,n,2\n"
    for header in ("id,phone,name,동\n", "\ufeffid,phone,name,dong\n", "sep=,\n\nid,phone,name,동\n"):
        file = _file(tmp_path, header.encode() + rows)
        [problem] = _problems(file)
        place = header.count("\n") + 1
        assert (problem.line, problem.code, problem.column) == (place, "unreadable_row", "name")
        assert [row.id for row in file if isinstance(row, Recipient)] == ["q8"]


def test_a_header_in_cp949_that_could_be_other_letters_in_utf_8_is_hangul(tmp_path: Path) -> None:
    assert "청".encode("cp949").decode() == "û"
    file = _file(tmp_path, "id,phone,name,청\nc-1,0,김하나,1\n".encode("cp949"))
    assert (file.columns[-1], _problems(file)) == ("청", [])


def test_a_nul_costs_its_row(tmp_path: Path) -> None:
    file = _file(tmp_path, PEOPLE.replace("101동", "101\0").encode())
    assert [(problem.line, problem.code, problem.column) for problem in _problems(file)] == [
        (2, "unreadable_row", "동")
    ]
    assert len(_told(file)) == 1


def _workbook() -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as book:
        book.writestr("xl/workbook.xml", "<workbook/>")
    return whole.getvalue()


OTHERS = {
    "xlsx": (_workbook(), "spreadsheet_file"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "spreadsheet_file"),
    "table-of-a-web-page": (b"\xef\xbb\xbf\n<html><table>", "spreadsheet_file"),
    "pdf": (b"%PDF-1.7", "spreadsheet_file"),
    "picture": (b"\x89PNG\xff\xfe\x00", "unreadable_file"),
    "bad-byte-in-the-header": (b"id,phone,na\xffme\nc-1,0,x\n", "unreadable_file"),
    "half-of-utf-16": (PEOPLE.encode("utf-16")[:-1], "unreadable_file"),
    "quote-in-the-header": (b'id,"ph"one\nc-1,0\n', "unreadable_file"),
    "empty": (b"", "empty_file"),
    "blank": (b"\n,,\n\n", "empty_file"),
    "no-header": (b"c-1,010-1234-5678\n", "missing_column"),
}


@pytest.mark.parametrize(("content", "code"), OTHERS.values(), ids=list(OTHERS))
def test_what_is_no_such_file_says_what_it_is_and_what_to_do(tmp_path: Path, content: bytes, code: str) -> None:
    with pytest.raises(FileError) as refused:
        _file(tmp_path, content)
    assert refused.value.code == code
    assert refused.value.detail_ko
    if code == "spreadsheet_file":
        assert "Save As" in refused.value.detail


@pytest.mark.parametrize("name", ["absent", "."])
def test_what_is_absent_or_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileError, match="no_file"):
        CustomerFile(tmp_path / name)


def test_a_file_over_200_mb_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(FileError, match="file_too_large"):
        CustomerFile(path)


def test_a_header_below_other_lines_is_pointed_to(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="Line 3 looks like the header"):
        _file(tmp_path, f"11월 고객 목록\r\n작성자,김\r\n{PEOPLE}".encode())


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ('"id,phone,name"', "All of it stands in one cell"),
        ('"name","email"', "the header of customers.csv lacks id and phone; it has name, email"),
        ("id~phone~name", "it has id~phone~name$"),
    ],
    ids=["whole-lines-in-quotes", "other-columns", "another-separator"],
)
def test_a_header_without_the_columns_says_what_it_has(tmp_path: Path, header: str, told: str) -> None:
    with pytest.raises(FileError) as refused:
        _file(tmp_path, f"{header}\nc-1\n".encode())
    assert refused.value.code == "missing_column"
    assert re.search(told, refused.value.detail)


def test_a_file_cut_off_within_a_letter_costs_its_last_row(tmp_path: Path) -> None:
    file = _file(tmp_path, PEOPLE.encode().removesuffix("동\r\n".encode()) + "동".encode()[:2])
    assert [told[0] for told in _told(file)] == ["c-1"]
    assert [(problem.line, problem.column) for problem in _problems(file)] == [(3, "동")]


def test_a_file_of_300_000_rows_is_read_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("id,phone,name,동\n")
        file.writelines(f"c-{n},010-1234-{n % 10_000:04d},홍길동,{n}동\n" for n in range(300_000))
    tracemalloc.start()
    try:
        rows = sum(isinstance(row, Recipient) for row in CustomerFile(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert rows == 300_000
    assert peak < 64 * 1024 * 1024  # the ids, by which a second row of a customer is found


def test_a_business_files_its_customers_as_they_are_sent_to(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    header = "고객번호;휴대폰;이름;동;attributes.home.호;data.금액"
    path.write_bytes(f'{header}\r\nc-1;1090004000;"홍\r\n길동";;7;900\r\n'.encode("cp949"))
    [filed] = FiledCustomers(path)
    [sent] = CustomerFile(path)
    assert isinstance(sent, Recipient)
    assert (filed.id, filed.phone, filed.name) == ("c-1", "01090004000", "홍\r\n길동")
    assert (sent.id, sent.customer["phone"], sent.customer["name"]) == (filed.id, filed.phone, filed.name)
    assert filed.attributes == {"동": None, "home": {"호": "7"}}
    assert sent.attributes == {"동": "", "home": {"호": "7"}}


def test_what_the_file_has_no_column_for_is_not_told(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_text("id,phone,plan\nc-1,010-1234-5678,\n")
    [filed] = FiledCustomers(path)
    assert filed.told == {"phone": "010-1234-5678", "plan": None, "attributes": {}}


def test_a_filed_customer_at_fault_is_told_with_file_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_text("id,Mobile\nc-1,010-1234-5678\nc-2,1.09E+09\n,0\nc-1,0\n")
    with pytest.raises(TableError) as refused:
        FiledCustomers(path)
    first, *others = str(refused.value).splitlines()
    assert "customers.csv:3: Mobile: a spreadsheet has shortened Mobile" in first
    assert "텍스트" in first
    assert [line.partition("customers.csv:")[2][:2] for line in others] == ["4:", "5:"]


def test_of_many_faults_some_are_told_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_text("id,phone\n" + "c-1,010-1234-5678\n" * (FAULTS_TOLD + 3))
    with pytest.raises(TableError) as refused:
        FiledCustomers(path)
    assert len(refused.value.problems) == FAULTS_TOLD
    assert "; and 2 more (" in str(refused.value).splitlines()[-1]


def test_an_id_is_one_however_it_was_typed(tmp_path: Path) -> None:
    typed = [unicodedata.normalize("NFD", "홍-1"), "홍-1\u200e"]
    first, second = _file(tmp_path, "".join(["id,phone\n", *(f"{id_},010-1234-5678\n" for id_ in typed)]).encode())
    assert isinstance(first, Recipient)
    assert isinstance(second, RowProblem)
    assert (first.id, first.customer["id"], second.code) == ("홍-1", "홍-1", "repeated_id")
    path = tmp_path / "groups.csv"
    path.write_text("".join(["group,name,customer\n", *(f"{id_},하나네,{id_}\n" for id_ in typed)]))
    assert {(row.group, row.customer) for row in GroupFile(path, {"홍-1"}) if isinstance(row, Member)} == {
        ("홍-1", "홍-1")
    }


def test_groups_are_read_by_the_same_reader(tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    path.write_bytes("그룹;그룹명;고객 번호\r\ng-1;하나네;c-1\r\n\r\ng-1;하나네;c-2\r\n".encode("utf-16"))
    members = [Member(2, "g-1", "하나네", "c-1"), Member(4, "g-1", "하나네", "c-2")]
    assert list(GroupFile(path, {"c-1", "c-2"})) == members


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("g-1,하나네,c-9", "groups.csv:3: customer: there is no customer 'c-9'"),
        ("g-1,,c-1", "groups.csv:3: name: a group needs"),
        (",하나네,c-1", "groups.csv:3: group: a group needs"),
        ("g-1,하나네,c-1,x", "groups.csv:3: the row has 4 cells"),
    ],
    ids=["unknown-customer", "no-name", "no-group", "more-cells"],
)
def test_a_member_at_fault_is_told_with_file_line_and_column(tmp_path: Path, row: str, told: str) -> None:
    people, groups = tmp_path / "customers.csv", tmp_path / "groups.csv"
    people.write_text("id,phone\nc-1,010-1234-5678\n")
    groups.write_text(f"group,name,customer\ng-1,하나네,c-1\n{row}\n")
    with pytest.raises(TableError) as refused:
        read_groups(groups, FiledCustomers(people))
    assert told in str(refused.value)
