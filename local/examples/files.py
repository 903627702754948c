"""The example tenants as files: read, and checked as far as files alone can tell."""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from local.examples.checking import look_alikes, steps_without_template
from local.examples.problems import FolderError, Problem
from local.examples.reading import Named, ReadFile, is_yaml, missing_file, read_yaml, strangers
from local.home import CHECKOUT
from shared.contracts import CustomerSnapshot
from shared.contracts.events import TenantId
from shared.providers import ProviderAccount
from shared.templates.template import Approval, TemplateContent
from shared.templates.writing import WrittenTemplate
from shared.workflows.definition import WorkflowDefinition
from shared.workflows.writing import WrittenWorkflow

EXAMPLES = CHECKOUT / "examples"

Model = TypeVar("Model", bound=BaseModel)
Table = TypeVar("Table")
Groups = Mapping[str, tuple[str, list[str]]]
"""By id: the name, and the ids of the customers."""


class ExampleError(Exception):
    """A table that can't be used. The message names the file, the field and what is wrong."""

    def __init__(self, path: Path, field: str, problem: str) -> None:
        shown = path.relative_to(CHECKOUT) if path.is_relative_to(CHECKOUT) else path
        super().__init__(f"{shown}: {field}: {problem}" if field else f"{shown}: {problem}")
        self.path = path
        self.field = field
        self.problem = problem


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
    """A tenant with all that it sets up. `customers_changed_at`: when the file of its customers was."""

    tenant: TenantFile
    templates: list[TemplateFile]
    workflows: list[WorkflowDefinition]
    customers: list[CustomerSnapshot]
    customers_changed_at: dt.datetime
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
        customers = self._table(_customers, folder / "customers.csv")
        groups = self._table(lambda path: _groups(path, customers or {}), folder / "groups.csv", needs=customers)
        self._example: Example | None = None
        if not self.problems and tenant is not None and customers is not None and groups is not None:
            self._example = Example(
                tenant=tenant.model,
                templates=[template.model for template in templates],
                workflows=[workflow.model.definition for workflow in workflows],
                customers=list(customers.values()),
                customers_changed_at=dt.datetime.fromtimestamp((folder / "customers.csv").stat().st_mtime, dt.UTC),
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

    def _table(self, read: Callable[[Path], Table], path: Path, *, needs: object = True) -> Table | None:
        """A CSV file; nothing is said of one that can't be judged for want of another."""
        if needs is None:
            return None
        try:
            return read(path)
        except ExampleError as error:
            found = re.match(r"line (\d+)\.?", error.field)
            line, key = (int(found[1]), error.field[found.end() :]) if found else (None, error.field)
            self.problems.append(
                missing_file(path) if not path.exists() else Problem(path, line, key, "bad_table", error.problem, None)
            )
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ExampleError(path, "", str(error)) from error


def _invalid(path: Path, place: str, error: ValidationError) -> ExampleError:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(filter(None, [place, *map(str, first["loc"])])) or "(whole)"
    return ExampleError(path, field, first["msg"])


def _rows(path: Path, columns: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each row with its place, blank cells as None. Raises ExampleError when a column is missing or a row too long."""
    reader = csv.DictReader(_text(path).splitlines())
    if missing := columns - set(reader.fieldnames or ()):
        raise ExampleError(path, "line 1", f"the header lacks {', '.join(sorted(missing))}")
    for row in reader:
        place = f"line {reader.line_num}"
        if None in row:
            raise ExampleError(path, place, "more cells than the header has columns")
        yield place, {name: (value or "").strip() or None for name, value in row.items()}


def _customers(path: Path) -> dict[str, CustomerSnapshot]:
    """By id. A column that is no field of a customer is an attribute; a blank cell clears."""
    customers: dict[str, CustomerSnapshot] = {}
    for place, row in _rows(path, {"id", "phone"}):
        known = {name: value for name, value in row.items() if name in CustomerSnapshot.model_fields}
        attributes = {name: value for name, value in row.items() if name not in CustomerSnapshot.model_fields}
        try:
            customer = CustomerSnapshot.model_validate({**known, "attributes": attributes})
        except ValidationError as error:
            raise _invalid(path, place, error) from error
        if customer.id in customers:
            raise ExampleError(path, f"{place}.id", f"{customer.id!r} is there twice")
        customers[customer.id] = customer
    return customers


def _groups(path: Path, customers: Mapping[str, CustomerSnapshot]) -> Groups:
    groups: dict[str, tuple[str, list[str]]] = {}
    for place, row in _rows(path, {"group", "name", "customer"}):
        if not row["group"] or not row["name"]:
            raise ExampleError(path, place, "a group needs an id and a name")
        if row["customer"] not in customers:
            raise ExampleError(path, f"{place}.customer", f"there is no customer {row['customer']!r}")
        _, members = groups.setdefault(row["group"], (row["name"], []))
        members.append(row["customer"])
    return groups
