"""What a cold start costs: CPU of importing each function, above a bare interpreter."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from local.blueprint import Blueprint
from local.functions import FUNCTIONS
from local.home import Home


@dataclass(frozen=True, slots=True)
class ImportCost:
    """`cpu_ms`: above a bare interpreter's, the median of some processes."""

    function: str
    cpu_ms: float


def import_costs(home: Home, tries: int) -> list[ImportCost]:
    """Import each function `tries` times, in processes of their own, with their bytecode already compiled.

    Args:
        home: the folder of the stack in whose environment they are imported.
        tries: processes for each function.
    """
    blueprint = Blueprint.draw(home, functions_folder=FUNCTIONS, server_url=None)
    environments = {name: blueprint.function_service(name).environment for name in blueprint.function_names}
    bare: list[float] = []
    measured: dict[str, list[float]] = {name: [] for name in environments}
    for _ in range(tries):  # in turns: what slows the machine for a while slows them all
        bare.append(_run("pass", blueprint.environment()))
        for name, environment in environments.items():
            path = os.pathsep.join([environment["PYTHONPATH"], str(FUNCTIONS / name)])
            measured[name].append(_run("import main", {**environment, "PYTHONPATH": path}))
    above = statistics.median(bare)
    return [ImportCost(name, round((statistics.median(cpu) - above) * 1e3)) for name, cpu in measured.items()]


def _run(program: str, environment: Mapping[str, str]) -> float:
    """CPU seconds of a Python process."""
    process = subprocess.Popen([sys.executable, "-c", program], env=environment, stdin=subprocess.DEVNULL)  # noqa: S603
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return usage.ru_utime + usage.ru_stime
