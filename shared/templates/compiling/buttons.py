"""Buttons, quick replies, and the kinds of message that need them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from shared.templates.compiling.findings import Finding, Place, found
from shared.templates.compiling.limits import (
    CALLS,
    CHANNEL_ADD,
    ITEMS,
    LONGEST_BUTTON_NAME,
    MOST_BUTTONS,
    MOST_REPLIES,
    REPLY_KINDS,
    WITH_CHANNEL_ADD,
    WITH_EXTRA,
)
from shared.templates.compiling.texts import form_of
from shared.templates.parts.texts import parse_text
from shared.templates.template import AlimTalkContent, ButtonContent

_WITHOUT_EXTRA = {"EX": "BA", "MI": "AD"}
_PAGES = ("mobile", "desktop")
_WEB = re.compile(r"https?://[^\s#]", re.IGNORECASE)
_APP = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_NEEDED_OF_AN_APP = 2
"""Kakao wants two of the page, the Android link and the iOS link, so that no phone is left out."""


def of_buttons(words: AlimTalkContent) -> Iterator[Finding]:
    """All that is wrong with the buttons, the quick replies, the type and what is emphasised."""
    yield from _of_many(words)
    for number, button in enumerate(words.buttons):
        at: Place = ("alimtalk", "buttons", number)
        yield from _of_one(at, button)
        yield from _of_kind(at, button, words)
    for number, reply in enumerate(words.quick_replies):
        at = ("alimtalk", "quick_replies", number)
        yield from _of_one(at, reply)
        if reply.kind not in REPLY_KINDS:
            yield found("reply.kind", (*at, "kind"), kind=reply.kind, kinds=", ".join(REPLY_KINDS))
    yield from _of_type(words)


def _of_many(words: AlimTalkContent) -> Iterator[Finding]:
    if (count := len(words.buttons)) > MOST_BUTTONS:
        yield found("button.count", ("alimtalk", "buttons"), count=count, most=MOST_BUTTONS)
    if (count := len(words.quick_replies)) > MOST_REPLIES:
        yield found("reply.count", ("alimtalk", "quick_replies"), count=count, most=MOST_REPLIES)
    names = Counter(button.name for button in words.buttons)
    for name in (name for name, times in names.items() if times > 1):
        yield found("button.name_repeated", ("alimtalk", "buttons"), name=name)


def _of_one(at: Place, button: ButtonContent) -> Iterator[Finding]:
    if parse_text(button.name).names:
        yield found("variable.in_name", (*at, "name"))
    elif (length := len(button.name)) > LONGEST_BUTTON_NAME:
        yield found("length.button", (*at, "name"), length=length, most=LONGEST_BUTTON_NAME)
    match button.kind:
        case "WL":
            yield from _of_pages(at, button)
        case "AL":
            if sum(link is not None for link in (button.mobile, button.android, button.ios)) < _NEEDED_OF_AN_APP:
                yield found("button.link_missing", at, kind=button.kind, needed="two of mobile, android, ios")
            yield from _of_links(at, button)
        case _ if button.links:
            yield found("button.link_unused", at, kind=button.kind)


def _of_pages(at: Place, button: ButtonContent) -> Iterator[Finding]:
    if button.mobile is None:
        yield found("button.link_missing", at, kind=button.kind, needed="mobile")
    yield from _of_links(at, button)


def _of_links(at: Place, button: ButtonContent) -> Iterator[Finding]:
    for part, link in button.links.items():
        yield from form_of((*at, part), link)
        if link.startswith("#{"):
            yield found("button.link_open", (*at, part), link=link)
        elif not (_WEB if part in _PAGES else _APP).match(link):
            rule = "button.link_open" if re.match(r"https?://#", link, re.IGNORECASE) else "button.link_form"
            yield found(rule, (*at, part), link=link)


def _of_kind(at: Place, button: ButtonContent, words: AlimTalkContent) -> Iterator[Finding]:
    match button.kind:
        case "AC":
            if button.name != CHANNEL_ADD:
                yield found("button.channel_add_name", (*at, "name"))
            if words.message_type not in WITH_CHANNEL_ADD:
                yield found("button.channel_add_type", at)
        case "TN" if button.name not in CALLS:
            yield found("button.call_name", (*at, "name"), names=", ".join(CALLS))
        case "DS" if "택배" not in words.text or not re.search(r"송장|운송장", words.text):
            yield found("button.parcel_words", at)


def _of_type(words: AlimTalkContent) -> Iterator[Finding]:
    kind, at = words.message_type, ("alimtalk", "message_type")
    if kind in WITH_EXTRA and not words.extra:
        yield found("type.extra_missing", at, kind=kind, without=_WITHOUT_EXTRA[kind])
    if kind not in WITH_EXTRA and words.extra:
        with_it = next(more for more, less in _WITHOUT_EXTRA.items() if less == kind)
        yield found("type.extra_unused", ("alimtalk", "extra"), kind=kind, with_it=with_it)
    if kind in WITH_CHANNEL_ADD and not any(button.kind == "AC" for button in words.buttons):
        yield found("type.channel_add_missing", at, kind=kind)
    if (words.title is None) != (words.subtitle is None):
        yield found("emphasis.half", ("alimtalk", "title" if words.title else "subtitle"))
    if words.title and (words.header or words.items):
        yield found("emphasis.two", ("alimtalk", "title"))
    if (words.items or words.header) and len(words.items) not in ITEMS:
        told = {"count": len(words.items), "least": ITEMS.start, "most": ITEMS.stop - 1}
        yield found("items.count", ("alimtalk", "items"), **told)
