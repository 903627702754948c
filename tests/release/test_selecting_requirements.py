"""A function's requirements.txt pins what it imports, what serves it, and nothing else."""

from pathlib import Path

import pytest

from release import PackagingError
from release.requirements import select_pins

_SERVER = ["functions-framework==3.10.2", "httptools==0.9.0", "uvloop==0.23.0"]


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    file = tmp_path / "requirements.txt"
    pins = ["# why", *_SERVER, "orjson==3.13.0", "psycopg[binary,pool]==3.3.9", "google-cloud-pubsub==2.44.0  # bus"]
    file.write_text("\n".join(pins))
    return file


def test_a_function_that_imports_nothing_needs_its_server_alone(requirements: Path) -> None:
    assert select_pins([], requirements) == _SERVER


def test_a_pin_is_taken_with_its_extras_and_without_its_comment(requirements: Path) -> None:
    assert select_pins(["psycopg.rows", "google.pubsub_v1.types"], requirements) == [
        "functions-framework==3.10.2",
        "google-cloud-pubsub==2.44.0",
        "httptools==0.9.0",
        "psycopg[binary,pool]==3.3.9",
        "uvloop==0.23.0",
    ]


def test_what_a_needed_distribution_brings_along_needs_no_pin(requirements: Path) -> None:
    imported = ["starlette.requests", "psycopg", "psycopg_pool.AsyncConnectionPool", "google.pubsub_v1", "grpc.aio"]
    assert len(select_pins(imported, requirements)) == len(_SERVER) + 2


def test_what_only_an_unneeded_distribution_would_bring_along_is_refused(requirements: Path) -> None:
    with pytest.raises(PackagingError, match=r"grpc.* does not pin grpcio"):
        select_pins(["grpc"], requirements)


def test_a_development_tool_in_a_function_is_refused(requirements: Path) -> None:
    with pytest.raises(PackagingError, match=r"hypothesis.* does not pin hypothesis"):
        select_pins(["hypothesis.strategies"], requirements)


def test_a_module_that_nothing_installed_has_is_refused(requirements: Path) -> None:
    with pytest.raises(PackagingError, match="no_such_module"):
        select_pins(["no_such_module.part"], requirements)


def test_requirements_that_forget_the_server_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("orjson==3.13.0")
    with pytest.raises(PackagingError, match="functions-framework, httptools, uvloop"):
        select_pins(["orjson"], file)
