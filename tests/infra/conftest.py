"""The infrastructure as Terraform understands it, without the cloud: its own tests, and the state that they end with.

Terraform is taken from the PATH, the providers from its registry; TF_CLI_CONFIG_FILE may point to a provider mirror.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.home import CHECKOUT

TERRAFORM = CHECKOUT / "infra" / "terraform"

_NO_PROVIDERS = ("Failed to query available provider packages", "Failed to install provider")


@dataclass(frozen=True)
class Configuration:
    """A copy of infra/terraform, initialised."""

    folder: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["terraform", *arguments, "-no-color"]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)  # noqa: S603

    def messages(self, *arguments: str) -> list[dict[str, Any]]:
        """What a command with -json says."""
        return [json.loads(line) for line in self.run(*arguments, "-json").stdout.splitlines()]


@dataclass(frozen=True)
class Resource:
    """Something that Terraform made, here with made-up values where the cloud would give them.

    `module` is the module's address, such as `module.function["on_send_request"]`, and empty for the root. `index` is
    its key among others of its name, and None where it is the only one.
    """

    type: str
    name: str
    module: str
    values: Mapping[str, Any]
    index: str | int | None = None


@dataclass(frozen=True)
class Made:
    """What a release makes in production."""

    resources: list[Resource]
    outputs: Mapping[str, Any]

    def of_type(self, type_name: str, module: str = "") -> list[Resource]:
        """The resources of a type, in modules whose address begins with `module`."""
        return [each for each in self.resources if each.type == type_name and each.module.startswith(module)]


@pytest.fixture(scope="session")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not on the PATH")
    folder = tmp_path_factory.mktemp("terraform") / "copy"  # a lock file or a state of the checkout stays out of it
    shutil.copytree(TERRAFORM, folder, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.tfplan"))
    copy = Configuration(folder)
    done = copy.run("init", "-backend=false", "-input=false")
    named = Path(os.environ.get("TF_CLI_CONFIG_FILE", ""))
    if done.returncode and not named.is_file() and any(each in done.stderr for each in _NO_PROVIDERS):
        pytest.skip("no providers: the registry is out of reach, and TF_CLI_CONFIG_FILE names no mirror")
    assert done.returncode == 0, done.stderr
    return copy


@pytest.fixture(scope="session")
def tests_of_production(configuration: Configuration) -> list[dict[str, Any]]:
    """What `terraform test` says as it is: tests/terraform.tfvars gives it production's sizes."""
    return configuration.messages("test", "-verbose")


@pytest.fixture(scope="session")
def made(tests_of_production: list[dict[str, Any]]) -> Made:
    [state] = [
        message["test_state"]
        for message in tests_of_production
        if message["type"] == "test_state" and message["@testrun"] == "a_release_deploys_every_function"
    ]
    outputs = {name: output["value"] for name, output in state["outputs"].items()}
    return Made(list(_resources(state["root_module"])), outputs)


def _resources(module: Mapping[str, Any]) -> Iterator[Resource]:
    for each in module.get("resources", []):
        if each["mode"] == "managed":
            yield Resource(each["type"], each["name"], module.get("address", ""), each["values"], each.get("index"))
    for child in module.get("child_modules", []):
        yield from _resources(child)
