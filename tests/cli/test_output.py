"""Tables on a terminal, and where no terminal is."""

import pytest

from cli.output import print_table


def test_a_piped_table_has_one_line_a_row_whatever_its_length(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["id", "text"], [("a", "가" * 500 + "\n둘째 줄"), ("b", "short")])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == ["id  text", f"a   {'가' * 500} 둘째 줄", "b   short"]


def test_what_a_customer_wrote_is_shown_as_written(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["text"], [("[bold]예약[/b] :smile: \\[x]",)])
    assert "[bold]예약[/b] :smile: \\[x]" in capsys.readouterr().out
