"""What a cold start costs: CPU of importing each function, above a bare interpreter."""

from __future__ import annotations

import subprocess
import sys
import tempfile
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


def import_costs(tries: int) -> list[ImportCost]:
    """Import each function from its zip, `tries` times, with nothing installed but what deployed functions have.

    The tools of a checkout would count otherwise: httpx, for one, imports `rich` where it finds it.
    """
    with tempfile.TemporaryDirectory(prefix="allim-bench-") as folder:
        python = _environment(Path(folder))
        costs = import_milliseconds(build(CHECKOUT), python=python, tries=tries)
    return [ImportCost(name, cost) for name, cost in costs.items()]


def _environment(folder: Path) -> str:
    """The interpreter of a new environment with what requirements.txt pins, made in `folder`."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)  # noqa: S603
    python = str(folder / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "-r", str(CHECKOUT / "requirements.txt")], check=True)  # noqa: S603
    return python
