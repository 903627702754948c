"""What a start of a function costs before its first call: CPU of importing it, from its zip alone."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from release.errors import PackagingError
from release.packages import Package

TRIES = 2
"""So many that `allim package` stays quick; what is to be compared takes more."""

SETTINGS = {
    "DATABASE_URL": "postgresql://nobody@localhost/nothing",
    "GOOGLE_CLOUD_PROJECT": "nothing",
    "ALLIM_ENCRYPTION_KEY": "A" * 43 + "=",
    "TOSS_SECRET_KEY": "nothing",
    "BACKUP_BUCKET": "nothing",
    "ALLIM_BACKUP_KEY": "A" * 43 + "=",
    "SLACK_WEBHOOK_URL": "https://localhost/nothing",
    "SMTP_URL": "smtp://localhost",
    "FIRESTORE_DATABASE": "nothing",
    "FIRESTORE_EMULATOR_HOST": "localhost",
}
"""What functions can't do without. Importing reads it and connects to nothing."""


def import_milliseconds(
    packages: Sequence[Package], *, python: str = sys.executable, tries: int = TRIES
) -> dict[str, int]:
    """CPU milliseconds of importing each function's main.py above those of a bare interpreter: the best of some tries.

    Each zip is unpacked into an empty folder, so a module of ours that it lacks is missed here.

    Args:
        packages: of the functions to import.
        python: the interpreter, whose environment has what they need installed.
        tries: processes for each function.

    Raises:
        PackagingError: when one cannot be imported.
    """
    bare = min(_run(python, "pass", "Python", Path.cwd()) for _ in range(tries))
    return {package.function: round((_best_import(package, python, tries) - bare) * 1e3) for package in packages}


def _best_import(package: Package, python: str, tries: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(io.BytesIO(package.archive)).extractall(folder)
        # The first one leaves bytecode behind, as a build in the cloud does, and is not the best.
        return min(_run(python, "import main", package.function, Path(folder)) for _ in range(1 + tries))


def _run(python: str, program: str, subject: str, folder: Path) -> float:
    """CPU seconds of a Python process that runs `program` in `folder`, with nothing of ours but what is there."""
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(folder), **SETTINGS}
    with tempfile.TemporaryFile() as errors:
        command = [python, "-c", program]
        process = subprocess.Popen(command, env=environment, cwd=folder, stderr=errors)  # noqa: S603 - our own programs
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise PackagingError(f"{subject} cannot be imported from its zip:\n{errors.read().decode().strip()}")
    return usage.ru_utime + usage.ru_stime
