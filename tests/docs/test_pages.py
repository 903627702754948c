"""The pages name what the code has: who adds a status, a reason or a field tells its reader of it."""

import re
from pathlib import Path

import pytest

from local.examples.files import TemplateFile, TenantFile
from local.home import CHECKOUT
from local.stack import Stack
from shared.messages.reasons import SENTENCES
from shared.messages.status import Status
from shared.platform.yaml12 import Document
from shared.templates.compiling.rules import RULES
from shared.workflows.definition import WorkflowDefinition
from simulator.faults import FaultPlan

GUIDE = (CHECKOUT / "docs" / "guide.md").read_text()
TEMPLATES = (CHECKOUT / "docs" / "templates.md").read_text()
OPERATIONS = (CHECKOUT / "docs" / "operations.md").read_text()

_RAISED = re.compile(
    r'(?:(?:Message|Content|Bulk|File)Error|Unreachable|BadPicture|super\(\).__init__)\(\s*"([a-z_]+)"'
)
_ROW = re.compile(r'(?:RowProblem|_told)\(\s*line,\s+"([a-z_]+)"')
_CHECK = re.compile(r'"(?:warning|failed)",\s+"([a-z_]+)",')
OTHERS = {*SENTENCES, "invalid_phone", "provider_unavailable", "quota_exceeded"}


def _codes() -> set[str]:
    found = OTHERS.copy()
    for room in ("messages", "templates", "campaigns", "customers"):
        for module in (CHECKOUT / "shared" / room).rglob("*.py"):
            found.update(_RAISED.findall(module.read_text()))
    for module in (CHECKOUT / "shared/customers/files").glob("*.py"):
        found.update(_ROW.findall(module.read_text()))
    for checking in ("campaigns/preflight.py", "law/advertising.py"):
        found.update(_CHECK.findall((CHECKOUT / "shared" / checking).read_text()))
    return found


def test_codes_of_every_kind_are_found() -> None:
    assert {
        "repeated_id",
        "missing_column",
        "spreadsheet_file",
        "repeated_header",
        "bad_variable",
        "too_late",
        "credit_tight",
        "price_missing",
        "opt_out_missing",
    } <= _codes()


@pytest.mark.parametrize("code", sorted(_codes()))
def test_the_guide_says_what_to_do_about_every_code(code: str) -> None:
    assert f"`{code}`" in GUIDE


@pytest.mark.parametrize("status", Status)
def test_the_guide_has_every_status(status: Status) -> None:
    assert re.search(rf"^\| `{status}` \|", GUIDE, re.MULTILINE)


@pytest.mark.parametrize("field", [*Stack.model_fields, *FaultPlan.model_fields])
def test_operations_names_every_field_of_the_stack_and_every_fault(field: str) -> None:
    assert f"`{field}`" in OPERATIONS


@pytest.mark.parametrize("page", ["README.md", "docs/guide.md", "docs/templates.md"])
def test_the_workflows_and_templates_that_a_page_shows_can_be_loaded(page: str) -> None:
    shown = re.findall(r"^```yaml\n(.*?)^```", (CHECKOUT / page).read_text(), re.MULTILINE | re.DOTALL)
    assert shown
    for written in (Document(text).value for text in shown):
        if "accounts" in written:
            TenantFile.model_validate({"id": "saas", "name": "S", **written})
        else:
            (WorkflowDefinition if "steps" in written else TemplateFile).model_validate(written)


@pytest.mark.parametrize("rule", RULES)
def test_the_page_on_templates_has_every_rule(rule: str) -> None:
    assert f"| `{rule}` | {RULES[rule].severity} |" in TEMPLATES


@pytest.mark.parametrize("page", ["README.md", "docs/guide.md", "docs/operations.md", "docs/deploy.md"])
def test_files_of_examples_that_a_page_names_are_there(page: str) -> None:
    named = re.findall(r"\bexamples/[\w./-]*\w", (CHECKOUT / page).read_text())
    assert [path for path in named if not Path(CHECKOUT, path).exists()] == []
