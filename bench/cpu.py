"""Where CPU time goes, and on what machine."""

from __future__ import annotations

import os
import platform
import resource
from pathlib import Path

import psycopg

from local.home import Home
from local.stack import status

BENCH = "bench (publishes, looks)"


def cpu_by_process(home: Home) -> dict[str, float]:
    """CPU seconds so far, of each process of the stack with its children, and of the bench itself."""
    used = {service.name: service.cpu_seconds for service in status(home)}
    own = resource.getrusage(resource.RUSAGE_SELF)
    return {**used, BENCH: own.ru_utime + own.ru_stime}


def spent(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """CPU seconds between two looks, the largest first; a process that was restarted counts from its start."""
    used = {name: round(after[name] - before.get(name, 0.0), 3) for name in after}
    return dict(sorted(((name, max(0.0, seconds)) for name, seconds in used.items()), key=lambda item: -item[1]))


def machine(database_url: str) -> dict[str, str | int | float]:
    """What the numbers were measured on. `load_before`: runnable processes a minute ago, for others may share it."""
    with psycopg.connect(database_url) as connection:
        version = connection.info.parameter_status("server_version") or ""
    return {
        "cores": os.cpu_count() or 1,
        "cpu": _model(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "postgres": version,
        "load_before": round(os.getloadavg()[0], 2),
    }


def _model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
