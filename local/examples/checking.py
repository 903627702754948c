"""What no single key can tell: steps without their template, and values that look like others."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from local.examples.problems import Problem
from local.examples.wording import Place, key_of, unknown
from shared.platform.yaml12 import Document
from shared.workflows.definition import WorkflowDefinition

_LIKE_A_BOOLEAN = re.compile(r"^(?:yes|no|on|off)$", re.IGNORECASE)
_LIKE_A_NUMBER = re.compile(r"^[-+]?\d{1,3}(?:[_,]\d{3})+(?:\.\d+)?$")


def steps_without_template(
    path: Path, document: Document, workflow: WorkflowDefinition, templates: Collection[str]
) -> list[Problem]:
    """The steps that send what is not in the folder."""
    problems = []
    for place, step in enumerate(workflow.steps):
        if step.send not in templates:
            code, detail, detail_ko = unknown("template", step.send, sorted(templates), "unknown_template")
            line = document.line(["steps", place, "send"])
            problems.append(Problem(path, line, "send", code, f"{step.send}: {detail}", detail_ko))
    return problems


def look_alikes(path: Path, document: Document) -> list[Problem]:
    """Values of conditions that mean something else in YAML than they look like."""
    return [
        Problem(path, document.line(place), key_of(place), "look_alike", detail, detail_ko)
        for place, detail, detail_ko in _look_alikes(document)
    ]


def _look_alikes(document: Document) -> Iterator[tuple[Place, str, str]]:
    for place, written, value in document.plain():
        if place[0] != "where" or not isinstance(value, str):
            continue
        if _LIKE_A_BOOLEAN.match(written) and place[-1] != "exists":
            meant = "true" if written.lower() in ("yes", "on") else "false"
            yield (
                place,
                f'{written} is a text here; write {meant}, or "{written}" if it is that text',
                f'{written}: 글로 읽습니다. {meant} 또는 "{written}"로 쓰세요.',
            )
        elif _LIKE_A_NUMBER.match(written):
            number = re.sub("[_,]", "", written)
            yield (
                place,
                f'{written} is a text here; write {number}, or "{written}" if it is that text',
                f'{written}: 글로 읽습니다. {number} 또는 "{written}"로 쓰세요.',
            )
