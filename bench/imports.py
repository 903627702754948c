"""What a cold start costs: CPU of importing each function, above a bare interpreter."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from local.home import CHECKOUT
from release import build
from release.cost import import_milliseconds


@dataclass(frozen=True, slots=True)
class ImportCost:
    """`cpu_ms`: above a bare interpreter's, the best of some processes."""

    function: str
    cpu_ms: float


def import_costs(
    tries: int, *, functions: Collection[str] | None = None, python: str | None = None
) -> list[ImportCost]:
    """Import functions from their zips, with nothing installed but what deployed functions have.

    The tools of a checkout would count otherwise: httpx, for one, imports `rich` where it finds it.

    Args:
        tries: processes for each function.
        functions: their names; all there are if None.
        python: an interpreter that has what they need; one in a new environment if None.
    """
    packages = [package for package in build(CHECKOUT) if functions is None or package.function in functions]
    with tempfile.TemporaryDirectory(prefix="allim-bench-") as folder:
        python = python or new_environment(Path(folder), CHECKOUT / "requirements.lock")
        costs = import_milliseconds(packages, python=python, tries=tries)
    return [ImportCost(name, cost) for name, cost in costs.items()]


def new_environment(folder: Path, requirements: Path) -> str:
    """The interpreter of a new environment with what `requirements` pins, made in `folder`."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)  # noqa: S603
    python = str(folder / "bin" / "python")
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "-r", str(requirements)], check=True)  # noqa: S603
    return python
