"""A template as somebody writes it: whatever would fail each message is refused when it is loaded, with what was meant.

What is stored was loaded once, by this release or an older one, and is read as `TemplateContent` without these checks:
a rule that came later must not make it unreadable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import model_validator

from shared.contracts.text import for_carriers, nearest
from shared.platform.errors import WrongValue
from shared.templates.errors import ContentError
from shared.templates.limits import check_alimtalk, text_channel
from shared.templates.paths import OF_TEMPLATES, check_path
from shared.templates.template import TemplateContent, parse_text

_UNFINISHED = re.compile(r"#\{[^}]{0,20}")

_A_SLIP = 0.75
"""How much alike a name that is mapped and one that is used must be to be taken for one."""

Place = tuple[str | int, ...]


class WrittenTemplate(TemplateContent):
    """The words of a template that is to be saved."""

    @model_validator(mode="after")
    def _would_fail(self) -> WrittenTemplate:
        for name in self.variables:
            path, _, _ = self.variables[name].partition("|")
            check_path(path.strip(), OF_TEMPLATES, at=("variables", name))
        for place, text in self._placed():
            self._check_text(place, text)
        self._check_names()
        return self

    def _placed(self) -> Iterator[tuple[Place, str]]:
        """Each text and where it stands."""
        if self.alimtalk:
            yield from ((("alimtalk", *at), text) for at, text in self.alimtalk.placed)
        if self.sms:
            yield ("sms", "text"), self.sms.text
            if self.sms.subject:
                yield ("sms", "subject"), self.sms.subject

    def _check_text(self, place: Place, text: str) -> None:
        fixed = parse_text(text).fixed
        if unfinished := _UNFINISHED.search(fixed):
            raise WrongValue(
                f"{unfinished[0]!r} is no variable; write for example #{{이름}}",
                f"{unfinished[0]}은(는) 변수가 아닙니다. #{{이름}}처럼 쓰세요.",
                at=place,
            )
        try:
            match place:
                case ("alimtalk", "text"):
                    check_alimtalk(fixed, below=self.alimtalk.below if self.alimtalk else 0)
                case ("sms", "text"):
                    text_channel(for_carriers(fixed), None)
                case ("sms", "subject"):
                    text_channel("", for_carriers(fixed))
        except ContentError as error:
            raise WrongValue(error.detail, error.detail_ko or error.detail, at=place) from error

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
