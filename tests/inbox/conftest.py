"""Firestore for tests: Google's own emulator, where this machine has it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local.home import CHECKOUT
from local.process import free_ports

WITHIN_SECONDS = 60
PROGRAM = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
RULES = CHECKOUT / "infra" / "terraform" / "firestore" / "firestore.rules"
JAR = "platform/cloud-firestore-emulator/cloud-firestore-emulator.jar"


def _jar() -> tuple[Path | None, str]:
    """Google's emulator, or why there is none."""
    gcloud, java = shutil.which("gcloud"), shutil.which("java")
    if gcloud is None or java is None:
        return None, f"{'java' if gcloud else 'gcloud'} is not on PATH"
    root = os.path.realpath(gcloud)
    asked = [root, "info", "--format=value(installation.sdk_root)"]
    told = subprocess.run(asked, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)  # noqa: S603
    jar = Path(told.stdout.strip(), JAR)
    return (jar, "") if jar.is_file() else (None, "gcloud has no cloud-firestore-emulator component")


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of Google's Firestore emulator."""
    jar, why_not = _jar()
    if jar is None:
        pytest.skip(f"no Firestore emulator: {why_not}")
    [port] = free_ports(1)
    folder = tmp_path_factory.mktemp("firestore")
    with (folder / "log").open("wb") as log:
        java = ["java", "-Xmx256m", "-Duser.language=en", "-cp", str(jar), PROGRAM]
        command = [*java, "--host=127.0.0.1", f"--port={port}", f"--rules={RULES}"]
        running = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)  # noqa: S603
    address = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(trust_env=False) as client:
            for _ in range(WITHIN_SECONDS * 5):
                try:
                    client.get(address)
                    break
                except httpx.TransportError:
                    time.sleep(0.2)
            else:
                pytest.fail(f"Google's Firestore emulator did not start: {(folder / 'log').read_text()[-500:]}")
        print(f"Firestore is Google's emulator, {jar}")  # noqa: T201
        yield address
    finally:
        running.terminate()
        running.wait(20)
