"""Templates: the words for each channel, with variables that fields of the event and the customer fill."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from shared.contracts.alimtalk import Approval, ButtonKind, MessageType
from shared.contracts.channels import LEGS
from shared.contracts.text import clean, nearest
from shared.law.advertising import Words, is_advertising
from shared.platform.errors import WrongValue
from shared.platform.paths import look_up
from shared.templates.errors import BadVariable, MissingVariable
from shared.templates.formats import FORMATS, as_it_is
from shared.templates.parts.kinds import (
    BrandContent,
    EmailContent,
    KakaoMeContent,
    MmsContent,
    Part,
    PushContent,
    Slot,
)
from shared.templates.parts.texts import VARIABLE, TemplateText, kakao_notation

MAX_VARIABLES = 40
"""Kakao's limit for AlimTalk."""

_MOST_PARTS = 20
"""Buttons, quick replies or items that are read; Kakao takes fewer, which the compiler says."""


def _bare_names(variables: Any) -> Any:
    """`{"#{이름}": …}` is taken for `{이름: …}`."""
    if not isinstance(variables, dict):
        return variables
    named: dict[Any, Any] = {}
    for written, expression in variables.items():
        name = _bare_name(written) if isinstance(written, str) else written
        if name in named:
            raise WrongValue(f"maps {name} twice", f"{name} 변수가 두 번 나옵니다.", at=(written,))
        named[name] = clean(expression).strip() if isinstance(expression, str) else expression
    return named


def _bare_name(written: str) -> str:
    text = kakao_notation(written).strip()
    whole = VARIABLE.fullmatch(text)
    return whole[1] if whole else text


TemplateCode = Annotated[str, Field(min_length=1, max_length=100)]
AccountId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]


class ButtonContent(BaseModel):
    """A button of an AlimTalk, or a quick reply: what it says, does, and opens. Links may hold variables."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, BeforeValidator(kakao_notation), Field(min_length=1, max_length=100)]
    kind: ButtonKind = "WL"
    mobile: TemplateText | None = None
    desktop: TemplateText | None = None
    android: TemplateText | None = None
    ios: TemplateText | None = None

    @property
    def links(self) -> dict[str, str]:
        """By what they are for, those that there are."""
        links = {"mobile": self.mobile, "desktop": self.desktop, "android": self.android, "ios": self.ios}
        return {name: link for name, link in links.items() if link}


class ItemContent(BaseModel):
    """A line of a list above the text: what it is, and its value."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Annotated[str, BeforeValidator(kakao_notation), Field(min_length=1, max_length=100)]
    description: TemplateText


class AlimTalkContent(BaseModel):
    """An AlimTalk as Kakao approved it, or is asked to.

    code: the provider's template id, once it is registered there.
    codes: by account, what it is called where that is something else.
    message_type, extra: what stands below the text: `EX` and `MI` have `extra`, `AD` and `MI` the button that adds the
        channel.
    title, subtitle: what is emphasised above the text.
    header, items: in its place a line above all, and a list.
    category_code: Kakao's six digits, for its inspectors.
    security: the text is shown on the customer's main device alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: TemplateCode | None = None
    codes: Annotated[dict[AccountId, TemplateCode], Field(max_length=20)] = Field(default_factory=dict)
    text: TemplateText
    message_type: MessageType = "BA"
    buttons: Annotated[tuple[ButtonContent, ...], Field(max_length=_MOST_PARTS)] = ()
    quick_replies: Annotated[tuple[ButtonContent, ...], Field(max_length=_MOST_PARTS)] = ()
    title: TemplateText | None = None
    subtitle: TemplateText | None = None
    header: TemplateText | None = None
    items: Annotated[tuple[ItemContent, ...], Field(max_length=_MOST_PARTS)] = ()
    extra: TemplateText | None = None
    category_code: Annotated[str, Field(pattern=r"^\d{6}$")] | None = None
    security: bool = False

    def code_at(self, account: str) -> str | None:
        """What it is called at the provider of an account."""
        return self.codes.get(account, self.code)

    @property
    def below(self) -> int:
        """Characters below the text that Kakao counts with it."""
        return len(self.extra or "")

    @property
    def placed(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Every text in which Kakao fills variables, and where it stands: the links of its buttons, too."""
        for part in ("text", "title", "header"):
            if text := getattr(self, part):
                yield (part,), text
        for number, item in enumerate(self.items):
            yield ("items", number, "description"), item.description
        for part in ("buttons", "quick_replies"):
            for number, button in enumerate(getattr(self, part)):
                for name, link in button.links.items():
                    yield (part, number, name), link

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.placed]


class SmsContent(BaseModel):
    """A text message. A subject makes it an LMS, and so does a text over 90 bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: TemplateText
    subject: TemplateText | None = None


class TemplateContent(BaseModel):
    """One thing to say, in the words of each channel.

    `variables` maps a name to the field that fills it, with an optional format: `{시간: data.starts_at | time}`.
    A name that is not mapped is filled by the field `data.<name>`. Without `sms`, the AlimTalk's words serve there too;
    any other channel has words of its own, or is left out. An AlimTalk that says nothing of its buttons may have some
    at the provider: any mapped name may stand in one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    category: str = "notice"
    variables: Annotated[dict[str, str], BeforeValidator(_bare_names), Field(max_length=MAX_VARIABLES)] = Field(
        default_factory=dict
    )
    alimtalk: AlimTalkContent | None = None
    sms: SmsContent | None = None
    mms: MmsContent | None = None
    brand: BrandContent | None = None
    push: PushContent | None = None
    inapp: PushContent | None = None
    email: EmailContent | None = None
    kakao_me: KakaoMeContent | None = None

    @model_validator(mode="after")
    def _check(self) -> TemplateContent:
        if not any(self.has_words(leg) for leg in LEGS):
            raise ValueError("a template needs the words of at least one channel")
        if len(self.names) > MAX_VARIABLES:
            raise ValueError(f"a template has at most {MAX_VARIABLES} variables")
        for name, expression in self.variables.items():
            _, _, format_name = expression.partition("|")
            if format_name and (format_name := format_name.strip()) not in FORMATS:
                known, meant = ", ".join(FORMATS), nearest(format_name, FORMATS)
                raise WrongValue(
                    f"unknown format {format_name!r}; " + (f"did you mean {meant}?" if meant else f"known are {known}"),
                    f"{format_name} 형식은 없습니다. 쓸 수 있는 형식: {known}",
                    at=("variables", name),
                )
        return self

    def has_words(self, leg: str) -> bool:
        """Whether it says anything on a leg of a route."""
        return bool(self.alimtalk or self.sms) if leg == "sms" else getattr(self, leg, None) is not None

    def part(self, leg: str) -> Part | None:
        """The words of a leg that is neither AlimTalk nor SMS."""
        part: Part | None = getattr(self, leg, None)
        return part

    def slots(self) -> Iterator[Slot]:
        """Each text, where it stands and how it is written."""
        if self.alimtalk:
            yield from (Slot(("alimtalk", *at), text, "text") for at, text in self.alimtalk.placed)
        if self.sms:
            yield Slot(("sms", "text"), self.sms.text, "text")
            if self.sms.subject:
                yield Slot(("sms", "subject"), self.sms.subject, "line")
        for leg in OF_PARTS:
            if part := self.part(leg):
                yield from part.slots(leg)

    @property
    def texts(self) -> list[str]:
        return [slot.text for slot in self.slots()]

    @property
    def pictures(self) -> dict[str, str]:
        """The names of its pictures, by leg."""
        found = {"mms": self.mms and self.mms.image, "brand": self.brand and self.brand.image}
        return {leg: name for leg, name in found.items() if name}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every variable of any channel, once each."""
        used = (name for text in self.texts for name in VARIABLE.findall(text))
        return tuple(dict.fromkeys([*used, *self.of_alimtalk]))

    @cached_property
    def of_alimtalk(self) -> tuple[str, ...]:
        """The variables that AlimTalk is given: those of its texts and links, and where the file says nothing of its
        buttons every one that is mapped."""
        if self.alimtalk is None:
            return ()
        used = (name for text in self.alimtalk.texts for name in VARIABLE.findall(text))
        return tuple(dict.fromkeys([*used, *(() if self.alimtalk.buttons else self.variables)]))

    @cached_property
    def fields(self) -> tuple[VariableField, ...]:
        """How each variable is filled. Worked out once, for it is asked for every message."""
        fields = []
        for name in self.names:
            path, _, format_name = self.variables.get(name, f"data.{name}").partition("|")
            fields.append(VariableField(name, path.strip(), FORMATS[format_name.strip()] if format_name else as_it_is))
        return tuple(fields)

    def words(self, legs: Collection[str]) -> list[Words]:
        """What it says on some legs of a route."""
        words = [Words(self.alimtalk.text)] if self.alimtalk and "alimtalk" in legs else []
        if "sms" in legs and (text := self.sms or self.alimtalk):
            words.append(Words(text.text, self.sms.subject if self.sms else None))
        for leg in OF_PARTS:
            if leg in legs and (part := self.part(leg)):
                said = {slot.place[-1]: slot.text for slot in part.slots(leg)}
                words.append(Words(said["text"], said.get("subject") or said.get("title"), leg, said.get("html", "")))
        return words

    @cached_property
    def is_advertising(self) -> bool:
        """Whether it is advertising, by its category or by what it says on any channel. A Brand Message is."""
        return self.brand is not None or is_advertising(self.category, self.words(tuple(LEGS)))


OF_PARTS = tuple(leg for leg in LEGS if leg not in ("alimtalk", "sms"))
"""The legs whose words stand alone."""


def with_code(content: TemplateContent, code: str) -> TemplateContent:
    """The same words under the code that a provider gave their AlimTalk."""
    assert content.alimtalk is not None, "only an AlimTalk has a code"  # noqa: S101
    return content.model_copy(update={"alimtalk": content.alimtalk.model_copy(update={"code": code})})


class VariableField(NamedTuple):
    """A variable's name, the path to the field that fills it, and how that is written."""

    name: str
    path: str
    write: Callable[[Any], str]


def fill(content: TemplateContent, scope: Mapping[str, Any]) -> dict[str, str]:
    """The values of a template's variables, ready to be written.

    Args:
        content: the template.
        scope: `{"customer": {...}, "data": {...}, "event": {...}}`.

    Raises:
        MissingVariable: names each variable that no field fills.
        BadVariable: names each whose field does not suit its format.
    """
    values: dict[str, str] = {}
    missing: list[str] = []
    wrong: dict[tuple[str, str], WrongValue] = {}
    for variable in content.fields:
        value = look_up(scope, variable.path)
        if isinstance(value, str):
            value = clean(value)
        if value is None or (isinstance(value, str) and not value.strip()):  # blank, or what nobody sees
            missing.append(variable.name)
            continue
        try:
            values[variable.name] = variable.write(value)
        except WrongValue as error:
            wrong[variable.name, variable.path] = error
    if wrong:
        raise BadVariable(wrong)
    if missing:
        raise MissingVariable(missing, values)
    return values


class TemplateVersion(NamedTuple):
    """A template's immutable words, and what Kakao thinks of them."""

    name: str
    version: int
    content: TemplateContent
    approval: Approval
