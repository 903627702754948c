"""HTML of templates: values are text there or a part of a link, and never markup.

A variable may stand in text, in a quoted `alt` or `title`, and in a quoted `href` or `src` behind its host. Anywhere
else no escaping is sure to hold it, so that the template is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from html import escape
from html.parser import HTMLParser
from typing import NamedTuple

from shared.platform.errors import WrongValue
from shared.templates.parts.links import check_link, encoded
from shared.templates.parts.texts import VARIABLE, form_of

_OPEN, _CLOSE = "\ue000", "\ue001"
_MARK = re.compile(f"{_OPEN}(\\d+){_CLOSE}")
_QUOTED = re.compile(r"""[^\s"'>/=]+\s*=\s*(?:"[^"]*"|'[^']*')""")
_BEGINS_A_TAG = re.compile(r"<[^\s\"'>]*$")
"""Before a value: with a letter first it would be one."""

_LINKS, _TEXTS = ("href", "src"), ("alt", "title")
_NOT_TEXT = {"script", "style", "textarea", "xmp", "iframe", "noembed", "noframes", "noscript", "plaintext"}
"""Elements whose contents browsers read in another way than text."""


class Html(NamedTuple):
    """A template's HTML, made once into a form that fills quickly.

    names: its variables, in order, as often as they occur.
    in_links: for each, whether it is a part of a link.
    form: the HTML with `%s` for each variable.
    links: those that have variables, as the template has them.
    """

    names: tuple[str, ...]
    in_links: tuple[bool, ...]
    form: str
    links: tuple[str, ...]

    def filled(self, values: Mapping[str, str]) -> str:
        """With the values escaped, or percent-encoded where they are a part of a link."""
        return self.form % tuple(
            [
                encoded(values[name]) if in_link else escape(values[name])
                for name, in_link in zip(self.names, self.in_links, strict=True)
            ]
        )


@lru_cache(maxsize=64)
def parse_html(html: str) -> Html:
    """Raises WrongValue where a variable stands in what is neither text nor a link."""
    pieces = VARIABLE.split(html)
    names = tuple(pieces[1::2])
    if _OPEN in html or _CLOSE in html:
        raise WrongValue("the HTML has characters of private use", "HTML에 쓸 수 없는 문자가 있습니다.")
    marked = "".join(piece if place % 2 == 0 else f"{_OPEN}{place // 2}{_CLOSE}" for place, piece in enumerate(pieces))
    places = _Places(names)
    places.feed(marked)
    places.close()
    for place, name in enumerate(names):
        in_link = places.in_link.get(place)
        if in_link is None or (not in_link and _BEGINS_A_TAG.search(pieces[2 * place])):
            raise _nowhere(name)
    in_links = tuple(places.in_link[place] for place in range(len(names)))
    return Html(names, in_links, form_of(pieces[::2]), tuple(places.links))


class _Places(HTMLParser):
    """Finds where variables stand. `in_link`: by their place, those that stand where they may; `links`: those with
    variables."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(convert_charrefs=True)
        self.in_link: dict[int, bool] = {}
        self.links: list[str] = []
        self._names = names
        self._within: list[str] = []

    def handle_data(self, data: str) -> None:
        if not self._within:
            self.in_link |= dict.fromkeys(map(int, _MARK.findall(data)), False)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._look(attrs)
        if tag in _NOT_TEXT:
            self._within.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._look(attrs)
        if tag in _NOT_TEXT:  # a browser does not take it for closed
            self._within.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._within:
            self._within.remove(tag)

    def _look(self, attrs: list[tuple[str, str | None]]) -> None:
        unquoted = set(_MARK.findall(_QUOTED.sub("", self.get_starttag_text() or "")))
        for name, value in attrs:
            found = _MARK.findall(value or "")
            if not found or unquoted.intersection(found):
                continue
            if name in _LINKS:
                link = _MARK.sub(lambda mark: f"#{{{self._names[int(mark[1])]}}}", value or "")
                check_link(link)
                self.links.append(link)
                self.in_link |= dict.fromkeys(map(int, found), True)
            elif name in _TEXTS:
                self.in_link |= dict.fromkeys(map(int, found), False)


def _nowhere(name: str) -> WrongValue:
    return WrongValue(
        f'#{{{name}}} stands where HTML holds neither text nor a link in quotes; write it between tags, or in "…" of '
        "href, src, alt or title",
        f'#{{{name}}} 변수는 태그 사이의 글이나 href, src, alt, title의 "…" 안에만 쓸 수 있습니다.',
    )
