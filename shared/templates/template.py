"""Templates: the words for each channel, with variables that fields of the event and the customer fill."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from shared.platform.clock import SEOUL
from shared.platform.paths import look_up
from shared.templates.errors import MessageError, MissingVariable

_MUSTACHE = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
_VARIABLE = re.compile(r"#\{([^{}]+)\}")
MAX_VARIABLES = 40
"""Kakao's limit for AlimTalk."""
SHOWN_OF_AN_ERROR = 200
"""Characters: Python's own errors quote the value, which may be as long as an event."""


def kakao_notation(text: str) -> str:
    """`{{이름}}` is taken on input; `#{이름}`, Kakao's notation, is kept."""
    return _MUSTACHE.sub(r"#{\1}", text)


TemplateText = Annotated[str, BeforeValidator(kakao_notation), Field(min_length=1, max_length=4_000)]


class AlimTalkContent(BaseModel):
    """An AlimTalk as Kakao approved it. `code` is the provider's template id."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: Annotated[str, Field(min_length=1, max_length=100)]
    text: TemplateText


class SmsContent(BaseModel):
    """A text message. A subject makes it an LMS, and so does a text over 90 bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: TemplateText
    subject: TemplateText | None = None


class TemplateContent(BaseModel):
    """One thing to say, in the words of each channel.

    `variables` maps a name to the field that fills it, with an optional format: `{시간: data.starts_at | time}`.
    A name that is not mapped is filled by the field `data.<name>`. Without `sms`, the AlimTalk's words serve there too.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    category: str = "notice"
    variables: Annotated[dict[str, str], Field(max_length=MAX_VARIABLES)] = Field(default_factory=dict)
    alimtalk: AlimTalkContent | None = None
    sms: SmsContent | None = None

    @model_validator(mode="after")
    def _check(self) -> TemplateContent:
        if self.alimtalk is None and self.sms is None:
            raise ValueError("a template needs the words of at least one channel")
        if len(self.names) > MAX_VARIABLES:
            raise ValueError(f"a template has at most {MAX_VARIABLES} variables")
        for expression in self.variables.values():
            _, _, format_name = expression.partition("|")
            if format_name and format_name.strip() not in FORMATS:
                raise ValueError(f"unknown format {format_name.strip()!r}; known are {', '.join(FORMATS)}")
        return self

    @property
    def texts(self) -> list[str]:
        channels = [self.alimtalk.text if self.alimtalk else None]
        channels += [self.sms.text, self.sms.subject] if self.sms else []
        return [text for text in channels if text]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every variable that some channel's words use, once each."""
        return tuple(dict.fromkeys(name for text in self.texts for name in _VARIABLE.findall(text)))

    @cached_property
    def fields(self) -> tuple[VariableField, ...]:
        """How each variable is filled. Worked out once, for it is asked for every message."""
        fields = []
        for name in self.names:
            path, _, format_name = self.variables.get(name, f"data.{name}").partition("|")
            fields.append(VariableField(name, path.strip(), FORMATS[format_name.strip()] if format_name else str))
        return tuple(fields)


@dataclass(frozen=True, slots=True)
class VariableField:
    """A variable's name, the path to the field that fills it, and how that is written."""

    name: str
    path: str
    write: Callable[[Any], str]


def _moment(value: Any) -> dt.datetime:
    moment = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        raise ValueError(f"{value} has no time zone")
    return moment.astimezone(SEOUL)


FORMATS: dict[str, Callable[[Any], str]] = {
    "date": lambda value: f"{_moment(value).month}월 {_moment(value).day}일",
    "time": lambda value: f"{_moment(value):%H:%M}",
    "number": lambda value: f"{int(value):,}",
}
"""How a field is written: `date` → 11월 21일, `time` → 17:30 (Seoul), `number` → 12,900."""


def fill(content: TemplateContent, scope: Mapping[str, Any]) -> dict[str, str]:
    """The values of a template's variables, ready to be written.

    Args:
        content: the template.
        scope: `{"customer": {...}, "data": {...}, "event": {...}}`.

    Raises:
        MissingVariable: names each variable that no field fills.
        MessageError: `bad_variable` when a field does not suit its format.
    """
    values: dict[str, str] = {}
    missing: list[str] = []
    for variable in content.fields:
        value = look_up(scope, variable.path)
        if value is None or value == "" or isinstance(value, (dict, list)):
            missing.append(variable.name)
            continue
        try:
            values[variable.name] = variable.write(value)
        except (ValueError, TypeError, OverflowError) as error:
            why = str(error)[:SHOWN_OF_AN_ERROR]
            raise MessageError("bad_variable", f"#{{{variable.name}}} from {variable.path}: {why}") from error
    if missing:
        raise MissingVariable(missing, values)
    return values


@dataclass(frozen=True, slots=True)
class Text:
    """A template's text, made once into a form that fills quickly.

    names: its variables, in order, as often as they occur.
    form: the text with `%s` for each variable.
    """

    names: tuple[str, ...]
    form: str

    def filled(self, values: Mapping[str, str]) -> str:
        return self.form % tuple([values[name] for name in self.names])


@lru_cache(maxsize=2_048)
def parse_text(text: str) -> Text:
    pieces = _VARIABLE.split(text)
    return Text(tuple(pieces[1::2]), "%s".join(piece.replace("%", "%%") for piece in pieces[::2]))


Approval = Literal["draft", "submitted", "approved", "rejected", "retired"]


@dataclass(frozen=True, slots=True)
class TemplateVersion:
    """A template's immutable words, and what Kakao thinks of them."""

    name: str
    version: int
    content: TemplateContent
    approval: Approval
