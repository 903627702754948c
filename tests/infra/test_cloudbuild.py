"""The pipeline is what Cloud Build understands, and its scripts do what they say.

The models follow https://cloud.google.com/build/docs/build-config-file-schema, as far as we use it: strictly, so that a
misspelt field is an error here and not in the cloud.
"""

import hashlib
import os
import re
import subprocess
from pathlib import Path
from typing import Annotated, Literal, Self

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from local.home import CHECKOUT

_FILES = ("cloudbuild.yaml", "infra/cloudbuild-apply.yaml")

Duration = Annotated[str, StringConstraints(pattern=r"^\d+(\.\d+)?s$")]
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]+$")]
EnvironmentName = Annotated[str, StringConstraints(pattern=r"^[A-Z_][A-Z0-9_]*$")]
Substitution = Annotated[str, StringConstraints(pattern=r"^_[A-Z0-9_]{1,99}$")]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Step(Strict):
    id: Identifier
    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9./-]+(:[a-z0-9.-]+)?$")]
    script: Annotated[str, StringConstraints(pattern=r"^#!/(bin/sh|usr/bin/env bash)\n")]
    dir: str | None = None
    secretEnv: list[EnvironmentName] = []  # noqa: N815
    waitFor: list[Identifier] = []  # noqa: N815
    timeout: Duration | None = None


class SecretManagerSecret(Strict):
    versionName: Annotated[  # noqa: N815
        str, StringConstraints(pattern=r"^projects/\$PROJECT_ID/secrets/[a-z-]+/versions/(latest|\d+)$")
    ]
    env: EnvironmentName


class AvailableSecrets(Strict):
    secretManager: list[SecretManagerSecret]  # noqa: N815


class Options(Strict):
    automapSubstitutions: Literal[True]  # noqa: N815 - scripts read substitutions from the environment
    logging: Literal["CLOUD_LOGGING_ONLY"]  # what a build by an account of ours must have


class Build(Strict):
    steps: Annotated[list[Step], Field(min_length=1, max_length=300)]
    substitutions: dict[Substitution, str] = {}
    timeout: Duration
    availableSecrets: AvailableSecrets | None = None  # noqa: N815
    options: Options

    @model_validator(mode="after")
    def _names_meet(self) -> Self:
        ids = [step.id for step in self.steps]
        if len(set(ids)) != len(ids):
            raise ValueError("two steps have one id")
        offered = {secret.env for secret in self.availableSecrets.secretManager} if self.availableSecrets else set()
        for position, step in enumerate(self.steps):
            if not set(step.waitFor) <= set(ids[:position]):
                raise ValueError(f"{step.id} waits for what does not come before it")
            if not set(step.secretEnv) <= offered:
                raise ValueError(f"{step.id} wants a secret that is not available")
        return self


def _load(file: str) -> Build:
    return Build.model_validate(yaml.safe_load((CHECKOUT / file).read_text()))


def _step(file: str, step_id: str) -> Step:
    return next(step for step in _load(file).steps if step.id == step_id)


@pytest.mark.parametrize("file", _FILES)
def test_it_is_what_cloud_build_understands(file: str) -> None:
    _load(file)


def test_a_misspelt_field_is_an_error() -> None:
    build = yaml.safe_load((CHECKOUT / "cloudbuild.yaml").read_text())
    build["steps"][0]["scripts"] = build["steps"][0].pop("script")
    with pytest.raises(ValidationError, match=r"steps\.0\.scripts"):
        Build.model_validate(build)


def test_a_commit_is_tested_before_it_is_packed_checked_before_it_is_planned_and_then_handed_over() -> None:
    order = ["terraform", "test", "package", "upload", "check", "plan", "hand-over"]
    assert [step.id for step in _load("cloudbuild.yaml").steps] == order


def test_a_plan_is_applied_after_the_database_was_migrated_and_then_looked_at() -> None:
    order = ["fetch", "migrate", "apply", "smoke-test"]
    assert [step.id for step in _load("infra/cloudbuild-apply.yaml").steps] == order


@pytest.mark.parametrize(
    ("file", "step"),
    [pytest.param(file, step, id=f"{file}-{step.id}") for file in _FILES for step in _load(file).steps],
)
def test_a_script_can_be_parsed_stops_at_errors_and_at_variables_that_nobody_gave(file: str, step: Step) -> None:
    shell = "bash" if "bash" in step.script.partition("\n")[0] else "sh"
    subprocess.run([shell, "-n"], input=step.script, text=True, check=True)  # noqa: S603
    assert re.search(r"^set -eu(o pipefail)?$", step.script, re.MULTILINE)


