"""The example tenants as files: read, and checked as far as files alone can tell."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

from local.examples.checking import look_alikes, steps_without_template
from local.examples.people import FiledCustomers, Groups, read_groups
from local.examples.problems import FolderError, Problem, TableError
from local.examples.reading import Named, ReadFile, is_yaml, missing_file, read_yaml, strangers
from local.home import CHECKOUT
from shared.contracts.alimtalk import Approval
from shared.contracts.values import TenantId
from shared.platform.errors import WrongValue
from shared.providers import CREDENTIALS, ProviderAccount
from shared.templates.parts.pictures import BOUNDS, BadPicture, check_picture, name_of, too_large
from shared.templates.template import TemplateContent
from shared.templates.writing import WrittenTemplate
from shared.tenants.terms import HEAVIEST, LONGEST_NUMBER, Terms, TermsError, carried, check_sender, sends_from
from shared.workflows.definition import WorkflowDefinition
from shared.workflows.writing import WrittenWorkflow

ACCOUNT_ID = r"^[a-z][a-z0-9-]{0,39}$"
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
    name, opens = str(field.field_name), CREDENTIALS[provider]
    if name in opens.needed and given is None:
        raise WrongValue(f"an account at {provider} needs {opens}", f"{provider} 계정에 필요한 값: {opens}")
    if name not in opens.names and given is not None:
        raise WrongValue(
            f"an account at {provider} has no {name}; what opens it: {opens}",
            f"{provider} 계정에는 {name} 값이 없습니다. 필요한 것: {opens}",
        )
    return given


def _carried(given: tuple[str, ...] | None, field: ValidationInfo) -> tuple[str, ...] | None:
    if given is not None and (provider := field.data.get("provider")) is not None:
        try:
            carried(provider, Terms(given))
        except TermsError as error:
            raise WrongValue(error.detail, error.detail_ko or error.detail) from None
    return given


def _sender(given: str | None, field: ValidationInfo) -> str | None:
    """There is a number or an address to send from, where the provider sends from one."""
    provider = field.data.get("provider")
    if provider is None:  # that is wrong already
        return given
    if given is None and sends_from(provider) != "nothing":
        raise PydanticCustomError("missing", "Field required")
    try:
        check_sender(provider, given or "")
    except TermsError as error:
        raise WrongValue(error.detail, error.detail_ko or error.detail) from None
    return given


Credential = Annotated[str | None, Field(validate_default=True), AfterValidator(_needed)]


class CertificateFile(_File):
    """Of whom an account's texts are sent by: its number, and its last day in Korea."""

    number: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NUMBER)]
    until: dt.date


class AccountFile(_File):
    """A provider account. What opens it opens a simulator on this machine, or it would not stand in a file.

    api_key, api_secret: of SOLAPI. app_key, secret_key: of NHN Cloud, for each of its two services. access_key,
    secret_key: of SENS, where service_id opens its texts, and kakao_service_id its AlimTalk; one of them is needed.
    api_key, user_id: of Aligo.
    project_id, client_email, private_key: of a Firebase project's service account. Nothing opens the inbox, `inapp`.
    url: of a mail server. rest_api_key, refresh_token: of an app at KakaoTalk, for messages to its owner.
    channels, weight, certificate: on what terms it is used; see `shared.tenants.terms`.
    """

    id: Annotated[str, Field(pattern=ACCOUNT_ID)]
    provider: Annotated[str, AfterValidator(_known)]
    sender: Annotated[str | None, Field(validate_default=True), AfterValidator(_sender)] = None
    kakao_channel: str | None = None
    api_key: Credential = None
    api_secret: Credential = None
    user_id: Credential = None
    app_key: Credential = None
    secret_key: Credential = None
    service_id: Credential = None
    kakao_service_id: Credential = None
    access_key: Credential = None
    project_id: Credential = None
    client_email: Credential = None
    private_key: Credential = None
    url: Credential = None
    rest_api_key: Credential = None
    refresh_token: Credential = None
    webhook_secret: str | None = None
    channels: Annotated[tuple[str, ...] | None, AfterValidator(_carried)] = None
    weight: Annotated[int, Field(ge=0, le=HEAVIEST)] = HEAVIEST
    certificate: CertificateFile | None = None

    @property
    def terms(self) -> Terms:
        """On what terms it is used."""
        held = (self.certificate.number, self.certificate.until) if self.certificate else (None, None)
        return Terms(self.channels, self.weight, *held)

    @model_validator(mode="after")
    def _has_a_service(self) -> Self:
        opens = CREDENTIALS[self.provider]
        if missing := opens.missing(self.secrets):
            said = " or ".join(missing), f"{self.provider} 계정에는 {', '.join(missing)} 중 하나가 필요합니다."
            raise WrongValue(f"an account at {self.provider} needs {said[0]}", said[1], at=(missing[0],))
        return self

    @property
    def secrets(self) -> dict[str, str]:
        """What opens it, and the secret of its webhook where it has one."""
        given = {name: getattr(self, name) for name in (*CREDENTIALS[self.provider].names, "webhook_secret")}
        return {name: secret for name, secret in given.items() if secret is not None}


