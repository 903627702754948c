"""Variables, lengths and characters of an AlimTalk's texts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping

from shared.templates.compiling.findings import Finding, Place, found
from shared.templates.compiling.limits import (
    CHANNEL_ADD_WORDS,
    LONGEST,
    LONGEST_ITEM,
    LONGEST_ITEM_TITLE,
    LONGEST_TEXT,
    LONGEST_WITH_ITEMS,
    MOST_GROWTH,
    WITH_CHANNEL_ADD,
)
from shared.templates.parts.texts import parse_text
from shared.templates.template import AlimTalkContent

_UNFINISHED = re.compile(r"#\{[^{}]{0,20}\}?|\$\{[^{}]{0,20}\}")
_NESTED = re.compile(r"#\{[^{}]*#\{[^{}]*\}[^{}]{0,20}\}?")
_ADJACENT = re.compile(r"#\{([^{}]+)\}#\{([^{}]+)\}")
_VAGUE = re.compile(
    r"(?:변수|내용|값|텍스트|메시지|문구|본문|var|text|value|content|message|[a-z])?[_ ]?\d*", re.IGNORECASE
)
_ANY_VARIABLE = re.compile(r"#\{[^}]*\}")
_LINK = re.compile(r"(?:https?://|www\.)[^\s가-힣]+", re.IGNORECASE)
_SECRET = re.compile(
    r"인증\s?번호|인증\s?코드|비밀번호(?!\s*(?:변경|재설정)?\s*(?:이|가|은|는)?\s*(?:완료|변경되))|\bOTP\b"
)


def of_texts(words: AlimTalkContent) -> Iterator[Finding]:
    """All that is wrong with the texts, each by itself, and with how much they are together."""
    yield from _of_variables(words)
    yield from _of_lengths(words)
    yield from _of_characters(words)
    if (link := _LINK.search(_ANY_VARIABLE.sub("", words.text))) and not _is_spoken(words, link[0]):
        yield found("text.bare_link", ("alimtalk", "text"), link=link[0])
    if _SECRET.search(words.text) and not words.security:
        yield found("security.advised", ("alimtalk", "text"))


def _is_spoken(words: AlimTalkContent, link: str) -> bool:
    """Whether a button opens it already, so that the text only says its name."""
    return any(link in (button.mobile, button.desktop) for button in words.buttons)


def placed(words: AlimTalkContent) -> Iterator[tuple[Place, str]]:
    """The texts that Kakao fills and a customer reads, and where each stands."""
    return ((("alimtalk", *at), text) for at, text in words.placed if at[0] not in ("buttons", "quick_replies"))


def _of_variables(words: AlimTalkContent) -> Iterator[Finding]:
    for at, text in placed(words):
        yield from form_of(at, text)
        for first, second in _ADJACENT.findall(text):
            yield found("variable.adjacent", at, first=first, second=second)
    for part in ("subtitle", "extra"):
        if parse_text(getattr(words, part) or "").names:
            yield found("variable.in_fixed", ("alimtalk", part), part=part)
    if words.text and not parse_text(words.text).fixed.strip():
        yield found("variable.alone", ("alimtalk", "text"))
    for name in dict.fromkeys(parse_text(words.text).names):
        if _VAGUE.fullmatch(name):
            yield found("variable.vague", ("alimtalk", "text"), name=name)


def form_of(at: Place, text: str) -> Iterator[Finding]:
    """What looks like a variable and is none."""
    if nested := _NESTED.search(text):
        yield found("variable.nested", at, written=nested[0])
    elif slip := _UNFINISHED.search(parse_text(text).fixed):
        yield found("variable.form", at, written=slip[0])


def holds(words: AlimTalkContent) -> int:
    """How many characters the text may have when it is filled, with its extra words."""
    most = LONGEST_WITH_ITEMS if words.items or words.header else LONGEST_TEXT
    return most - (CHANNEL_ADD_WORDS if words.message_type in WITH_CHANNEL_ADD else 0)


def _of_lengths(words: AlimTalkContent) -> Iterator[Finding]:
    at, text, most = ("alimtalk", "text"), parse_text(words.text), holds(words)
    if (length := len(text.fixed) + words.below) > most:
        yield found("length.text", at, length=length, most=most)
    elif (length := len(words.text) + words.below + MOST_GROWTH * len(text.names)) > most:
        yield found("length.filled", at, length=length, most=most)
    for part, longest in LONGEST.items():
        rule = "length.title" if part == "subtitle" else f"length.{part}"
        yield from _of_length(("alimtalk", part), getattr(words, part) or "", rule, longest)
    for number, item in enumerate(words.items):
        place = ("alimtalk", "items", number)
        yield from _of_length((*place, "title"), item.title, "length.item", LONGEST_ITEM_TITLE)
        yield from _of_length((*place, "description"), item.description, "length.item", LONGEST_ITEM)


def _of_length(at: Place, text: str, rule: str, most: int) -> Iterator[Finding]:
    if (length := len(parse_text(text).fixed)) > most:
        yield found(rule, at, length=length, most=most)


def of_values(words: AlimTalkContent, values: Mapping[str, str]) -> Iterator[Finding]:
    """What is wrong once the variables are filled.

    Args:
        words: the AlimTalk.
        values: what fills its variables, by name; one that is not given stays as it is written.
    """
    at, text, most = ("alimtalk", "text"), parse_text(words.text), holds(words)
    written = {name: f"#{{{name}}}" for name in text.names}
    filled = written | {name: value for name, value in values.items() if name in written}
    if len(text.fixed) + words.below <= most < (length := len(text.filled(filled)) + words.below):
        yield found("length.text", at, length=length, most=most)
    for name, form in written.items():
        length = len(filled[name])
        if (more := length - len(form)) > MOST_GROWTH:
            yield found("variable.growth", at, name=name, length=length, more=more, most=MOST_GROWTH)


def _of_characters(words: AlimTalkContent) -> Iterator[Finding]:
    for at, text in placed(words):
        if unseen := _shown(text, _is_unseen):
            yield found("text.characters", at, shown=unseen)
    for at, text in _narrow(words):
        if pictures := _shown(text, _is_picture):
            yield found("text.emoji", at, shown=pictures)


def _narrow(words: AlimTalkContent) -> Iterator[tuple[Place, str]]:
    """Where only words are taken."""
    for part in ("title", "subtitle", "header"):
        yield ("alimtalk", part), getattr(words, part) or ""
    for part in ("buttons", "quick_replies"):
        for number, button in enumerate(getattr(words, part)):
            yield ("alimtalk", part, number, "name"), button.name


def _shown(text: str, is_wrong: Callable[[str], bool]) -> str:
    return " ".join(dict.fromkeys(f"{each} (U+{ord(each):04X})" for each in text if is_wrong(each)))


def _is_unseen(character: str) -> bool:
    """Private use, unassigned, or what stands for a character that was lost."""
    return unicodedata.category(character) in ("Co", "Cn") or character == "\ufffd"


def _is_picture(character: str) -> bool:
    return unicodedata.category(character) == "So" and ord(character) >= 0x1F000