def test_the_plan_that_is_applied_is_the_one_that_was_made_and_nothing_is_decided_again() -> None:
    assert "-out=/workspace/plan/tfplan" in _step("cloudbuild.yaml", "plan").script
    assert '-var="region=$_REGION"' in _step("cloudbuild.yaml", "plan").script, (
        "it plans where the guide's own apply was"
    )
    apply = _step("infra/cloudbuild-apply.yaml", "apply").script
    assert "terraform apply -input=false /workspace/plan/tfplan" in apply
    assert "-var" not in apply
    assert "-auto-approve" not in apply


def test_the_pipeline_uses_the_terraform_that_the_configuration_allows() -> None:
    images = {step.name for file in _FILES for step in _load(file).steps if "terraform" in step.name}
    assert images == {"hashicorp/terraform:1.11.4"}


def _run(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `script` in `folder`, where `gcloud`, `make` and `curl` say what they were asked and do nothing."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    for name in ("gcloud", "make"):
        (programs / name).write_text(f'#!/bin/sh\necho {name} "$@" >>calls\n')
        (programs / name).chmod(0o755)
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "PROJECT_ID": "example", "_RELEASE": "", **variables}
    (folder / "calls").touch()
    command = ["bash", "-c", script]
    return subprocess.run(  # noqa: S603
        command, cwd=folder, env=environment, text=True, capture_output=True, check=False
    )


def test_a_release_is_uploaded_by_its_hash(tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    for name in ("on_event-ab.zip", "release-12.tfvars.json"):
        (tmp_path / "dist" / name).touch()
    done = _run(_step("cloudbuild.yaml", "upload").script, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "calls").read_text().splitlines() == [
        "gcloud storage cp --no-clobber dist/on_event-ab.zip gs://example-artifacts/",
        "gcloud storage cp --no-clobber dist/release-12.tfvars.json gs://example-artifacts/releases/",
        "gcloud storage cp gs://example-artifacts/releases/release-12.tfvars.json plan/release.tfvars.json",
    ]


def test_a_rollback_builds_nothing_and_fetches_the_release_that_it_names(tmp_path: Path) -> None:
    for step_id in ("test", "package", "upload"):
        done = _run(_step("cloudbuild.yaml", step_id).script, tmp_path, _RELEASE="release-99.tfvars.json")
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "calls").read_text().splitlines() == [
        "gcloud storage cp gs://example-artifacts/releases/release-99.tfvars.json plan/release.tfvars.json"
    ]


def test_a_plan_is_kept_with_its_lock_file_and_ends_with_the_command_that_applies_it(tmp_path: Path) -> None:
    (tmp_path / "plan").mkdir()
    (tmp_path / "plan" / "sha256").write_text("0" * 64 + "\n")
    variables = {"BUILD_ID": "b1", "COMMIT_SHA": "c1", "LOCATION": "asia-northeast3", "_ENVIRONMENT": "staging"}
    done = _run(_step("cloudbuild.yaml", "hand-over").script, tmp_path, **variables)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "calls").read_text().splitlines() == [
        "gcloud storage cp plan/tfplan plan/.terraform.lock.hcl gs://example-artifacts/plans/b1/",
    ]
    assert done.stdout.splitlines()[-1] == (
        "gcloud builds triggers run apply-staging --project=example --region=asia-northeast3"
        f" --sha=c1 --substitutions=_PLAN=b1,_PLAN_SHA256={'0' * 64}"
    )


def test_a_plan_takes_no_lock_for_who_plans_may_not_write_beside_the_state() -> None:
    assert "-lock=false" in _step("cloudbuild.yaml", "plan").script


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"_PLAN": "", "_PLAN_SHA256": "0" * 64}, "the id of the build that made the plan"),
        ({"_PLAN": "b1", "_PLAN_SHA256": ""}, "the hash of the plan"),
    ],
    ids=["no plan", "no hash"],
)
def test_nothing_is_applied_without_a_plan_and_its_hash(tmp_path: Path, given: dict[str, str], complaint: str) -> None:
    done = _run(_step("infra/cloudbuild-apply.yaml", "fetch").script, tmp_path, **given)
    assert done.returncode != 0
    assert complaint in done.stderr
    assert (tmp_path / "calls").read_text() == ""


