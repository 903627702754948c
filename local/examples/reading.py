"""A folder's YAML files as models, or what is wrong with them; and the files that nobody reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from local.examples.problems import Problem
from local.examples.wording import key_of, problems_of
from local.examples.yaml_errors import explained
from shared.contracts.text import nearest
from shared.platform.yaml12 import MOST_CHARACTERS, Document

Model = TypeVar("Model", bound=BaseModel)
Model_co = TypeVar("Model_co", covariant=True)

FILES = ("tenant.yaml", "customers.csv", "groups.csv")
FOLDERS = ("templates", "workflows")
_SUFFIXES = (".yaml", ".yml")
_PICTURES = (".jpg", ".jpeg")
_ENCODINGS = ("utf-8-sig", "cp949")
_NEEDED = {
    "tenant.yaml": ("`allim tenants new` writes one", "`allim tenants new`로 만들 수 있습니다."),
    "customers.csv": ("a header alone will do: id,name,phone", "첫 줄만 있어도 됩니다: id,name,phone"),
    "groups.csv": ("a header alone will do: group,name,customer", "첫 줄만 있어도 됩니다: group,name,customer"),
}


class Named(Protocol):
    """What has a name of its own in the folder."""

    @property
    def name(self) -> str: ...


@dataclass(frozen=True, slots=True)
class ReadFile(Generic[Model_co]):
    """A file that could be read."""

    path: Path
    document: Document
    model: Model_co


MOST_BYTES = 4 * MOST_CHARACTERS
"""Of a file: more can't be few enough characters."""


def is_yaml(path: Path) -> bool:
    return path.suffix in _SUFFIXES and path.is_file() and not path.name.startswith(".")


def read_yaml(path: Path, model: type[Model]) -> ReadFile[Model] | list[Problem]:
    """The file as `model`, or all that is wrong with it."""
    if not path.is_file():
        return [missing_file(path)]
    if path.stat().st_size > MOST_BYTES:
        told, told_ko = (
            f"has more than {MOST_BYTES:,} bytes; nothing that is written by hand has",
            "파일이 너무 큽니다.",
        )
        return [Problem(path, None, "", "too_large", told, told_ko)]
    text = _text(path)
    if text is None:
        told = "is neither UTF-8 nor CP949; save it as UTF-8"
        return [Problem(path, None, "", "bad_encoding", told, "UTF-8로 저장해 주세요.")]
    try:
        document = Document(text)
    except yaml.YAMLError as error:
        said = explained(text, error)
        return [Problem(path, said.line, "", said.code, said.detail, said.detail_ko)]
    if document.problems:
        # What the model would say of it would only follow from these.
        return [Problem(path, p.line, key_of(p.path), p.code, p.detail, p.detail_ko) for p in document.problems]
    if not isinstance(document.value, dict):
        told = "the file is empty" if document.value is None else "the file is a list or a text"
        told_ko = "내용이 비었습니다." if document.value is None else "`항목: 값`이 아닙니다."
        return [Problem(path, 1, "", "no_keys", f"{told}; write keys and values, such as name: …", told_ko)]
    try:
        return ReadFile(path, document, _validated(document, model))
    except ValidationError as error:
        return problems_of(path, document, model, error)


def _validated(document: Document, model: type[Model]) -> Model:
    """Where text belongs, a value without quotes is its characters, be they digits. Raises ValidationError."""
    try:
        return model.model_validate(document.value)
    except ValidationError as error:
        unquoted = [
            (place, written)
            for each in error.errors(include_url=False)
            if each["type"] == "string_type"
            and document.known(place := each["loc"]) == place
            and (written := document.as_written(place)) is not None
            and document.at(place) is not None
        ]
        if not unquoted:
            raise
        for place, written in unquoted:
            document.at(place[:-1])[place[-1]] = written
        return model.model_validate(document.value)


def _text(path: Path) -> str | None:
    """What a file says, saved as UTF-8 or by Korean Windows; None when it is neither."""
    raw = path.read_bytes()
    for encoding in _ENCODINGS:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def missing_file(path: Path) -> Problem:
    """A file of every tenant that is not there, and what stands in its place, if something does."""
    detail, detail_ko = _NEEDED[path.name]
    others = [each.name for each in path.parent.glob("*") if each.is_file() and each.name not in FILES]
    if found := nearest(path.name, others):
        detail, detail_ko = f"is it {found}? {detail}", f"{found}인가요? {detail_ko}"
    return Problem(path, None, "", "missing_file", f"is not there; {detail}", f"파일이 없습니다. {detail_ko}")


def strangers(folder: Path) -> list[Problem]:
    """Files that nobody reads, though they look as if somebody should. Lists to send to and notes may lie beside."""
    return [
        Problem(path, None, "", "unknown_file", f"is not read; {hint}", f"읽지 않는 파일입니다. {hint_ko}")
        for path in sorted(folder.rglob("*"))
        if (said := _stranger(path.relative_to(folder)))
        for hint, hint_ko in [said]
        if path.is_file()
    ]


def _stranger(path: Path) -> tuple[str, str] | None:
    if any(part.startswith(".") for part in path.parts):
        return None
    *folders, name = path.parts
    if folders in ([FOLDERS[0]], [FOLDERS[1]]):
        if path.suffix in _SUFFIXES or (folders == [FOLDERS[0]] and path.suffix.lower() in _PICTURES):
            return None
        return "its name should end in .yaml", "이름이 .yaml로 끝나야 합니다."
    if folders:
        if found := nearest(folders[0], FOLDERS):
            where = f"{found}/{name}" if found != folders[0] else f"{found}/ itself"
            return f"did you mean {where}?", f"{found}/ 폴더 바로 아래에 두세요."
    elif name in FILES:
        return None
    elif found := nearest(name, FILES):
        return f"did you mean {found}?", f"{found}인가요?"
    if path.suffix in _SUFFIXES:
        return "templates/ and workflows/ hold what is read", "templates/ 또는 workflows/ 아래에 두세요."
    return None
