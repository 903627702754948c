"""What a model says of a file that does not fit it, in the words of the file: line, key, and what to write instead."""

from __future__ import annotations

import re
import typing
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from local.examples.problems import Problem
from shared.contracts.text import nearest
from shared.platform.errors import ASKED, KINDS, WrongValue, said
from shared.platform.yaml12 import Document

Place = tuple[str | int, ...]


def problems_of(path: Path, document: Document, model: type[BaseModel], error: ValidationError) -> list[Problem]:
    """What each error says, once for each place.

    Args:
        path: the file.
        document: what it says, and where.
        model: what it should fit.
        error: the model's.
    """
    by_place: dict[Place, list[ErrorDetails]] = defaultdict(list)
    for each in error.errors(include_url=False):
        by_place[_place(document, each)].append(each)
    slips = [place for place, errors in by_place.items() if errors[0]["type"] == "extra_forbidden"]
    for *above, slip in slips:
        meant = (*above, nearest(str(slip), keys_at(model, above)) or slip)
        if meant in by_place and by_place[meant][0]["type"] == "missing":
            del by_place[meant]  # what is written with a slip is not missing
    return [_problem(path, document, model, place, errors) for place, errors in by_place.items()]


def _place(document: Document, error: ErrorDetails) -> Place:
    """Where in the file: a key that is missing stands where it should be; a member of a union is no place."""
    given = tuple(error["loc"])
    if error["type"] == "missing":
        return (*document.known(given[:-1]), given[-1])
    if isinstance(wrong := error.get("ctx", {}).get("error"), WrongValue):
        given += wrong.at
    return document.known(given)


def _problem(
    path: Path, document: Document, model: type[BaseModel], place: Place, errors: Sequence[ErrorDetails]
) -> Problem:
    code, detail, detail_ko = _said(document, model, place, errors)
    return Problem(path, document.line(place), key_of(place), code, detail, detail_ko)


def key_of(place: Place) -> str:
    """The key that a place in a file goes by, beside its line."""
    return next((name for name in reversed(place) if isinstance(name, str)), "")


def _said(
    document: Document, model: type[BaseModel], place: Place, errors: Sequence[ErrorDetails]
) -> tuple[str, str, str | None]:
    """Code and words."""
    first, context = errors[0], errors[0].get("ctx", {})
    match first["type"]:
        case "extra_forbidden":
            return unknown("key", str(place[-1]), keys_at(model, place[:-1]), "unknown_key")
        case "missing":
            return "missing_key", "is missing; it belongs here", "빠졌습니다. 여기에 있어야 합니다."
        case "literal_error":
            known = re.findall(r"'([^']*)'", context["expected"])
            return unknown("value", str(first["input"]), known, "unknown_value")
        case "string_pattern_mismatch" | "value_error":
            return "bad_value", *said(first)
        case "string_too_short" | "too_short":
            return "missing_value", *said(first)
        case "string_too_long" | "too_long":
            return "too_long", *said(first)
    kinds = [ASKED[found[1]] for each in errors if (found := KINDS.match(each["type"]))]
    value = document.at(place)
    if value is None:
        return "missing_value", "has no value", "값이 비어 있습니다."
    asked = " or ".join(dict.fromkeys(english for english, _ in kinds)) or "something else"
    asked_ko = ", ".join(dict.fromkeys(korean for _, korean in kinds)) or "다른 값"
    is_, is_ko = _kind(value)
    return "wrong_type", f"takes {asked}, and has {is_}", f"{asked_ko} 자리입니다. 지금은 {is_ko}입니다."


def _kind(value: Any) -> tuple[str, str]:
    names = {bool: "bool", int: "int", float: "float", list: "list", dict: "dict", str: "string"}
    return ASKED[names[type(value)]]


def unknown(what: str, given: str, known: Iterable[str], code: str) -> tuple[str, str, str]:
    """Code and words of a name that is not among those known: with the nearest, or with all of them."""
    names = list(known)
    listed = ", ".join(names[:20]) or "none"
    if found := nearest(given, names):
        return code, f"there is no such {what}; did you mean {found}?", f"{given}: 없습니다. {found}인가요?"
    return code, f"there is no such {what} here; known are {listed}", f"{given}: 없습니다. 쓸 수 있는 것: {listed}"


def keys_at(model: type[BaseModel], place: Sequence[str | int]) -> list[str]:
    """The keys that `model` knows at a place of its file."""
    for name in place:
        field = next((f for known, f in model.model_fields.items() if name in (known, f.alias)), None)
        if field is not None:
            model = next(_models_in(field.annotation), model)
    return [field.alias or name for name, field in model.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for each in typing.get_args(annotation):
        yield from _models_in(each)
