"""The text message that goes where an AlimTalk does not arrive."""

from __future__ import annotations

from collections.abc import Iterator

from shared.contracts.channels import CHANNELS
from shared.contracts.text import for_carriers, unencodable
from shared.templates.compiling.findings import Finding, Place, found
from shared.templates.parts.texts import parse_text
from shared.templates.template import TemplateContent

_SMS, _LMS = CHANNELS["sms"], CHANNELS["lms"]


def of_fallback(content: TemplateContent) -> Iterator[Finding]:
    """What is wrong with it before its variables are filled. Without words of its own it has the AlimTalk's; without
    those, too, nothing is sent as a text."""
    words = content.sms or content.alimtalk
    if words is None:
        return
    at: Place = ("sms" if content.sms else "alimtalk", "text")
    fixed = for_carriers(parse_text(words.text).fixed)
    if characters := unencodable(fixed):
        yield found("fallback.characters", at, shown=" ".join(characters))
        return
    length = _bytes(fixed)
    if length > _LMS.longest:
        yield found("fallback.too_long", at, length=length, most=_LMS.longest)
    elif content.sms is None and length > _SMS.longest:
        yield found("fallback.lms", at, length=length, most=_SMS.longest)
    if content.sms and content.sms.subject:
        yield from _of_subject(content.sms.subject)


def _of_subject(subject: str) -> Iterator[Finding]:
    at, fixed = ("sms", "subject"), for_carriers(parse_text(subject).fixed)
    if characters := unencodable(fixed):
        yield found("fallback.characters", at, shown=" ".join(characters))
    elif (length := _bytes(fixed)) > (most := _LMS.longest_subject or 0):
        yield found("fallback.subject", at, length=length, most=most)


def _bytes(text: str) -> int:
    return len(text.encode("cp949"))
