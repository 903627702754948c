"""The files of templates through the compiler: each finding with its file, line and key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from local.examples.files import TemplateFile
from local.examples.problems import Problem
from local.examples.reading import ReadFile, is_yaml, read_yaml
from local.examples.wording import key_of
from shared.contracts.alimtalk import Approval
from shared.templates.compiling.compiling import compiled
from shared.templates.compiling.findings import Finding, Place
from shared.templates.compiling.rules import Severity
from shared.templates.template import TemplateContent

OF_FILES = "file."
"""Begins the rule of what is wrong with a file as such; the reader's own code follows."""


@dataclass(frozen=True, slots=True)
class PlacedFinding:
    """A finding in a file. `at`: keys and numbers that lead to it; empty for what the reader says. `line`: from 1; None
    for the file as a whole. `key`: empty where none is at fault."""

    path: Path
    at: Place
    line: int | None
    key: str
    rule: str
    severity: Severity
    detail: str
    detail_ko: str | None

    def __str__(self) -> str:
        problem = Problem(self.path, self.line, self.key, self.rule, self.detail, self.detail_ko)
        return f"{problem} [{self.rule}]" if self.severity == "error" else f"{problem} [{self.rule}, warning]"


class _Readable(TemplateContent):
    """A template that can be read, whatever is wrong with what it says: the compiler says that better."""

    name: str = ""
    approval: Approval | None = None


def template_files(paths: Iterable[Path]) -> list[Path]:
    """The template files that paths mean: a file is itself, a business's folder its `templates`."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            folder = path / "templates" if (path / "templates").is_dir() else path
            files += sorted(each for each in folder.glob("*") if is_yaml(each))
        else:
            files.append(path)
    return files


def checked(path: Path, values: Mapping[str, str] | None = None) -> list[PlacedFinding]:
    """All that is found in a template's file. `values`: as the compiler takes them."""
    if not path.is_file():
        return [_of_file(Problem(path, None, "", "missing_file", "is not there", "파일이 없습니다."))]
    read = read_yaml(path, _Readable)
    if not isinstance(read, ReadFile):
        return list(map(_of_file, read))
    content = TemplateContent.model_validate(read.model.model_dump(exclude={"name", "approval"}, exclude_unset=True))
    findings = [_placed(read, finding) for finding in compiled(content, values)]
    strict = read_yaml(path, TemplateFile)
    if not isinstance(strict, ReadFile):
        # What the compiler says of a line is said once, and better.
        told = {finding.line for finding in findings if finding.severity == "error"}
        findings = [_of_file(problem) for problem in strict if problem.line not in told] + findings
    return findings


def _placed(read: ReadFile[_Readable], finding: Finding) -> PlacedFinding:
    at = read.document.known(finding.at)
    return PlacedFinding(
        read.path,
        finding.at,
        read.document.line(at),
        key_of(at),
        finding.rule,
        finding.severity,
        finding.detail,
        finding.detail_ko,
    )


def _of_file(problem: Problem) -> PlacedFinding:
    return PlacedFinding(
        problem.path,
        (),
        problem.line,
        problem.key,
        OF_FILES + problem.code,
        "error",
        problem.detail,
        problem.detail_ko,
    )
