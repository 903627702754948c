"""From a claimed message to the words of its channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from shared.contracts.text import for_carriers
from shared.providers.base import Button, OutboundMessage
from shared.templates.errors import ContentError
from shared.templates.limits import check_alimtalk, text_channel
from shared.templates.template import AlimTalkContent, ButtonContent, TemplateContent, parse_text


def render(
    content: TemplateContent, leg: str, variables: Mapping[str, str], *, message: UUID, attempt: int, to: str
) -> OutboundMessage:
    """Write a message for one leg of its route.

    Args:
        content: the template version's words.
        leg: `alimtalk` or `sms`; the latter becomes SMS or LMS by its content.
        variables: values of the template's variables.
        message: our id.
        attempt: which attempt this is.
        to: digits of the recipient.

    Raises:
        ContentError: the words don't fit this channel.
    """
    if leg == "alimtalk":
        if content.alimtalk is None:
            raise ContentError("no_words", "the template has no words for AlimTalk")
        return _alimtalk(content, content.alimtalk, variables, OutboundMessage(message, attempt, leg, to, ""))
    if leg != "sms":
        raise ContentError("no_words", f"the template has no words for {leg}", f"{leg} 문구가 없는 템플릿입니다.")
    words = content.sms or content.alimtalk
    assert words is not None, "a template has the words of at least one channel"  # noqa: S101
    text = for_carriers(parse_text(words.text).filled(variables))
    subject = None
    if content.sms and content.sms.subject:  # one line, whatever fills it
        subject = for_carriers(parse_text(content.sms.subject).filled(variables)).replace("\n", " ")
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
