"""The guides for operators name files, settings and commands that exist."""

import re
from pathlib import Path

import pytest

from local.home import CHECKOUT
from shared.operations.watch.rules import RULES

_GUIDES = [CHECKOUT / "docs" / name for name in ("deploy.md", "costs.md")]
_TERRAFORM = CHECKOUT / "infra" / "terraform"
_OWN_FILE = "infra/terraform/mine.auto.tfvars"  # which the guide has people write


@pytest.mark.parametrize("guide", _GUIDES, ids=lambda guide: guide.name)
def test_its_links_lead_somewhere(guide: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", guide.read_text())
    assert [link for link in links if not (guide.parent / link).exists()] == []


@pytest.mark.parametrize("guide", _GUIDES, ids=lambda guide: guide.name)
def test_its_files_exist(guide: Path) -> None:
    named = re.findall(r"\b((?:infra|examples|local|docs|functions)/[\w./-]*\w)", guide.read_text())
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
