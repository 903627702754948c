"""The guides for operators name files, settings and commands that exist."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from cli.main import app
from local.examples.files import read_example
from local.home import CHECKOUT
from shared.contracts.events import SubscriptionEvent
from shared.operations.watch.rules import RULES

_DEPLOY = CHECKOUT / "docs" / "deploy.md"
_OPERATIONS = CHECKOUT / "docs" / "operations.md"
_GUIDES = [CHECKOUT / "docs" / name for name in ("deploy.md", "costs.md")]
_TERRAFORM = CHECKOUT / "infra" / "terraform"
_OWN_FILE = "infra/terraform/mine.auto.tfvars"  # which the guide has people write


@pytest.mark.parametrize("guide", _GUIDES, ids=lambda guide: guide.name)
def test_its_links_lead_somewhere(guide: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", guide.read_text())
    assert [link for link in links if not (guide.parent / link).exists()] == []


@pytest.mark.parametrize("guide", _GUIDES, ids=lambda guide: guide.name)
def test_its_files_exist(guide: Path) -> None:
    named = re.findall(r"(?<!/)\b((?:infra|examples|local|docs|functions)/[\w./-]*\w)", guide.read_text())
    assert [file for file in named if not (CHECKOUT / file).exists()] in ([], [_OWN_FILE])


def test_the_outputs_secrets_and_substitutions_that_it_names_exist() -> None:
    guide = (CHECKOUT / "docs" / "deploy.md").read_text()
    outputs = set(re.findall(r'^output "(\w+)"', (_TERRAFORM / "outputs.tf").read_text(), re.MULTILINE))
    assert set(re.findall(r"terraform output (?:-raw )?(\w+)", guide)) <= outputs
    pipeline = (CHECKOUT / "cloudbuild.yaml").read_text() + (CHECKOUT / "infra" / "cloudbuild-apply.yaml").read_text()
    given = set(re.findall(r"(?<![A-Z])(_[A-Z_]+)=", guide))
    assert given
    assert [name for name in given if name not in pipeline] == []


def test_the_variables_that_are_explained_exist() -> None:
    guides = "".join(guide.read_text() for guide in _GUIDES)
    variables = set(re.findall(r'^variable "(\w+)"', (_TERRAFORM / "variables.tf").read_text(), re.MULTILINE))
    explained = {name for name in variables if f"`{name}" in guides}
    assert len(explained) >= 5
    for file in _TERRAFORM.glob("environments/*.tfvars"):
        assert set(re.findall(r"^(\w+) *=", file.read_text(), re.MULTILINE)) <= variables


def test_each_alert_has_its_page_and_each_page_its_alert() -> None:
    observability = _TERRAFORM / "modules" / "observability"
    alerts = set(re.findall(r"^    ([a-z-]+) = \{", (observability / "alerts.tf").read_text(), re.MULTILINE))
    alerts |= set(re.findall(r"/runbook/([a-z-]+)\.md", (observability / "uptime.tf").read_text()))
    assert {page.stem for page in observability.glob("runbook/*.md")} == alerts | RULES.keys()


def test_a_page_says_what_it_means_how_to_look_what_to_do_and_when_it_is_over() -> None:
    for page in (_TERRAFORM / "modules" / "observability" / "runbook").glob("*.md"):
        headings = re.findall(r"^\*\*([^*]+)\.\*\*", page.read_text(), re.MULTILINE)
        assert headings == ["What it means", "Look", "Do", "Over when"], page.name


def _verbs(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The names of a command's verbs, each after those of its groups."""
    if hasattr(command, "commands"):
        for name, each in command.commands.items():
            yield from _verbs(each, (*path, name))
    else:
        yield path


def test_a_page_of_the_runbook_needs_no_sql_and_names_verbs_that_exist() -> None:
    verbs = set(_verbs(typer.main.get_command(app)))
    groups = {path[0] for path in verbs if len(path) > 1}
    for page in (_TERRAFORM / "modules" / "observability" / "runbook").glob("*.md"):
        text = page.read_text()
        assert not re.search(r"`[^`]*\b(select .* from|update \w+ set|delete from|insert into)\b", text), page.name
        for first, second in re.findall(r"`[^`]*\ballim ([a-z-]+)(?: ([a-z-]+))?[^`]*`", text):
            named = (first, second) if first in groups else (first,)
            assert named in verbs, f"{page.name}: allim {' '.join(named)}"


def test_gcloud_and_terraform_are_of_the_environment_that_the_shell_was_told() -> None:
    guide = _DEPLOY.read_text()
    assert re.search(r"^export CLOUDSDK_CORE_PROJECT=\$PROJECT\b", guide, re.MULTILINE)
    assert "gcloud config set" not in guide
    [tfvars] = re.findall(r"cat >infra/terraform/mine\.auto\.tfvars <<END\n(.*?)^END$", guide, re.MULTILINE | re.DOTALL)
    assert dict(re.findall(r'^(\w+) *= "\$(\w+)"$', tfvars, re.MULTILINE)) == {
        "project": "PROJECT",
        "region": "REGION",
        "alert_email": "ALERTS",
        "billing_account": "BILLING",
    }
    assert all("-reconfigure" in line for line in re.findall(r"^terraform init .*", guide, re.MULTILINE))


