"""Which channels can carry a template's words, told for very many customers.

Writing each text only to measure it is a third of the work of a bulk send. So the fixed words are measured once, and
for each customer no more than what fills the variables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from shared.contracts.channels import becomes
from shared.contracts.text import for_carriers, unencodable
from shared.templates.errors import ContentError
from shared.templates.parts.texts import parse_text
from shared.templates.rendering import render
from shared.templates.template import AlimTalkContent, TemplateContent

_NOBODY = UUID(int=0)
_MEASURED = ("alimtalk", "sms")
"""The legs of which a crowd is told. What goes by the others is written whole to be measured."""


class Fit:
    """A template's words on the legs of a route.

    Args:
        content: the words.
        legs: those of a route that the template has words for, in its order.
    """

    def __init__(self, content: TemplateContent, legs: Sequence[str]) -> None:
        self._content = content
        self._legs = tuple(legs)
        self._measures = {leg: _Measure(content, leg) for leg in legs if leg in _MEASURED}

    def channels(self, variables: Mapping[str, str], legs: Sequence[str] | None = None) -> tuple[str, ...]:
        """The channels that a message takes, in the order of its route, as `render` would tell; those that can't
        carry its words are left out.

        Args:
            variables: what fills them.
            legs: those that reach the customer; None for all.

        Raises:
            ContentError: that of the last leg, when no channel can.
        """
        channels: list[str] = []
        failure: ContentError | None = None
        for leg in self._legs if legs is None else legs:
            measured = self._measures[leg].channel(variables) if leg in self._measures else None
            try:
                channels.append(measured or self._rendered(leg, variables))
            except ContentError as error:
                failure = error
        if failure and not channels:
            raise failure
        return tuple(channels)

    def _rendered(self, leg: str, variables: Mapping[str, str]) -> str:
        return render(self._content, leg, variables, message=_NOBODY, attempt=0, to="").channel


class _Measure:
    """The sizes of a leg's fixed words."""

    def __init__(self, content: TemplateContent, leg: str) -> None:
        self.leg = leg
        words = content.alimtalk if leg == "alimtalk" else content.sms or content.alimtalk
        assert words is not None, "a route's legs are those that the template has words for"  # noqa: S101
        text = parse_text(words.text)
        fixed = text.fixed if leg == "alimtalk" else for_carriers(text.fixed)
        self._rows = becomes(leg)
        self._names = text.names
        self._characters = len(fixed) + (words.below if isinstance(words, AlimTalkContent) else 0)
        self._bytes = len(fixed.encode("cp949", errors="replace"))
        self._plain = not unencodable(fixed) and not (leg == "sms" and content.sms and content.sms.subject)

    def channel(self, variables: Mapping[str, str]) -> str | None:
        """The channel, or None where only the whole text can tell: it may not fit, or has a subject."""
        values = "".join([variables[name] for name in self._names])
        if self._rows[0].unit == "characters":
            size = self._characters + len(values)
        elif not self._plain or unencodable(values):
            return None
        else:
            size = self._bytes + len(values.encode("cp949"))
        return next((row.name for row in self._rows if size <= row.longest), None)
