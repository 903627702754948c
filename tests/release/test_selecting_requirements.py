"""A function's requirements.txt locks all that serves it, with hashes, and nothing else."""

from pathlib import Path

import pytest
from packaging.requirements import Requirement

from local.home import CHECKOUT
from release import PackagingError
from release.requirements import select_pins

_SERVER = ["functions-framework==3.10.2", "httptools==0.9.0", "uvloop==0.23.0"]
_LOCK = CHECKOUT / "requirements.lock"


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    file = tmp_path / "requirements.txt"
    pins = ["# why", *_SERVER, "orjson==3.13.0", "psycopg[binary,pool]==3.3.9", "google-cloud-pubsub==2.44.0  # bus"]
    file.write_text("\n".join(pins))
    return file


def _names(lines: list[str]) -> set[str]:
    return {line.partition("==")[0] for line in lines}


def test_a_function_that_imports_nothing_needs_its_server_and_what_that_brings_along(requirements: Path) -> None:
    selected = _names(select_pins([], requirements, _LOCK))
    assert {"functions-framework", "httptools", "uvloop", "starlette", "uvicorn", "click"} <= selected
    assert not {"orjson", "psycopg", "google-cloud-pubsub"} & selected


def test_what_extras_bring_along_is_locked_too(requirements: Path) -> None:
    more = _names(select_pins(["psycopg.rows"], requirements, _LOCK)) - _names(select_pins([], requirements, _LOCK))
    assert {"psycopg", "psycopg-binary", "psycopg-pool"} <= more


def test_each_line_is_one_version_with_its_hashes_and_without_conditions(requirements: Path) -> None:
    imported = ["starlette.requests", "psycopg", "psycopg_pool.AsyncConnectionPool", "google.pubsub_v1", "grpc.aio"]
    selected = select_pins(imported, requirements, _LOCK)
    assert selected == sorted(selected)
    for line in selected:
        pin, *hashes = line.split(" --hash=sha256:")
        [specifier] = Requirement(pin).specifier
        assert specifier.operator == "=="
        assert Requirement(pin).marker is None
        assert hashes
        assert {len(each) for each in hashes} == {64}


def test_what_only_windows_needs_stays_away_wherever_it_is_packed(requirements: Path) -> None:
    assert "tzdata" not in _names(select_pins(["psycopg"], requirements, _LOCK))


def test_what_only_an_unneeded_distribution_would_bring_along_is_refused(requirements: Path) -> None:
    with pytest.raises(PackagingError, match=r"grpc.* does not pin grpcio"):
        select_pins(["grpc"], requirements, _LOCK)


def test_a_development_tool_in_a_function_is_refused(requirements: Path) -> None:
    with pytest.raises(PackagingError, match=r"hypothesis.* does not pin hypothesis"):
        select_pins(["hypothesis.strategies"], requirements, _LOCK)


def test_a_module_that_nothing_installed_has_is_refused(requirements: Path) -> None:
    with pytest.raises(PackagingError, match="no_such_module"):
        select_pins(["no_such_module.part"], requirements, _LOCK)


def test_requirements_that_forget_the_server_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("orjson==3.13.0")
    with pytest.raises(PackagingError, match="functions-framework, httptools, uvloop"):
        select_pins(["orjson"], file, _LOCK)


def test_a_lock_that_lacks_what_is_needed_is_refused(requirements: Path, tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(_LOCK.read_text().replace("\nstarlette==", "\nanother=="))
    with pytest.raises(PackagingError, match=r"starlette is needed, but requirements\.lock lacks it.*make lock"):
        select_pins([], requirements, lock)


def test_a_lock_of_other_versions_than_those_that_are_tested_here_is_refused(
    requirements: Path, tmp_path: Path
) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(_LOCK.read_text().replace("\nuvloop==0.23.0", "\nuvloop==0.1.0"))
    with pytest.raises(PackagingError, match=r"uvloop is 0\.23\.0 here, but requirements\.lock has ==0\.1\.0"):
        select_pins([], requirements, lock)


def test_the_lock_is_of_the_pins_that_people_write() -> None:
    def pins(file: Path) -> dict[str, str]:
        lines = [line for line in file.read_text().splitlines() if line[:1].isalnum()]
        found = [Requirement(line.partition(" \\")[0]) for line in lines]
        return {each.name: str(each.specifier) for each in found}

    assert pins(CHECKOUT / "requirements.txt").items() <= pins(_LOCK).items()
