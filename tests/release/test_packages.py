"""The zips of this checkout: the same bytes wherever and whenever they are made, and nothing that is not needed."""

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import MISSING, fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from local.home import CHECKOUT
from release import Package, PackagingError, build, cost, write
from release.cost import import_milliseconds
from shared.platform.settings import Settings


@pytest.fixture(scope="module")
def packages() -> list[Package]:
    return build(CHECKOUT)


def test_each_function_has_a_zip(packages: list[Package]) -> None:
    assert [each.function for each in packages] == sorted(
        file.parent.name for file in CHECKOUT.glob("functions/*/main.py")
    )


def test_another_checkout_another_day_and_another_folder_give_the_same_bytes(
    packages: list[Package], tmp_path: Path
) -> None:
    copy = tmp_path / "elsewhere"
    for name in ("shared", "functions"):
        shutil.copytree(CHECKOUT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("requirements.txt", "requirements.lock"):
        shutil.copy(CHECKOUT / name, copy)
    for path in copy.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
        path.chmod(0o700)
    program = (
        "import sys; from pathlib import Path; from release import build, write;"
        "write(build(Path(sys.argv[1])), Path('zips'))"
    )
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "TZ": "Asia/Seoul", "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-c", program, str(copy)]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)  # noqa: S603 - our own program
    write(packages, tmp_path / "here")
    there = {file.name: file.read_bytes() for file in (tmp_path / "zips").iterdir()}
    assert there == {file.name: file.read_bytes() for file in (tmp_path / "here").iterdir()}


def test_a_zip_holds_plain_files_in_order_without_a_trace_of_when_and_where(packages: list[Package]) -> None:
    for package in packages:
        entries = zipfile.ZipFile(io.BytesIO(package.archive)).infolist()
        assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
        assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
        assert {entry.external_attr >> 16 for entry in entries} == {0o100644}
        assert {entry.create_system for entry in entries} == {3}


def test_a_zip_is_named_by_the_hash_of_its_content(packages: list[Package], tmp_path: Path) -> None:
    write(packages, tmp_path)
    for file in tmp_path.glob("*.zip"):
        assert file.stem.endswith("-" + hashlib.sha256(file.read_bytes()).hexdigest())


def test_a_release_names_the_zip_of_each_function_and_is_named_by_its_own_hash(
    packages: list[Package], tmp_path: Path
) -> None:
    release = write(packages, tmp_path)
    assert release == write(packages, tmp_path)
    content = release.read_bytes()
    assert release.name == f"release-{hashlib.sha256(content).hexdigest()[:16]}.tfvars.json"
    assert json.loads(content) == {"release": {each.function: each.object_name for each in packages}}
    assert {file.name for file in tmp_path.glob("*.zip")} == {each.object_name for each in packages}


def test_a_zip_holds_only_what_its_function_imports(packages: list[Package]) -> None:
    by_name = {each.function: each for each in packages}
    dead_letter = by_name["on_dead_letter"]
    assert "main.py" in dead_letter.files
    assert not any(re.match("shared/(providers|messages|workflows)/", path) for path in dead_letter.files)
    assert not any(
        line.startswith(("google-cloud-pubsub", "httpx", "cryptography")) for line in dead_letter.requirements
    )
    assert "shared/providers/solapi/adapter.py" in by_name["on_send_request"].files
    assert "shared/providers/solapi/adapter.py" not in by_name["on_subscription_event"].files


def test_data_beside_the_modules_of_a_package_comes_along(tmp_path: Path) -> None:
    files = {
        "requirements.txt": (CHECKOUT / "requirements.txt").read_text(),
        "requirements.lock": (CHECKOUT / "requirements.lock").read_text(),
        "functions/on_event/main.py": "import shared.law",
        "shared/__init__.py": "",
        "shared/law/__init__.py": "",
        "shared/law/holidays.csv": "2027-01-01",
        "shared/law/.DS_Store": "",
        "shared/other/unused.csv": "",
    }
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)
    [package] = build(tmp_path)
    assert sorted(package.files) == [
        "main.py",
        "requirements.txt",
        "shared/__init__.py",
        "shared/law/__init__.py",
        "shared/law/holidays.csv",
    ]


def test_a_checkout_without_functions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackagingError, match="no functions"):
        build(tmp_path)


def test_the_import_cost_of_a_zip_is_measured_from_the_zip_alone(packages: list[Package]) -> None:
    package = next(each for each in packages if each.function == "on_dead_letter")
    assert 20 < import_milliseconds([package])["on_dead_letter"] < 5_000
    files = {path: content for path, content in package.files.items() if path != "shared/platform/clock.py"}
    with pytest.raises(PackagingError, match=r"on_dead_letter.*\n(.*\n)*.*shared\.platform\.clock"):
        import_milliseconds([Package(package.function, files, package.requirements)])


def test_the_verb_prints_each_zip_for_people_and_for_programs(
    packages: list[Package], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost, "import_milliseconds", lambda packages: {each.function: 123 for each in packages})
    arguments = ["package", "--output", str(tmp_path / "zips")]
    for_people = CliRunner().invoke(app, arguments).stdout
    printed = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert Path(printed["release"]).is_file()
    assert printed["release"] in for_people.replace("\n", "")
    for each in printed["packages"]:
        assert (tmp_path / "zips" / each["object"]).stat().st_size == each["bytes"]
        assert each["import_cpu_ms"] == 123
        assert each["function"] in for_people
    assert [each["object"] for each in printed["packages"]] == [each.object_name for each in packages]


def test_the_cost_of_an_import_is_measured_with_every_setting_that_a_function_may_ask_for() -> None:
    asked = {one.name.upper() for one in fields(Settings) if one.default in (None, MISSING)}
    assert asked - {"PUBSUB_EMULATOR_HOST"} <= cost.SETTINGS.keys()
