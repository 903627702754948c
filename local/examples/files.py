"""The example tenants as files: read, and checked as far as files alone can tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from local.examples.errors import ExampleError
from local.examples.people import FiledCustomers, Groups, read_groups
from local.home import CHECKOUT
from shared.contracts.events import TenantId
from shared.platform.yaml12 import load_yaml
from shared.providers import ProviderAccount
from shared.templates.template import Approval, TemplateContent
from shared.templates.writing import WrittenTemplate
from shared.workflows.definition import WorkflowDefinition
from shared.workflows.writing import WrittenWorkflow

EXAMPLES = CHECKOUT / "examples"

Model = TypeVar("Model", bound=BaseModel)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AccountFile(_File):
    """A provider account. What opens it opens a simulator on this machine, or it would not stand in a file."""

    id: str
    provider: str
    sender: Annotated[str, Field(pattern=r"^\d{8,12}$")]
    kakao_channel: str | None = None
    api_key: str
    api_secret: str
    webhook_secret: str


class TenantFile(_File):
    """`tenant.yaml`."""

    id: TenantId
    name: str
    account: AccountFile


class TemplateFile(WrittenTemplate):
    """`templates/*.yaml`: the words, with their name and what Kakao thinks of them."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    approval: Approval = "draft"

    @property
    def content(self) -> TemplateContent:
        """The words alone."""
        written = self.model_dump(exclude={"name", "approval"}, exclude_unset=True)
        return TemplateContent.model_validate(written)


@dataclass(frozen=True)
class Example:
    """A tenant with all that it sets up."""

    tenant: TenantFile
    templates: list[TemplateFile]
    workflows: list[WorkflowDefinition]
    customers: FiledCustomers
    groups: Groups

    @property
    def account(self) -> ProviderAccount:
        """The account as the product knows one."""
        given = self.tenant.account
        return ProviderAccount(
            tenant=self.tenant.id,
            id=given.id,
            provider=given.provider,
            sender=given.sender,
            kakao_channel=given.kakao_channel,
            secrets={
                "api_key": given.api_key,
                "api_secret": given.api_secret,
                "webhook_secret": given.webhook_secret,
            },
        )


def read_examples(folder: Path = EXAMPLES) -> list[Example]:
    """Every tenant in `folder`, one in each folder that holds a `tenant.yaml`.

    Raises:
        ExampleError: a file is missing or can't be understood, or names what is not there.
    """
    return [read_example(path.parent) for path in sorted(folder.glob("*/tenant.yaml"))]


def read_example(folder: Path) -> Example:
    """The tenant in `folder`. Raises ExampleError."""
    templates = {path: _read_yaml(path, TemplateFile) for path in sorted(folder.glob("templates/*.yaml"))}
    workflows = {path: _read_yaml(path, WrittenWorkflow) for path in sorted(folder.glob("workflows/*.yaml"))}
    _check_names({path: template.name for path, template in templates.items()})
    _check_names({path: workflow.name for path, workflow in workflows.items()})
    names = {template.name for template in templates.values()}
    for path, workflow in workflows.items():
        for index, step in enumerate(workflow.steps):
            if step.send not in names:
                raise ExampleError(path, f"steps.{index}.send", f"there is no template {step.send!r}")
    customers = FiledCustomers(folder / "customers.csv")
    return Example(
        tenant=_read_yaml(folder / "tenant.yaml", TenantFile),
        templates=list(templates.values()),
        workflows=[workflow.definition for workflow in workflows.values()],
        customers=customers,
        groups=read_groups(folder / "groups.csv", customers),
    )


def _read_yaml(path: Path, model: type[Model]) -> Model:
    try:
        return model.model_validate(load_yaml(_text(path)))
    except yaml.YAMLError as error:
        raise ExampleError(path, "", f"not YAML: {error}") from error
    except ValidationError as error:
        raise _invalid(path, "", error) from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ExampleError(path, "", str(error)) from error


def _invalid(path: Path, place: str, error: ValidationError) -> ExampleError:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(filter(None, [place, *map(str, first["loc"])])) or "(whole)"
    return ExampleError(path, field, first["msg"])


def _check_names(names: Mapping[Path, str]) -> None:
    seen: dict[str, Path] = {}
    for path, name in names.items():
        if name in seen:
            raise ExampleError(path, "name", f"{name!r} is in {seen[name].name} too")
        seen[name] = path
