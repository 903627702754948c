"""Files of people, written as somebody would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from shared.customers.files.people import CustomerFile


@pytest.fixture
def csv_file(tmp_path: Path) -> Callable[..., CustomerFile]:
    """Writes a file's lines and opens it."""

    def write(*lines: str) -> CustomerFile:
        path = tmp_path / "customers.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return CustomerFile(path)

    return write
