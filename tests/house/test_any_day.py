"""The tests on another day: who asks for them gets them there, or is told why not."""

import datetime as dt
from pathlib import Path

import pytest

from tests import any_day


def test_without_the_library_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(any_day.environment_on, "__defaults__", (tmp_path / "none.so",))
    with pytest.raises(SystemExit) as ended:
        any_day.main(["2028-02-29T03:00"])
    assert ended.value.code == any_day.MISSING
    assert "\n" not in any_day.MISSING


def test_a_process_that_stays_on_its_own_day_is_not_taken_for_one_on_another(tmp_path: Path) -> None:
    (tmp_path / "no-library.so").touch()
    assert any_day.environment_on(dt.datetime(1999, 12, 31, tzinfo=dt.UTC), tmp_path / "no-library.so") is None
