"""Whether the law lets a message leave: asked when it is made, and again whenever it is about to leave."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable

from shared.law.advertising import failures
from shared.law.hours import NIGHT_EXEMPT, night_begins
from shared.templates.errors import MessageError
from shared.templates.template import TemplateContent


def forbidden(content: TemplateContent, legs: Collection[str], now: dt.datetime) -> MessageError | None:
    """Why a template's words may not leave now, by the code of the first reason; None where they may.

    Args:
        content: the words.
        legs: the channels of the route that they may take.
        now: the moment of leaving.
    """
    if not content.is_advertising:
        return None
    found = list(failures(content.words(legs), now))
    if not found:
        return None
    detail, korean = "; ".join(one.detail for one in found), " ".join(one.detail_ko for one in found)
    return MessageError(found[0].code, detail, korean)


def leaves_before(leaving: Iterable[tuple[TemplateContent, str]], now: dt.datetime) -> dt.datetime | None:
    """Until when what may leave now may still leave; None: at any time.

    Args:
        leaving: the words of what goes together, each with its leg.
        now: a moment at which they may leave.
    """
    nights = [night_begins(now, leg) for content, leg in leaving if content.is_advertising and leg not in NIGHT_EXEMPT]
    return min(nights, default=None)
