"""How a template differs from what the provider has: an AlimTalk that is not as it was approved is refused."""

from __future__ import annotations

from collections.abc import Iterator

from shared.providers.base import Button
from shared.providers.templated.base import TemplateWords
from shared.templates.compiling.findings import Finding, found
from shared.templates.parts.texts import parse_text
from shared.templates.template import AlimTalkContent, ButtonContent, TemplateContent

_AROUND = 12
"""Characters that are shown of two texts from where they part."""

_PARTS = ("title", "subtitle", "header", "extra", "message_type", "security", "items")


def words_of(name: str, content: TemplateContent) -> TemplateWords | None:
    """What of a template is inspected; None where it has no AlimTalk."""
    given = content.alimtalk
    if given is None:
        return None
    return TemplateWords(
        name=name,
        text=given.text,
        message_type=given.message_type,
        buttons=tuple(map(_button, given.buttons)),
        quick_replies=tuple(map(_button, given.quick_replies)),
        title=given.title,
        subtitle=given.subtitle,
        header=given.header,
        items=tuple((item.title, item.description) for item in given.items),
        extra=given.extra,
        category=given.category_code,
        security=given.security,
    )


def content_of(words: TemplateWords, code: str) -> AlimTalkContent:
    """The same the other way: a template as a file would say it, without what it need not say."""
    written = {
        "code": code,
        "text": words.text,
        "message_type": words.message_type if words.message_type != "BA" else None,
        "buttons": [_written(button) for button in words.buttons],
        "quick_replies": [_written(button) for button in words.quick_replies],
        "title": words.title,
        "subtitle": words.subtitle,
        "header": words.header,
        "items": [{"title": title, "description": description} for title, description in words.items],
        "extra": words.extra,
        "category_code": words.category,
        "security": words.security,
    }
    return AlimTalkContent.model_validate({name: value for name, value in written.items() if value})


def _button(given: ButtonContent) -> Button:
    return Button(given.name, given.mobile, given.desktop, given.kind, given.android, given.ios)


def _written(button: Button) -> dict[str, str]:
    return {name: value for name, value in button._asdict().items() if value and (name, value) != ("kind", "WL")}


def differences(ours: TemplateWords, theirs: TemplateWords, *, says_buttons: bool = True) -> Iterator[Finding]:
    """How ours differs from what the provider has. Its name and its category are no part of what is compared.

    Args:
        ours, theirs: the same template, here and there.
        says_buttons: whether ours says what its buttons are. A file that does not is about the texts alone.
    """
    if ours.text != theirs.text:
        yield from _of_texts(ours.text, theirs.text)
    for part in _PARTS:
        here, there = getattr(ours, part), getattr(theirs, part)
        if here != there:
            yield found("drift.part", ("alimtalk", part), part=part, ours=here or "-", theirs=there or "-")
    if says_buttons and (ours.buttons, ours.quick_replies) != (theirs.buttons, theirs.quick_replies):
        there = ", ".join(f"{button.kind} {button.name}" for button in (*theirs.buttons, *theirs.quick_replies))
        yield found("drift.buttons", ("alimtalk", "buttons"), theirs=there or "-")


def _of_texts(ours: str, theirs: str) -> Iterator[Finding]:
    at = ("alimtalk", "text")
    here, there = set(parse_text(ours).names), set(parse_text(theirs).names)
    if here != there:
        told = {"ours": _listed(here - there), "theirs": _listed(there - here)}
        yield found("drift.variables", at, **told)
    parting = next(
        (i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs))
    )
    yield found("drift.text", at, ours=_piece(ours, parting) or "-", theirs=_piece(theirs, parting) or "-")


def _piece(text: str, start: int) -> str:
    return text[start : start + _AROUND].replace("\n", "⏎")


def _listed(names: set[str]) -> str:
    return ", ".join(f"#{{{name}}}" for name in sorted(names)) or "-"
