"""What a model says of a value that does not fit it, in plain words of both languages and none of pydantic's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.platform.errors import WrongValue

PATTERNS: Mapping[str, tuple[str, str]] = {
    r"^[a-z][a-z0-9-]{1,39}$": (
        "2 to 40 of a-z, 0-9 and -, the first a letter",
        "영문 소문자로 시작하고 소문자, 숫자, -만 쓴 2~40자로",
    ),
    r"^[a-z0-9][a-z0-9._-]{0,99}$": (
        "1 to 100 of a-z, 0-9 and . _ -, the first a letter or digit",
        "소문자나 숫자로 시작하고 소문자, 숫자, . _ -만 쓴 1~100자로",
    ),
    r"^\d{8,12}$": (
        "the 8 to 12 digits of a registered sender number, without - ",
        "등록된 발신번호를 - 없이 숫자 8~12자리로",
    ),
}
"""What a pattern of a model asks for, in words."""

ASKED: Mapping[str, tuple[str, str]] = {
    "string": ("text", "글"),
    "int": ("a number", "숫자"),
    "float": ("a number", "숫자"),
    "bool": ("true or false", "true 또는 false"),
    "tuple": ("a list", "목록"),
    "list": ("a list", "목록"),
    "dict": ("keys and values", "`항목: 값`"),
    "model": ("keys and values", "`항목: 값`"),
}
"""By the beginning of an error's type."""

KINDS = re.compile(rf"^({'|'.join(ASKED)})(?:_attributes)?_(?:type|parsing)$")
A_MOMENT = "2026-11-21T10:00:00+09:00"
_NO_VALUE = ("has no value", "값이 비어 있습니다.")
_NO_TIME = (f"is no time that there is; write for example {A_MOMENT}", f"없는 시각입니다. 예: {A_MOMENT}")
_ALWAYS: Mapping[str, tuple[str, str]] = {
    "missing": ("is missing", "빠졌습니다."),
    "string_too_short": _NO_VALUE,
    "too_short": _NO_VALUE,
    "timezone_aware": (f"has no time zone; write for example {A_MOMENT}", f"시간대가 없습니다. 예: {A_MOMENT}"),
    "datetime_parsing": _NO_TIME,
    "datetime_from_date_parsing": _NO_TIME,
}
"""By an error's type, what is said whatever the value."""

SHOWN = 60
"""Characters of a value that are told: anything may come in."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """A place where a value does not fit. `field`: `data.customer.id`, empty where it is the value as a whole."""

    field: str
    detail: str
    detail_ko: str | None

    @property
    def named(self) -> str:
        """In English, after the field's name."""
        return f"{self.field}: {self.detail}" if self.field else self.detail

    @property
    def both(self) -> str:
        """In English, after the field's name, and in Korean where there are words."""
        return f"{self.named} ({self.detail_ko})" if self.detail_ko else self.named


def misfits(error: ValidationError) -> list[Misfit]:
    """All that an error says, in its order."""
    return [
        Misfit(".".join(map(str, each["loc"])), *said(each))
        for each in error.errors(include_url=False, include_input=True)
    ]


def said(error: ErrorDetails) -> tuple[str, str | None]:
    """The words of one error; no Korean ones only where a validator gives none."""
    context, type_ = error.get("ctx", {}), error["type"]
    if type_ in _ALWAYS:
        return _ALWAYS[type_]
    if type_ == "value_error":
        wrong = context["error"]
        return (wrong.detail, wrong.detail_ko) if isinstance(wrong, WrongValue) else (str(wrong), None)
    if korean := context.get("ko"):  # a contract's own words
        return error["msg"], korean
    if kind := KINDS.match(type_):
        asked, asked_ko = ASKED[kind[1]]
        return f"takes {asked}, and has something else", f"{asked_ko} 자리입니다."
    return _of_its_bounds(error, context)


def _of_its_bounds(error: ErrorDetails, bounds: Mapping[str, Any]) -> tuple[str, str]:
    match error["type"]:
        case "literal_error":
            known = bounds["expected"].replace(" or ", ", ")
            return f"must be {bounds['expected']}", f"쓸 수 있는 값: {known}"
        case "string_pattern_mismatch" if bounds["pattern"] in PATTERNS:
            asked, asked_ko = PATTERNS[bounds["pattern"]]
            return f"{error['input'][:SHOWN]!r} won't do; write {asked}", f"{asked_ko} 쓰세요."
        case "string_too_long" | "too_long":
            most = bounds["max_length"]
            return f"is too long: {most:,} at most", f"너무 깁니다: {most:,}까지 쓸 수 있습니다."
        case "json_invalid":
            return f"is not JSON: {bounds['error']}", "JSON이 아닙니다."
    return f"holds a value that can't be taken ({error['type']})", "쓸 수 없는 값입니다."
