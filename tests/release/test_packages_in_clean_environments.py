"""Each zip is installed and started as the cloud does it: with nothing but its requirements, by the buildpack's words.

What the buildpack does: https://github.com/GoogleCloudPlatform/buildpacks, `pkg/python/python.go` (how it calls pip,
and `pip check` at the end), `cmd/python/functions_framework` and `pkg/gcpbuildpack/env.go` (how it starts a function).
"""

import base64
import contextlib
import io
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psycopg
import pytest
from packaging.utils import canonicalize_name

from local.functions import HEALTH_PATH, ROLE_OF, SIMULATED_TOSS_KEY, find_functions
from local.home import CHECKOUT
from local.process import free_ports
from release import Package, build
from release.requirements import SERVER
from simulator.app import BUCKET, Settings
from simulator.testing import simulator_thread
from tests.databases import Migrated

pytestmark = pytest.mark.skipif(
    "CLEAN_ENVIRONMENTS" not in os.environ,
    reason="installs every function's requirements, some minutes: `make test-packages` does it",
)

_FUNCTIONS = find_functions()


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own commands


@pytest.fixture(scope="module")
def package_index(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skips when nothing can be installed here."""
    folder = str(tmp_path_factory.mktemp("index"))
    asked = _python("pip", "--quiet", "download", "--no-deps", "--retries=0", "--dest", folder, SERVER[0])
    if asked.returncode:
        pytest.skip(f"the package index cannot be reached: {asked.stderr.strip().splitlines()[-1]}")


@pytest.fixture(scope="module")
def packages() -> dict[str, Package]:
    return {package.function: package for package in build(CHECKOUT)}


@pytest.fixture(scope="module")
def environments(
    package_index: None, packages: dict[str, Package], tmp_path_factory: pytest.TempPathFactory
) -> dict[bytes, Path]:
    """The programs of a virtual environment for each requirements.txt that a zip has."""
    different = sorted({package.files["requirements.txt"] for package in packages.values()})
    folders = [tmp_path_factory.mktemp("environment") for _ in different]
    with ThreadPoolExecutor() as threads:
        return dict(zip(different, threads.map(_environment, different, folders), strict=True))


def _environment(requirements: bytes, folder: Path) -> Path:
    programs = folder / "bin"
    file = folder / "requirements.txt"
    file.write_bytes(requirements)
    made = _python("venv", "--without-pip", str(folder))
    assert made.returncode == 0, made.stderr
    into = ["pip", "--quiet", "--python", str(programs / "python")]
    install = ["install", "--upgrade", "--upgrade-strategy", "only-if-needed", "--force-reinstall", "--no-compile"]
    installed = _python(*into, *install, "--require-hashes", "--requirement", str(file))
    assert installed.returncode == 0, installed.stderr
    checked = _python(*into, "check")
    assert checked.returncode == 0, checked.stdout
    locked = {line.partition("==")[0] for line in requirements.decode().splitlines()}
    assert _installed(programs) == locked
    return programs


def _installed(programs: Path) -> set[str]:
    """The names of what is installed there."""
    listed = _python("pip", "--python", str(programs / "python"), "list", "--format=json")
    assert listed.returncode == 0, listed.stderr
    return {canonicalize_name(each["name"]) for each in json.loads(listed.stdout)}


def _started_by_the_buildpack(build: Mapping[str, str]) -> dict[str, str]:
    """The variables that a container starts with, by those that it was built with."""
    launch = ("GOOGLE_FUNCTION_TARGET", "GOOGLE_FUNCTION_SIGNATURE_TYPE", "GOOGLE_FUNCTION_SOURCE")
    return {name.removeprefix("GOOGLE_"): build[name] for name in launch if name in build}


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of Cloud Storage on this machine."""
    with simulator_thread(Settings(storage=tmp_path_factory.mktemp("storage"))) as address:
        yield address


@contextlib.contextmanager
def _served(package: Package, programs: Path, database: Migrated, storage: str, folder: Path) -> Iterator[httpx.Client]:
    zipfile.ZipFile(io.BytesIO(package.archive)).extractall(folder)
    [port] = free_ports(1)
    service = package.function.replace("_", "-")
    environment = {
        "PATH": os.environ["PATH"],
        **_started_by_the_buildpack(
            {"GOOGLE_FUNCTION_TARGET": package.function, "GOOGLE_FUNCTION_SIGNATURE_TYPE": "http"}
        ),
        "PORT": str(port),
        "K_SERVICE": service,
        "K_CONFIGURATION": service,
        "K_REVISION": f"{service}-00001-abc",
        "LOG_EXECUTION_ID": "true",
        "HOST": "127.0.0.1",  # the one that the cloud does not set: this machine is not to be called from outside
        "DATABASE_URL": database.role_url(ROLE_OF[package.function]),
        "GOOGLE_CLOUD_PROJECT": "example",
        "PUBSUB_EMULATOR_HOST": "127.0.0.1:9",
        "ALLIM_ENCRYPTION_KEY": base64.b64encode(bytes(32)).decode(),
        "TOSS_SECRET_KEY": SIMULATED_TOSS_KEY,
        "BACKUP_BUCKET": BUCKET,
        "ALLIM_BACKUP_KEY": base64.b64encode(bytes(32)).decode(),
        "STORAGE_EMULATOR_HOST": storage,
    }
    command = [str(programs / "functions-framework")]  # without arguments, as the buildpack's web process
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)  # noqa: S603
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            _wait_until_it_answers(client, process, log)
            yield client
    finally:
        process.terminate()
        process.wait(10)


def _wait_until_it_answers(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            client.get(HEALTH_PATH)
            return
        time.sleep(0.05)
    pytest.fail(f"it does not answer:\n{log.read_text()}")


@pytest.mark.parametrize("function", _FUNCTIONS)
def test_a_zip_serves_its_function_from_its_own_requirements(
    function: str,
    packages: dict[str, Package],
    environments: dict[bytes, Path],
    database: Migrated,
    storage: str,
    tmp_path: Path,
) -> None:
    package = packages[function]
    push = {"message": {"data": base64.b64encode(b"not JSON").decode(), "messageId": "1"}, "subscription": "s"}
    with _served(package, environments[package.files["requirements.txt"]], database, storage, tmp_path) as client:
        if function == "provider_webhook":
            assert client.post("/").status_code == 401
        elif function == "payment_webhook":
            assert client.post("/", json={"orderId": "nobodys-order"}).status_code == 404
        elif function == "health":
            assert client.get("/").json()["state"] in ("ok", "warn", "fail")
        elif function == "reconcile":
            assert client.post("/").json()["difference"] == 0
        elif function == "retention":
            assert client.post("/").json()["busy"] == []
        elif function == "backup":
            assert client.post("/").json()["rows"] > 0  # the default prices
        else:
            assert client.post("/", json=push).status_code == 204, (tmp_path / "log").read_text()
            with psycopg.connect(database.url) as connection:
                kept = connection.execute("select source, body from dead_letters").fetchall()
            assert kept == [(function, b"not JSON")]
