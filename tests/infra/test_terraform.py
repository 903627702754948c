"""Terraform's own checks, run as part of the tests of everything else."""

import re
import subprocess
from typing import Any

import pytest

from local.home import CHECKOUT
from tests.infra.conftest import TERRAFORM, Configuration

_ENVIRONMENTS = sorted(file.stem for file in TERRAFORM.glob("environments/*.tfvars"))
_CHECKOV = CHECKOUT / ".venv-checkov" / "bin" / "checkov"


def test_it_is_formatted(configuration: Configuration) -> None:
    assert configuration.run("fmt", "-check", "-recursive").stdout == ""


def test_it_is_valid(configuration: Configuration) -> None:
    done = configuration.run("validate")
    assert done.returncode == 0, done.stderr


def test_its_own_tests_pass(tests_of_production: list[dict[str, Any]]) -> None:
    complaints = [message["@message"] for message in tests_of_production if message["@level"] == "error"]
    assert complaints == []
    [summary] = [message["test_summary"] for message in tests_of_production if message["type"] == "test_summary"]
    assert summary["status"] == "pass"
    assert summary["passed"] > 0
    assert summary["skipped"] == 0


def test_there_are_the_environments_that_people_expect() -> None:
    assert _ENVIRONMENTS == ["development", "free-tier", "production", "staging"]


@pytest.mark.parametrize("environment", _ENVIRONMENTS)
def test_each_environment_can_be_planned(configuration: Configuration, environment: str) -> None:
    sizes = configuration.folder / "tests" / "terraform.tfvars"  # which a -var-file would not override
    productions = sizes.read_text()
    sizes.write_text((TERRAFORM / "environments" / f"{environment}.tfvars").read_text())
    try:
        done = configuration.run("test", "-filter=tests/plan.tftest.hcl", "-verbose")
    finally:
        sizes.write_text(productions)
    assert done.returncode == 0, done.stdout + done.stderr
    [most] = re.findall(
        r"^max_instances +=\s*(\d+)", (TERRAFORM / f"environments/{environment}.tfvars").read_text(), re.M
    )
    assert re.search(rf"max_instance_count += {most}\b", done.stdout)


def test_checkov_finds_nothing_that_has_no_reason() -> None:
    if not _CHECKOV.exists():
        pytest.skip("checkov is not installed: `make checkov` does it")
    command = [str(_CHECKOV), "--directory", str(TERRAFORM), "--framework", "terraform", "--compact", "--skip-download"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout
