"""The words of each channel beside AlimTalk and SMS, as templates hold them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from shared.platform.errors import WrongValue
from shared.templates.parts.texts import LongText, TemplateText, kakao_notation

_PICTURE = re.compile(r"[^/\\\x00.][^/\\\x00]*\.jpe?g", re.IGNORECASE)

LinkText = Annotated[str, BeforeValidator(kakao_notation), Field(min_length=1, max_length=1_000)]


class Slot(NamedTuple):
    """A text of a template, and how it is written: as lines, as one line, as a link, as HTML.

    place: where it stands, from the template down.
    """

    place: tuple[str | int, ...]
    text: str
    kind: Literal["text", "line", "link", "html"]


def _picture(name: str) -> str:
    if not _PICTURE.fullmatch(name):
        raise WrongValue(
            f"{name!r} is no picture beside the template; write the name of a JPEG file, such as sale.jpg",
            f"{name}: 템플릿 파일과 같은 폴더에 있는 JPEG 파일 이름을 쓰세요. 예: sale.jpg",
        )
    return name


PictureName = Annotated[str, Field(max_length=200), AfterValidator(_picture)]
"""Of a file beside the template; once it is kept, by its content."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def slots(self, leg: str) -> Iterator[Slot]:
        """Its texts."""
        for name, kind in _KINDS.items():
            if isinstance(text := getattr(self, name, None), str):
                yield Slot((leg, name), text, kind)


class MmsContent(_Part):
    """A text message with a picture."""

    text: TemplateText
    subject: TemplateText | None = None
    image: PictureName


class LinkButton(BaseModel):
    """A button that opens a page; `desktop` is the page there, where it is another."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[TemplateText, Field(max_length=100)]
    url: LinkText
    desktop: LinkText | None = None


class BrandContent(_Part):
    """A Brand Message in free form, which is advertising: Kakao marks it, and shows how to refuse it."""

    text: TemplateText
    image: PictureName | None = None
    buttons: Annotated[tuple[LinkButton, ...], Field(max_length=5)] = ()

    def slots(self, leg: str) -> Iterator[Slot]:
        """Its text, and those of its buttons."""
        yield from super().slots(leg)
        for place, button in enumerate(self.buttons):
            yield Slot((leg, "buttons", place, "name"), button.name, "line")
            yield Slot((leg, "buttons", place, "url"), button.url, "link")
            if button.desktop:
                yield Slot((leg, "buttons", place, "desktop"), button.desktop, "link")


class PushContent(_Part):
    """A notification of the tenant's app, or an entry in its inbox; `link` is what a tap opens."""

    title: TemplateText
    text: TemplateText
    link: LinkText | None = None


class EmailContent(_Part):
    """An e-mail. Who sees no HTML reads the text. `unsubscribe`: the page where one click ends e-mail of that kind (RFC
    8058): mail programs show a button for it."""

    subject: TemplateText
    text: LongText
    html: LongText | None = None
    unsubscribe: LinkText | None = None


class KakaoMeContent(_Part):
    """A KakaoTalk message to the account's owner."""

    text: TemplateText
    link: LinkText | None = None


_KINDS: dict[str, Literal["text", "line", "link", "html"]] = {
    "title": "line",
    "subject": "line",
    "text": "text",
    "html": "html",
    "link": "link",
    "unsubscribe": "link",
}
"""What may be written on any of them."""

BUTTON_NAME = 14
"""Characters of a button's name, filled; Kakao shows no more."""

Part = MmsContent | BrandContent | PushContent | EmailContent | KakaoMeContent
