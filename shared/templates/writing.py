"""A template as somebody writes it: whatever would fail each message is refused when it is loaded, with what was meant.

What is stored was loaded once, by this release or an older one, and is read as `TemplateContent` without these checks:
a rule that came later must not make it unreadable.
"""

from __future__ import annotations

import re

from pydantic import model_validator

from shared.contracts.text import for_carriers, nearest
from shared.platform.errors import WrongValue
from shared.templates.errors import ContentError
from shared.templates.limits import check_alimtalk, check_fits, text_channel
from shared.templates.parts.html import parse_html
from shared.templates.parts.kinds import BUTTON_NAME, Slot
from shared.templates.parts.links import check_link
from shared.templates.parts.texts import parse_text
from shared.templates.paths import OF_TEMPLATES, check_path
from shared.templates.template import TemplateContent

_UNFINISHED = re.compile(r"#\{[^}]{0,20}")

_A_SLIP = 0.75
"""How much alike a name that is mapped and one that is used must be to be taken for one."""

_TO_APPS = ("push", "inapp")
"""Whose links may open the tenant's own app."""


class WrittenTemplate(TemplateContent):
    """The words of a template that is to be saved."""

    @model_validator(mode="after")
    def _would_fail(self) -> WrittenTemplate:
        for name in self.variables:
            path, _, _ = self.variables[name].partition("|")
            check_path(path.strip(), OF_TEMPLATES, at=("variables", name))
        for slot in self.slots():
            self._check_slot(slot)
        self._check_names()
        return self

    def _check_slot(self, slot: Slot) -> None:
        fixed = parse_text(slot.text).fixed
        if unfinished := _UNFINISHED.search(fixed):
            raise WrongValue(
                f"{unfinished[0]!r} is no variable; write for example #{{이름}}",
                f"{unfinished[0]}은(는) 변수가 아닙니다. #{{이름}}처럼 쓰세요.",
                at=slot.place,
            )
        try:
            _check(slot, fixed, below=self.alimtalk.below if self.alimtalk else 0)
        except ContentError as error:
            raise WrongValue(error.detail, error.detail_ko or error.detail, at=slot.place) from error
        except WrongValue as error:
            raise WrongValue(error.detail, error.detail_ko, at=slot.place) from error

    def _check_names(self) -> None:
        """A name that is mapped and used nowhere is a slip, unless it may stand in a button that no file says."""
        used = {name for text in self.texts for name in parse_text(text).names}
        unmapped = used - self.variables.keys()
        for name in self.variables.keys() - used:
            meant = nearest(name, unmapped, cutoff=_A_SLIP)
            if meant is None and name in self.of_alimtalk:
                continue
            raise WrongValue(
                f"no text has #{{{name}}}" + (f"; did you mean #{{{meant}}}?" if meant else ""),
                f"#{{{name}}} 변수가 어느 본문에도 없습니다." + (f" #{{{meant}}}인가요?" if meant else ""),
                at=("variables", name),
            )


def _check(slot: Slot, fixed: str, *, below: int) -> None:
    """Raises ContentError or WrongValue where nothing that fills it could make the text fit its channel. `below`: what
    stands below an AlimTalk's text, in characters."""
    match slot.place[0], slot.kind:
        case "alimtalk", _:
            if slot.place == ("alimtalk", "text"):
                check_alimtalk(fixed, below=below)
        case "sms", "text":
            text_channel(for_carriers(fixed), None)
        case "sms", _:
            text_channel("", for_carriers(fixed))
        case leg, "link":
            check_link(slot.text, of_apps=leg in _TO_APPS)
        case _, "html":
            parse_html(slot.text)
        case "brand", "line":
            if len(fixed) > BUTTON_NAME:
                raise WrongValue(
                    f"the button's name has {len(fixed)} characters; {BUTTON_NAME} fit",
                    f"버튼 이름이 {len(fixed)}자입니다. {BUTTON_NAME}자까지 쓸 수 있습니다.",
                )
        case leg, kind:
            text = for_carriers(fixed) if leg == "mms" else fixed
            check_fits(str(leg), *(("", text) if kind == "line" else (text,)))
