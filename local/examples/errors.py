"""What can be wrong with the files of an example."""

from __future__ import annotations

from pathlib import Path

from local.errors import LocalError
from local.home import CHECKOUT


class ExampleError(LocalError):
    """A file that can't be used. The detail names the file, the field and what is wrong."""

    kind = "bad_file"

    def __init__(self, path: Path, field: str, problem: str) -> None:
        shown = path.relative_to(CHECKOUT) if path.is_relative_to(CHECKOUT) else path
        super().__init__(f"{shown}: {field}: {problem}" if field else f"{shown}: {problem}", field=field or None)
        self.path = path
