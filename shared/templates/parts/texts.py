"""Texts of templates: the notations of variables, and the form that fills quickly."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, Field

from shared.contracts.text import clean

_NAME = r"[^{}\s](?:[^{}]*[^{}\s])?"
_NOTATION = re.compile(rf"#\{{\s*({_NAME})\s*\}}|\{{\{{\s*({_NAME})\s*\}}\}}")
VARIABLE = re.compile(rf"#\{{({_NAME})\}}")

_LINE_ENDS = re.compile("[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")


def kakao_notation(text: Any) -> Any:
    """`{{이름}}` and `#{ 이름 }` are taken on input; `#{이름}`, Kakao's notation, is kept. The text is clean."""
    if not isinstance(text, str):
        return text
    return _NOTATION.sub(lambda found: f"#{{{found[1] or found[2]}}}", clean(text))


TemplateText = Annotated[str, BeforeValidator(kakao_notation), Field(min_length=1, max_length=4_000)]
LongText = Annotated[str, BeforeValidator(kakao_notation), Field(min_length=1, max_length=100_000)]
"""Of an e-mail."""


class Text(NamedTuple):
    """A template's text, made once into a form that fills quickly.

    names: its variables, in order, as often as they occur.
    form: the text with `%s` for each variable.
    """

    names: tuple[str, ...]
    form: str

    @property
    def fixed(self) -> str:
        """Without its variables."""
        return self.form % (("",) * len(self.names))

    def filled(self, values: Mapping[str, str]) -> str:
        return self.form % tuple([values[name] for name in self.names])


@lru_cache(maxsize=2_048)
def parse_text(text: str) -> Text:
    pieces = VARIABLE.split(text)
    return Text(tuple(pieces[1::2]), form_of(pieces[::2]))


def form_of(fixed: list[str]) -> str:
    """The form of a text of which these pieces are fixed, with a variable between each two."""
    return "%s".join(piece.replace("%", "%%") for piece in fixed)


def one_line(text: str) -> str:
    """A subject, a title or a name, whatever fills it: as a header of an e-mail it can't become two."""
    return _LINE_ENDS.sub(" ", text)
