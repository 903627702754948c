"""From a claimed message to the words of its channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from shared.contracts.text import for_carriers
from shared.platform.errors import WrongValue
from shared.providers import Button, OutboundMessage, Picture
from shared.templates.errors import ContentError
from shared.templates.limits import check_alimtalk, check_fits, text_channel
from shared.templates.parts.html import parse_html
from shared.templates.parts.kinds import (
    BUTTON_NAME,
    BrandContent,
    EmailContent,
    MmsContent,
    PushContent,
)
from shared.templates.parts.links import LONGEST_LINK, climbs, filled_link
from shared.templates.parts.texts import one_line, parse_text
from shared.templates.template import AlimTalkContent, ButtonContent, TemplateContent

LONGEST_HTML = 200_000
"""Characters of an e-mail's HTML, filled; more than that mail programs cut."""

_NO_PICTURES: Mapping[str, Picture] = {}


def render(
    content: TemplateContent,
    leg: str,
    variables: Mapping[str, str],
    *,
    message: UUID,
    attempt: int,
    to: str,
    pictures: Mapping[str, Picture] = _NO_PICTURES,
) -> OutboundMessage:
    """Write a message for one leg of its route.

    Args:
        content: the template version's words.
        leg: as a route names it; `sms` becomes SMS or LMS by its content.
        variables: values of the template's variables.
        message: our id.
        attempt: which attempt this is.
        to: whom it goes to, as of an `OutboundMessage`.
        pictures: by name; one that is not there is left out, as where the message is only shown.

    Raises:
        ContentError: the words don't fit this channel.
    """
    if leg == "alimtalk":
        if content.alimtalk is None:
            raise ContentError("no_words", "the template has no words for AlimTalk")
        return _alimtalk(content, content.alimtalk, variables, OutboundMessage(message, attempt, leg, to, ""))
    if not content.has_words(leg):
        raise ContentError("no_words", f"the template has no words for {leg}", f"{leg} 문구가 없는 템플릿입니다.")
    if leg != "sms":
        return _of_its_part(OutboundMessage(message, attempt, leg, to, ""), content, variables, pictures)
    words = content.sms or content.alimtalk
    assert words is not None, "there are words for it"  # noqa: S101
    text = for_carriers(parse_text(words.text).filled(variables))
    subject = for_carriers(_line(content.sms.subject, variables)) if content.sms and content.sms.subject else None
    return OutboundMessage(message, attempt, text_channel(text, subject), to, text, subject=subject)


def _alimtalk(
    content: TemplateContent, words: AlimTalkContent, variables: Mapping[str, str], blank: OutboundMessage
) -> OutboundMessage:
    """What is filled in the provider's copy, by its code, and the same filled here for those that compare."""
    text = parse_text(words.text).filled(variables)
    check_alimtalk(text, below=words.below)
    return replace(
        blank,
        text=text,
        subject=_filled(words.title, variables),
        template_code=words.code,
        variables={name: variables[name] for name in content.of_alimtalk if name in variables},
        buttons=tuple(_button(button, variables) for button in words.buttons),
    )


def _button(button: ButtonContent, variables: Mapping[str, str]) -> Button:
    links = (button.mobile, button.desktop, button.android, button.ios)
    mobile, desktop, android, ios = (_filled(link, variables) for link in links)
    return Button(button.name, mobile, desktop, button.kind, android, ios)


def _filled(text: str | None, variables: Mapping[str, str]) -> str | None:
    return None if text is None else parse_text(text).filled(variables)


def _of_its_part(
    blank: OutboundMessage,
    content: TemplateContent,
    variables: Mapping[str, str],
    pictures: Mapping[str, Picture],
) -> OutboundMessage:
    """A message on a channel that has words of its own, and becomes no other."""
    part = content.part(blank.channel)
    assert part is not None, "there are words for it"  # noqa: S101
    text, subject = parse_text(part.text).filled(variables), None
    match part:
        case MmsContent():
            text = for_carriers(text)
            subject = for_carriers(_line(part.subject, variables)) if part.subject else None
            written = replace(blank, picture=pictures.get(part.image))
        case BrandContent():
            buttons = [
                Button(
                    _button_name(button.name, variables),
                    _link(button.url, variables),
                    _link(button.desktop, variables) if button.desktop else None,
                )
                for button in part.buttons
            ]
            picture = pictures.get(part.image) if part.image else None
            written = replace(blank, buttons=buttons, picture=picture)
        case EmailContent():
            subject = _line(part.subject, variables)
            written = replace(
                blank,
                html=_html(part.html, variables) if part.html else None,
                unsubscribe=_link(part.unsubscribe, variables) if part.unsubscribe else None,
            )
        case PushContent():
            subject = _line(part.title, variables)
            written = replace(blank, link=_link(part.link, variables) if part.link else None)
        case _:
            written = replace(blank, link=_link(part.link, variables) if part.link else None)
    check_fits(blank.channel, text, subject)
    return replace(written, text=text, subject=subject)


def _line(text: str, variables: Mapping[str, str]) -> str:
    return one_line(parse_text(text).filled(variables))


def _button_name(name: str, variables: Mapping[str, str]) -> str:
    filled = _line(name, variables)
    if len(filled) > BUTTON_NAME:
        raise ContentError(
            "button_too_long",
            f"the button's name {filled[:40]!r} has {len(filled)} characters; {BUTTON_NAME} fit",
            f"버튼 이름이 {len(filled)}자입니다. {BUTTON_NAME}자까지 쓸 수 있습니다.",
        )
    return filled


def _link(link: str, variables: Mapping[str, str]) -> str:
    filled = filled_link(link, variables)
    if len(filled) > LONGEST_LINK:
        raise ContentError(
            "link_too_long",
            f"the link has {len(filled):,} characters; {LONGEST_LINK:,} fit",
            f"링크가 {len(filled):,}자입니다. {LONGEST_LINK:,}자까지 쓸 수 있습니다.",
        )
    if climbs(filled):
        raise ContentError(
            "bad_link",
            "a variable of the link is filled with . or .., which leads to another page",
            "링크의 변수 값이 . 또는 ..이어서 다른 페이지로 연결됩니다.",
        )
    return filled


def _html(html: str, variables: Mapping[str, str]) -> str:
    try:
        form = parse_html(html)
    except WrongValue as error:  # words that were loaded are looked at before
        raise ContentError("bad_html", error.detail, error.detail_ko) from error
    for link in form.links:
        _link(link, variables)
    filled = form.filled(variables)
    if len(filled) > LONGEST_HTML:
        raise ContentError(
            "content_too_long",
            f"the HTML has {len(filled):,} characters; {LONGEST_HTML:,} fit",
            f"HTML이 {len(filled):,}자입니다. {LONGEST_HTML:,}자까지 보낼 수 있습니다.",
        )
    return filled