@pytest.mark.parametrize("read", [True, False], ids=["the plan that was read", "another plan"])
def test_only_the_plan_that_was_read_is_applied(tmp_path: Path, read: bool) -> None:
    stand_in = """
gcloud() { echo gcloud "$@" >>calls; case $3 in */tfplan) printf plan >plan/tfplan ;; esac; }
"""
    script = _step("infra/cloudbuild-apply.yaml", "fetch").script.replace(
        "set -euo pipefail", "set -euo pipefail" + stand_in
    )
    digest = hashlib.sha256(b"plan" if read else b"what was read").hexdigest()
    done = _run(script, tmp_path, _PLAN="b1", _PLAN_SHA256=digest)
    assert (done.returncode == 0) is read
    assert ("this is not the plan that was read" in done.stdout) is not read
    assert (".terraform.lock.hcl" in (tmp_path / "calls").read_text()) is read


def _smoke_test(folder: Path, webhook: str, calls_of_ticks: str) -> subprocess.CompletedProcess[str]:
    """The smoke test after an apply that ended at 00:10, where the log holds `calls_of_ticks`.

    Each line of these is a call's time, its revision and its status; the newest revision is `tick-2`.
    """
    (folder / "plan").mkdir()
    (folder / "plan" / "webhook_address").write_text("https://provider-webhook.example")
    (folder / "plan" / "applied").write_text("2027-01-01T00:10:00Z\n")
    (folder / "log").write_text(calls_of_ticks)
    stand_ins = f"""
sleep() {{ :; }}
curl() {{ echo curl "$@" >>calls; echo -n {webhook}; }}
gcloud() {{
  echo gcloud "$@" >>calls
  case $1 in
    run) echo tick-2 ;;
    logging)
      local after revision status
      after=$(sed 's/.*timestamp>"\\([^"]*\\)".*/\\1/' <<<"$3")
      revision=$(sed 's/.*revision_name="\\([^"]*\\)".*/\\1/' <<<"$3")
      status=$(sed 's/.*status=\\([0-9]*\\).*/\\1/' <<<"$3")
      awk -v a="$after" -v r="$revision" -v s="$status" '$1 > a && $2 == r && $3 == s {{ print $1 }}' log ;;
  esac
}}
"""
    script = _step("infra/cloudbuild-apply.yaml", "smoke-test").script.replace(
        "set -euo pipefail", "set -euo pipefail" + stand_ins
    )
    return _run(script, folder, _ENVIRONMENT="staging")


@pytest.mark.parametrize(("status", "lives"), [("200", True), ("401", False), ("503", False)])
def test_the_smoke_test_passes_when_the_webhooks_database_answers_and_a_tick_ended_well(
    tmp_path: Path, status: str, lives: bool
) -> None:
    done = _smoke_test(tmp_path, status, "2027-01-01T00:11:00Z tick-2 204\n")
    calls = (tmp_path / "calls").read_text()
    assert (done.returncode == 0) is lives
    assert "https://provider-webhook.example/health\n" in calls
    assert ("on-reminder-tick" in calls) is lives
    assert ("plan-staging" in done.stdout) is not lives
    assert ("gs://example-artifacts/releases/" in calls) is not lives


@pytest.mark.parametrize(
    "tick",
    [
        pytest.param("", id="no tick"),
        pytest.param("2027-01-01T00:09:00Z tick-2 204\n", id="before the apply had ended"),
        pytest.param("2027-01-01T00:11:00Z tick-1 204\n", id="held by the revision before"),
        pytest.param("2027-01-01T00:11:00Z tick-2 500\n", id="failed"),
    ],
)
def test_a_tick_that_says_nothing_of_what_was_applied_does_not_count(tmp_path: Path, tick: str) -> None:
    done = _smoke_test(tmp_path, "200", tick)
    assert done.returncode != 0
    assert "not after six minutes: tick_ended_well" in done.stdout


def test_what_is_looked_at_began_after_the_apply_had_ended(tmp_path: Path) -> None:
    (tmp_path / "plan").mkdir()
    (tmp_path / "clock").write_text("before")
    stand_ins = """
date() { cat clock; }
terraform() { case $1 in apply) printf after >clock ;; esac; }
"""
    script = _step("infra/cloudbuild-apply.yaml", "apply").script
    script = script.replace("set -eu\n", "set -eu\n" + stand_ins).replace("/workspace", str(tmp_path))
    done = _run(script, tmp_path, _ENVIRONMENT="staging")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "plan" / "applied").read_text() == "after"
