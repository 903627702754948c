"""From a claimed message to the words of its channel."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from shared.contracts.text import for_carriers
from shared.providers import OutboundMessage
from shared.templates.errors import ContentError
from shared.templates.limits import check_alimtalk, text_channel
from shared.templates.template import TemplateContent, parse_text


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
        text = parse_text(content.alimtalk.text).filled(variables)
        check_alimtalk(text)
        used = {name: variables[name] for name in content.of_alimtalk if name in variables}
        return OutboundMessage(message, attempt, leg, to, text, template_code=content.alimtalk.code, variables=used)
    if leg != "sms":
        raise ContentError("no_words", f"the template has no words for {leg}", f"{leg} 문구가 없는 템플릿입니다.")
    words = content.sms or content.alimtalk
    assert words is not None, "a template has the words of at least one channel"  # noqa: S101
    text = for_carriers(parse_text(words.text).filled(variables))
    subject = None
    if content.sms and content.sms.subject:  # one line, whatever fills it
        subject = for_carriers(parse_text(content.sms.subject).filled(variables)).replace("\n", " ")
    return OutboundMessage(message, attempt, text_channel(text, subject), to, text, subject=subject)
