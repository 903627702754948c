"""The root of our own errors: what was refused or can't be, said so that a person or a program can act on it.

AllimError
├── CreditError            something is wrong with money
├── MessageError           a message can't be made or sent
│   ├── ContentError       the words don't fit the channel
│   ├── BadVariable        a template's variable whose field does not suit its format
│   ├── MissingVariable    a template's variable that no field fills
│   ├── BulkError          a send as a whole can't be made
│   │   └── BrokenOffError it stopped on its way
│   └── StoryError         there is no one message to tell of
├── ProviderError          a provider would not, could not, or may have
├── SlackError             people could not be told
├── Poison                 input that no retry can help: a dead letter
├── SealError              a sealed value that no key here opens
├── FileError              a file of people can't be used
├── InvalidPhone, BadAnchor, UnreadableDefinition, AccountBusy
├── WebhookRefused         a call from outside that is not taken
├── BackupError, MigrationError, OpenDoorsError, PackagingError
├── LocalError             the stack on this machine is not as it has to be
└── CommandError           a verb can't do what was asked
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails


class AllimError(Exception):
    """Something that was refused or can't be.

    Args:
        code: stable.
        detail: a sentence in English that says what to do.
        detail_ko: the same in Korean, where people at a business read it.
        field: which part of what was given is at fault, where there is one.
        status: HTTP's, when it is answered to a caller; `default_status` unless told.
    """

    default_status: ClassVar[int] = 400

    def __init__(
        self,
        code: str,
        detail: str,
        detail_ko: str | None = None,
        *,
        field: str | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.detail_ko = detail_ko
        self.field = field
        self.status = self.default_status if status is None else status

    @property
    def told(self) -> dict[str, str]:
        """For a program: `code` and `message`, and where there are any `message_ko` and `field`."""
        told = {"code": self.code, "message": self.detail, "message_ko": self.detail_ko, "field": self.field}
        return {name: value for name, value in told.items() if value is not None}

    @property
    def sentence(self) -> str:
        """For people who may read either language: the code, and both sentences where there are two."""
        return f"{self.code}: {self.detail} ({self.detail_ko})" if self.detail_ko else f"{self.code}: {self.detail}"

    @property
    def both(self) -> str:
        """For people at a business, whose reason has a code beside it: the Korean sentence and the English one."""
        return f"{self.detail_ko} ({self.detail})" if self.detail_ko else self.detail


class WrongValue(ValueError):  # noqa: N818 - it names what is wrong
    """What a validator of ours says of something that people write by hand, in both languages.

    Args:
        detail, detail_ko: what is wrong with the value, and what to write.
        at: where in the value, when it is not all of it.
    """

    def __init__(self, detail: str, detail_ko: str, *, at: Sequence[str | int] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.detail_ko = detail_ko
        self.at = tuple(at)


PATTERNS: Mapping[str, tuple[str, str]] = {
    r"^[a-z][a-z0-9-]{1,39}$": (
        "2 to 40 of a-z, 0-9 and -, the first a letter",
        "영문 소문자로 시작하고 소문자, 숫자, -만 쓴 2~40자로",
    ),
    r"^[a-z][a-z0-9-]{0,39}$": (
        "1 to 40 of a-z, 0-9 and -, the first a letter",
        "영문 소문자로 시작하고 소문자, 숫자, -만 쓴 1~40자로",
    ),
    r"^[a-z0-9][a-z0-9._-]{0,99}$": (
        "1 to 100 of a-z, 0-9 and . _ -, the first a letter or digit",
        "소문자나 숫자로 시작하고 소문자, 숫자, . _ -만 쓴 1~100자로",
    ),
    r"^\d{6}$": ("six digits, such as 004001", "숫자 6자리로, 예: 004001 같이"),
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


class Misfit(NamedTuple):
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
    """All that a model's error says, in its order, in plain words and none of pydantic's."""
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