def _no_id_twice(given: list[AccountFile] | None) -> list[AccountFile] | None:
    seen = set[str]()
    for place, account in enumerate(given or ()):
        if account.id in seen:
            told = f"two accounts are called {account.id}; give one of them another id"
            raise WrongValue(told, f"{account.id}: id가 같은 계정이 둘입니다.", at=[place, "id"])
        seen.add(account.id)
    return given


class TenantFile(_File):
    """`tenant.yaml`. `accounts`: the first is what it sends by unless told; `account: …` is a list of one."""

    id: TenantId
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    account: AccountFile | None = None
    accounts: Annotated[list[AccountFile] | None, Field(min_length=1), AfterValidator(_no_id_twice)] = None

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        if self.account is not None and self.accounts is not None:
            raise WrongValue(
                "there is account: and accounts: here; keep one of them, accounts: for several",
                "account와 accounts가 모두 있습니다. 하나만 쓰세요. 여러 개면 accounts입니다.",
                at=["account"],
            )
        if self.account is None and self.accounts is None:
            raise WrongValue(
                "account: is missing; it belongs here", "account가 빠졌습니다. 여기에 있어야 합니다.", at=["account"]
            )
        return self

    @property
    def sent_by(self) -> list[AccountFile]:
        """Its accounts, the default first."""
        return self.accounts or ([self.account] if self.account else [])


class TemplateFile(WrittenTemplate):
    """`templates/*.yaml`: the words, with their name and what Kakao thinks of them, unless that is for it to say."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    approval: Approval | None = None

    @model_validator(mode="after")
    def _registered(self) -> TemplateFile:
        if self.approval == "approved" and self.alimtalk and not self.alimtalk.code:
            raise WrongValue(
                "an approved AlimTalk has the code that its provider gave it: `allim templates push` asks for one",
                "승인된 알림톡에는 발송사의 템플릿 코드가 있어야 합니다.",
                at=("alimtalk",),
            )
        return self

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
    pictures: Mapping[str, bytes]
    """Those of its templates, by name."""

    @property
    def accounts(self) -> list[tuple[ProviderAccount, Terms]]:
        """The accounts as the product knows them, the default first."""
        return [
            (
                ProviderAccount(
                    tenant=self.tenant.id,
                    id=given.id,
                    provider=given.provider,
                    sender=given.sender or "",
                    kakao_channel=given.kakao_channel,
                    secrets=given.secrets,
                ),
                given.terms,
            )
            for given in self.tenant.sent_by
        ]

    @property
    def account(self) -> ProviderAccount:
        """What it sends by unless told."""
        return self.accounts[0][0]


def read_examples(folder: Path = EXAMPLES) -> list[Example]:
    """Every tenant in `folder`, one in each folder that holds a `tenant.yaml`.

    Raises:
        FolderError: the files of one can't be used.
    """
    return [read_example(path.parent) for path in sorted(folder.glob("*/tenant.yaml"))]


def read_example(folder: Path) -> Example:
    """One tenant. Raises FolderError, which says all that is wrong with its files."""
    return Reading(folder).example()


def read_picture(path: Path, leg: str) -> bytes:
    """A picture that a leg carries. Raises BadPicture."""
    try:
        if path.stat().st_size > BOUNDS[leg].bytes:  # is not read at all
            raise too_large(f"{path.stat().st_size:,} bytes", f"{path.stat().st_size:,}바이트", BOUNDS[leg])
        content = path.read_bytes()
    except OSError as error:
        raise BadPicture(
            "image_missing",
            "is not there, or can't be read; it belongs beside the template",
            "템플릿 파일과 같은 폴더에 이미지가 없거나 읽을 수 없습니다.",
        ) from error
    check_picture(content, leg)
    return content


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
        self._pictures: dict[str, bytes] = {}
        templates = [self._with_pictures(template) for template in templates]
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
                pictures=self._pictures,
            )

    def example(self) -> Example:
        """The tenant. Raises FolderError."""
        if self._example is None:
            raise FolderError(self.folder, self.problems)
        return self._example

    def _with_pictures(self, template: ReadFile[TemplateFile]) -> ReadFile[TemplateFile]:
        """A template that names its pictures by their content. They lie beside its file."""
        named: dict[str, Any] = {}
        for leg, name in template.model.pictures.items():
            try:
                content = read_picture(template.path.parent / name, leg)
            except BadPicture as error:
                line = template.document.line([leg, "image"])
                told = f"{name}: {error.detail}"
                self.problems.append(Problem(template.path, line, "image", error.code, told, error.detail_ko))
                continue
            kept = name_of(content)
            self._pictures[kept] = content
            named[leg] = getattr(template.model, leg).model_copy(update={"image": kept})
        return replace(template, model=template.model.model_copy(update=named)) if named else template

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
