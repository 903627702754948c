"""Google's Pub/Sub emulator: whether this machine has it."""

import functools
import os
import shutil
import subprocess
from pathlib import Path


def google_emulator_available() -> tuple[bool, str]:
    """Whether Google's emulator can run on this machine, and why not or where it is."""
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        return False, "gcloud is not on PATH"
    if shutil.which("java") is None:
        return False, "java is not on PATH"
    launcher = _google_launcher(gcloud)
    if launcher is None:
        return False, "gcloud has no pubsub-emulator component (gcloud components install pubsub-emulator)"
    return True, str(launcher)


@functools.cache
def _google_launcher(gcloud: str) -> Path | None:
    root = subprocess.run(
        [gcloud, "info", "--format=value(installation.sdk_root)"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    launcher = Path(root, "platform", "pubsub-emulator", "bin", "cloud-pubsub-emulator")
    return launcher if root and os.access(launcher, os.X_OK) else None