def test_functions_secrets_are_read_at_the_version_that_functions_use() -> None:
    read = re.findall(r"versions access (\S+) --secret=(\S+)", _DEPLOY.read_text() + _OPERATIONS.read_text())
    assert {secret for version, secret in read if version == "latest"} == {"database-url-migrations"}
    assert {("$KEY_VERSION", "allim-encryption-key"), ("$BACKUP_KEY_VERSION", "allim-backup-key")} <= {*read}


@pytest.mark.parametrize(
    ("gcloud", "made"),
    [
        pytest.param("true", True, id="no key yet"),
        pytest.param("echo projects/1/secrets/allim-encryption-key/versions/1", False, id="a key"),
        pytest.param("false", False, id="gcloud can not tell"),
    ],
)
@pytest.mark.parametrize("secret", ["allim-encryption-key", "allim-backup-key"])
def test_a_key_is_made_only_where_there_is_none(tmp_path: Path, gcloud: str, made: bool, secret: str) -> None:
    [statement] = re.findall(rf"^there=\$\(.* {secret} .*\n.*$", _DEPLOY.read_text(), re.MULTILINE)
    said = f"gcloud() {{ case $3 in add) cat >key ;; *) {gcloud} ;; esac; }}\n"
    subprocess.run(["bash", "-c", said + statement], cwd=tmp_path, check=False)  # noqa: S603, S607
    assert (tmp_path / "key").exists() is made
    if made:
        assert len((tmp_path / "key").read_bytes()) == 44


def test_each_sum_of_costs_is_the_sum_of_what_is_above_it() -> None:
    tables = re.findall(r"(?:^\|.*\n)+", (CHECKOUT / "docs" / "costs.md").read_text(), re.MULTILINE)
    summed = [rows for rows in map(_rows, tables) if any("together" in row[0] for row in rows)]
    assert len(summed) == 2
    for rows in summed:
        [end] = [position for position, row in enumerate(rows) if "together" in row[0]]
        costs = [row for row in rows[2:end] if not re.match(r"messages|`n`", row[0])]
        for column in range(1, 5):
            total = float(rows[end][column].strip("*≈ "))
            assert abs(sum(_dollars(row[column]) for row in costs) - total) <= 0.5, rows[0][column]


def _rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|\n").split("|")] for line in table.splitlines()]


def _dollars(cell: str) -> float:
    return 0.0 if cell == "–" else float(cell.replace("−", "-"))


def test_an_alerts_price_is_counted_for_each_condition() -> None:
    observability = _TERRAFORM / "modules" / "observability"
    queries = len(re.findall(r"^    [a-z-]+ = \{$", (observability / "alerts.tf").read_text(), re.MULTILINE))
    assert queries + 3 == 19, "with two webhooks and health"
    assert "Nineteen alert conditions" in (CHECKOUT / "docs" / "costs.md").read_text()


def _granted_to(account: str) -> set[str]:
    """The roles that the guide gives to `$<account>`, wherever they hold."""
    guide = _DEPLOY.read_text()
    looped = re.findall(
        rf"for role in ([^;]+); do\n  gcloud [^\n]*--member=serviceAccount:\${account} --role=roles/\$role", guide
    )
    roles = {f"roles/{role}" for loop in looped for role in loop.replace("\\\n", " ").split()}
    return roles | set(re.findall(rf"--member=serviceAccount:\${account} \\?\s*--role=(roles/[\w.]+)", guide))


def test_who_plans_looks_and_adds_but_neither_overwrites_nor_acts_as_anybody() -> None:
    assert _granted_to("PLANNER") == {
        "roles/viewer",
        "roles/iam.securityReviewer",
        "roles/logging.logWriter",
        "roles/serviceusage.serviceUsageConsumer",
        "roles/storage.objectCreator",
        "roles/storage.objectViewer",
        "roles/billing.viewer",
    }


def test_who_deploys_may_make_what_terraform_makes_and_nothing_that_it_no_longer_does() -> None:
    granted = _granted_to("DEPLOYER")
    assert {"roles/datastore.owner", "roles/firebaserules.admin"} <= granted  # the inbox's database and its rules
    assert {"roles/run.admin", "roles/pubsub.admin", "roles/storage.admin", "roles/billing.costsManager"} <= granted


def test_everything_that_a_new_shell_needs_is_in_the_file_that_it_reads() -> None:
    guide = _DEPLOY.read_text()
    kept = "".join(re.findall(r"cat >>?\.\./allim-env\.sh <<'END'\n(.*?)^END$", guide, re.MULTILINE | re.DOTALL))
    used = set(re.findall(r"\$\{?([A-Z][A-Z_]+)\b", "".join(re.findall(r"```sh\n(.*?)```", guide, re.DOTALL))))
    assert used <= set(re.findall(r"^export ([A-Z_]+)=", kept, re.MULTILINE))


def test_the_tenant_that_the_guide_makes_can_be_loaded_and_carries_nobody_elses_data(tmp_path: Path) -> None:
    guide = _DEPLOY.read_text()
    written = dict(re.findall(r"cat >\.\./my-business/(\S+) <<'?END'?\n(.*?)^END$", guide, re.MULTILINE | re.DOTALL))
    for name, text in written.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    example = read_example(tmp_path)
    assert [example.account.tenant, list(example.customers)] == ["my-business", []]
    event = written["signup.json"].replace("$(date -u +%Y-%m-%dT%H:%M:%SZ)", "2026-11-21T01:00:00Z")
    assert SubscriptionEvent.model_validate_json(event).tenant == "my-business"
