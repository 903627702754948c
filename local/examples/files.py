"""The example tenants as files: read, and checked as far as files alone can tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo
from pydantic_core import PydanticCustomError

from local.examples.checking import look_alikes, steps_without_template
from local.examples.people import FiledCustomers, Groups, read_groups
from local.examples.problems import FolderError, Problem, TableError
from local.examples.reading import Named, ReadFile, is_yaml, missing_file, read_yaml, strangers
from local.home import CHECKOUT
from shared.contracts.values import TenantId
from shared.platform.errors import WrongValue
from shared.providers import CREDENTIALS, WITHOUT_SENDER, ProviderAccount
from shared.templates.template import Approval, TemplateContent
from shared.templates.writing import WrittenTemplate
from shared.workflows.definition import WorkflowDefinition
from shared.workflows.writing import WrittenWorkflow

EXAMPLES = CHECKOUT / "examples"

Model = TypeVar("Model", bound=BaseModel)
Table = TypeVar("Table")


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _known(provider: str) -> str:
    if provider not in CREDENTIALS:
        known = ", ".join(CREDENTIALS)
        raise WrongValue(
            f"nothing can be sent by {provider!r}; known: {known}",
            f"{provider}: 지원하지 않는 발송사입니다. 쓸 수 있는 것: {known}",
        )
    return provider


def _needed(given: str | None, field: ValidationInfo) -> str | None:
    """What opens an account at its provider is there, and what opens one at another is not."""
    provider = field.data.get("provider")
    if provider is None:  # that is wrong already
        return given
    name, needed = str(field.field_name), CREDENTIALS[provider]
    if name in needed and given is None:
        all_of_it = ", ".join(needed)
        raise WrongValue(f"an account at {provider} needs {all_of_it}", f"{provider} 계정에 필요한 값: {all_of_it}")
    if name not in needed and given is not None:
        known = ", ".join(needed)
        raise WrongValue(
            f"an account at {provider} has no {name}; what opens it: {known}",
            f"{provider} 계정에는 {name} 값이 없습니다. 필요한 것: {known}",
        )
    return given


def _sender(given: str | None, field: ValidationInfo) -> str | None:
    """There is a number to send from, where the provider sends from one."""
    if given is None and field.data.get("provider", "") not in WITHOUT_SENDER:
        raise PydanticCustomError("missing", "Field required")
    return given


Credential = Annotated[str | None, Field(validate_default=True), AfterValidator(_needed)]


class AccountFile(_File):
    """A provider account. What opens it opens a simulator on this machine, or it would not stand in a file.

    api_key, api_secret: of SOLAPI. app_key, secret_key: of NHN Cloud. service_id, access_key, secret_key: of SENS.
    project_id, client_email, private_key: of a Firebase project's service account. That and the inbox, `inapp`, which
    nothing opens, send from no number.
    """

    id: str
    provider: Annotated[str, AfterValidator(_known)]
    sender: Annotated[str | None, Field(pattern=r"^\d{8,12}$", validate_default=True), AfterValidator(_sender)] = None
    kakao_channel: str | None = None
    api_key: Credential = None
    api_secret: Credential = None
    app_key: Credential = None
    secret_key: Credential = None
    service_id: Credential = None
    access_key: Credential = None
    project_id: Credential = None
    client_email: Credential = None
    private_key: Credential = None
    webhook_secret: str | None = None

    @property
    def secrets(self) -> dict[str, str]:
        """What opens it, and the secret of its webhook where it has one."""
        named = (*CREDENTIALS[self.provider], "webhook_secret")
        return {name: given for name in named if (given := getattr(self, name)) is not None}


class TenantFile(_File):
    """`tenant.yaml`."""

    id: TenantId
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
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
            sender=given.sender or "",
            kakao_channel=given.kakao_channel,
            secrets=given.secrets,
        )


def read_examples(folder: Path = EXAMPLES) -> list[Example]:
    """Every tenant in `folder`, one in each folder that holds a `tenant.yaml`.

    Raises:
        FolderError: the files of one can't be used.
    """
    return [read_example(path.parent) for path in sorted(folder.glob("*/tenant.yaml"))]


def read_example(folder: Path) -> Example:
    """One tenant. Raises FolderError, which says all that is wrong with its files."""
    return Reading(folder).example()


class Reading:
    """A tenant's folder as it is read: all that is wrong is found, not only the first.

    Args:
        folder: that of the tenant.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[Problem] = []
        self.strangers: list[Problem] = strangers(folder)
        """Files that nobody reads, though they look as if somebody should."""
        tenant = self._file(folder / "tenant.yaml", TenantFile)
        templates = self._files("templates", TemplateFile)
        workflows = self._files("workflows", WrittenWorkflow)
        self._check_names(templates)
        self._check_names(workflows)
        # A template that can't be read is there all the same: its own file is what must be mended.
        unread = {path.stem for path in self._there("templates")} - {template.path.stem for template in templates}
        known = {template.model.name for template in templates} | unread
        for workflow in workflows:
            self.problems += steps_without_template(workflow.path, workflow.document, workflow.model, known)
            self.problems += look_alikes(workflow.path, workflow.document)
        customers = self._table(folder / "customers.csv", FiledCustomers)
        self.warnings: list[Problem] = [] if customers is None else customers.unreachable
        """What is taken, and is probably not what was meant."""
        groups: Groups | None = None
        if customers is not None:
            groups = self._table(folder / "groups.csv", partial(read_groups, customers=customers))
        self._example: Example | None = None
        if not self.problems and tenant is not None and customers is not None and groups is not None:
            self._example = Example(
                tenant=tenant.model,
                templates=[template.model for template in templates],
                workflows=[workflow.model.definition for workflow in workflows],
                customers=customers,
                groups=groups,
            )

    def example(self) -> Example:
        """The tenant. Raises FolderError."""
        if self._example is None:
            raise FolderError(self.folder, self.problems)
        return self._example

    def _there(self, of: str) -> list[Path]:
        return sorted(path for path in (self.folder / of).glob("*") if is_yaml(path))

    def _files(self, of: str, model: type[Model]) -> list[ReadFile[Model]]:
        return [read for path in self._there(of) if (read := self._file(path, model)) is not None]

    def _file(self, path: Path, model: type[Model]) -> ReadFile[Model] | None:
        read = read_yaml(path, model)
        if isinstance(read, ReadFile):
            return read
        self.problems += read
        return None

    def _check_names(self, files: Sequence[ReadFile[Named]]) -> None:
        seen: dict[str, Path] = {}
        for file in files:
            name = file.model.name
            if name in seen:
                told = f"{name} is in {seen[name].name}, too; give one of them another name"
                told_ko = f"{name}: {seen[name].name}에도 있습니다. 이름을 다르게 하세요."
                line = file.document.line(["name"])
                self.problems.append(Problem(file.path, line, "name", "repeated_name", told, told_ko))
            seen[name] = file.path

    def _table(self, path: Path, read: Callable[[Path], Table]) -> Table | None:
        if not path.exists():
            self.problems.append(missing_file(path))
            return None
        try:
            return read(path)
        except TableError as error:
            self.problems += error.problems
            return None
