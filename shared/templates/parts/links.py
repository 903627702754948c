"""Links of templates. Whatever fills a variable stays where it stands: its host and scheme are the template's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

from shared.platform.errors import WrongValue
from shared.templates.parts.texts import VARIABLE, parse_text

LONGEST_LINK = 1_000
"""Characters of a link, filled."""

_FIXED = re.compile(r"[^\s\"'<>\\^`{|}]+")
_WEB = re.compile(r"https?://[^/?#@:]+(?::\d+)?(?P<end>[/?#]|$)", re.IGNORECASE)
_APP = re.compile(
    r"(?!(?:javascript|vbscript|data|file|blob|about|intent|https?):)[a-z][a-z0-9+.-]*://[^/?#@]*(?P<end>[/?#]|$)",
    re.IGNORECASE,
)
"""A scheme of the tenant's own app. Those that run what they hold are none."""


def check_link(link: str, *, of_apps: bool = False) -> None:
    """Raises WrongValue for a link that is none, or whose beginning a variable could change.

    Args:
        link: as the template has it.
        of_apps: a link into an app (`myshop://orders/…`) will do, too.
    """
    head, *rest = VARIABLE.split(link)
    found = _WEB.match(head) or (_APP.match(head) if of_apps else None)
    if not _FIXED.fullmatch(parse_text(link).fixed) or found is None or (rest and not found["end"]):
        raise WrongValue(
            f"{link[:60]!r} is no link: it begins with https:// and a host, written out before the first variable, "
            "such as https://shop.example/orders/#{주문}",
            f"{link[:60]}은(는) 링크가 아닙니다. https://와 주소를 변수 없이 먼저 쓰세요. "
            "예: https://shop.example/orders/#{주문}",
        )


def filled_link(link: str, values: Mapping[str, str]) -> str:
    """The link with its variables' values, percent-encoded."""
    return parse_text(link).filled({name: encoded(value) for name, value in values.items()})


def encoded(value: str) -> str:
    """A value as a part of a link, of which it can end nothing and begin nothing."""
    return quote(value, safe="", errors="replace")


def climbs(link: str) -> bool:
    """Whether a filled link has a step `.` or `..`, which no encoding keeps from leading to another page."""
    path = re.split("[?#]", link, maxsplit=1)[0]
    return any(unquote(step) in (".", "..") for step in path.split("/")[3:])
