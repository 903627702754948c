"""What no single key can tell: steps without their template, paths that lead nowhere, look-alikes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from local.examples.problems import Problem
from local.examples.wording import Place, key_of, nearest, unknown
from shared.contracts import CustomerSnapshot
from shared.platform.yaml12 import Document
from shared.workflows.definition import WorkflowDefinition

ROOTS = ("customer", "data", "event")
_FIELDS = {"customer": [*CustomerSnapshot.model_fields], "event": ["type", "subject"]}

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


def paths_that_lead_nowhere(path: Path, document: Document, workflow: WorkflowDefinition) -> list[Problem]:
    """Paths that no event could have something at, and values that mean something else in YAML than they look like."""
    paths: list[tuple[Place, str]] = [(("where", name), name) for name in workflow.where]
    paths += [((name,), found) for name in ("key", "anchor") if (found := getattr(workflow, name)) is not None]
    told = [(place, "bad_path", *said) for place, name in paths if (said := wrong_path(name))]
    told += _look_alikes(document)
    return [
        Problem(path, document.line(place), key_of(place), code, detail, detail_ko)
        for place, code, detail, detail_ko in told
    ]


def wrong_path(path: str) -> tuple[str, str] | None:
    """Why nothing can ever be at a path, with the one that was probably meant; None where something can."""
    root, _, rest = path.partition(".")
    if root in ROOTS and not rest:
        return f"{path} is all of it; write {root}.something", f"{root} 뒤에 이름을 쓰세요: {root}.…"
    if root not in ROOTS:
        meant = nearest(root, ROOTS) if rest else None
        better = f"{meant}.{rest}" if meant else f"data.{path}"
        if not meant and root in CustomerSnapshot.model_fields:
            better = f"customer.{path}"
        return (
            f"a path begins with customer., data. or event.; did you mean {better}?",
            f"customer., data., event. 중 하나로 시작합니다. {better}인가요?",
        )
    field = rest.partition(".")[0]
    if root in _FIELDS and field not in _FIELDS[root]:
        _, detail, detail_ko = unknown("field", field, _FIELDS[root], "bad_path")
        return f"{root}.{field}: {detail}", f"{root}.{detail_ko}"
    return None


def _look_alikes(document: Document) -> Iterator[tuple[Place, str, str, str]]:
    for place, written, value in document.plain():
        if place[0] != "where" or not isinstance(value, str):
            continue
        if _LIKE_A_BOOLEAN.match(written) and place[-1] != "exists":
            meant = "true" if written.lower() in ("yes", "on") else "false"
            yield (
                place,
                "look_alike",
                f'{written} is a text here; write {meant}, or "{written}" if it is that text',
                f'{written}: 글로 읽습니다. {meant} 또는 "{written}"로 쓰세요.',
            )
        elif _LIKE_A_NUMBER.match(written):
            number = re.sub("[_,]", "", written)
            yield (
                place,
                "look_alike",
                f'{written} is a text here; write {number}, or "{written}" if it is that text',
                f'{written}: 글로 읽습니다. {number} 또는 "{written}"로 쓰세요.',
            )
