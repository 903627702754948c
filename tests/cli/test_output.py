"""Tables on a terminal, and where no terminal is."""

from __future__ import annotations

import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from cli import output
from cli.output import folded, print_table

WIDTH = 80
LETTERS = st.text("가힣abcZ019_-./:", min_size=1, max_size=20)
CELLS = st.lists(LETTERS, max_size=30).map(" ".join)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    number = draw(st.integers(1, 9))
    names = draw(st.lists(st.text("abc열이름", min_size=1, max_size=12), min_size=number, max_size=number))
    return names, draw(st.lists(st.lists(CELLS, min_size=number, max_size=number), max_size=4))


def _shown(columns: list[str], rows: list[list[str]]) -> str:
    with pytest.MonkeyPatch.context() as patch, io.StringIO() as out:
        patch.setattr(output, "room", lambda: WIDTH)
        patch.setattr("sys.stdout", out)
        print_table(columns, rows)
        return out.getvalue()


@given(tables())
def test_on_a_terminal_no_word_of_any_table_is_broken_and_no_line_is_too_long(
    table: tuple[list[str], list[list[str]]],
) -> None:
    columns, rows = table
    shown = _shown(columns, rows)
    assert all(cell_len(line) <= WIDTH for line in shown.splitlines())
    found = sorted(shown.split())
    words = sorted(word for row in rows for cell in row for word in cell.split())
    for word in words:  # each as often as it is there, beside the columns' names
        assert word in found
        found.remove(word)
    assert set(found) <= set(columns)


@given(CELLS, st.integers(20, 100))
def test_a_sentence_is_folded_between_its_words(text: str, width: int) -> None:
    lines = folded(text, width).split("\n")
    assert " ".join(lines).split() == text.split()
    assert all(cell_len(line) <= max(width, 40) for line in lines)


def test_a_word_that_is_longer_than_the_terminal_stays_one_word() -> None:
    address = "https://" + "x" * 100
    assert address in _shown(["what", "address"], [["webhook", address]]).split()


def test_a_table_that_does_not_fit_is_told_line_by_line() -> None:
    shown = _shown(["id", "name", "text"], [["a" * 36, "나" * 20, "b" * 30], ["c", "", "d"]])
    assert shown.splitlines() == [
        "id    " + "a" * 36,
        "name  " + "나" * 20,
        "text  " + "b" * 30,
        "",
        "id    c",
        "text  d",
    ]


def test_a_narrowed_table_keeps_short_columns_on_one_line() -> None:
    shown = _shown(["came", "told"], [["11-21 10:00:00", "word " * 30]])
    assert [line[:16] for line in shown.splitlines()] == ["came            ", "11-21 10:00:00  ", " " * 16, " " * 16][
        :4
    ]


def test_a_piped_table_has_one_line_a_row_whatever_its_length(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["id", "text"], [("a", "가" * 500 + "\n둘째 줄"), ("b", "short")])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == ["id  text", f"a   {'가' * 500} 둘째 줄", "b   short"]


def test_what_a_customer_wrote_is_shown_as_written(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["text"], [("[bold]예약[/b] :smile: \\[x]",)])
    assert "[bold]예약[/b] :smile: \\[x]" in capsys.readouterr().out


def test_what_a_customer_wrote_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["text"], [("\x1b[2J한\u00a0글\r\u200b",)])
    assert capsys.readouterr().out.splitlines()[1] == "\ufffd[2J한 글\ufffd\ufffd"


def test_numbers_are_set_to_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["what", "won"], [("a", "150,000"), ("b", "-20"), ("c", None)])
    assert capsys.readouterr().out.splitlines() == ["what      won", "a     150,000", "b         -20", "c"]


def test_the_width_is_that_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "66")
    monkeypatch.setattr(output, "_is_terminal", lambda: True)
    assert output.room() == int(os.environ["COLUMNS"])
