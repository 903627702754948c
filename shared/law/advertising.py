"""What the law asks of advertising, as far as its words can tell.

Source: 정보통신망 이용촉진 및 정보보호 등에 관한 법률 제50조, and for the marks its decree's 별표 6. Advertising begins
with (광고), names its sender, offers a free way to opt out, and does not leave by night. Whether anybody consented is
not told here.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from shared.law.hours import day_begins, is_night

ADVERTISING = frozenset({"advertising", "marketing", "promotion", "광고"})
"""The categories of templates that say so. Any other is taken for information, unless the words begin with the mark."""

MARK = "(광고)"

_OPT_OUT = re.compile(r"무료\s*(?:수신)?\s*거부[^\d]{0,20}080[-\s]?\d{3,4}[-\s]?\d{4}(?!\d)")


class Words(NamedTuple):
    """What a template says on one channel."""

    text: str
    subject: str | None = None

    @property
    def marked(self) -> bool:
        """Whether the title, or else the text, begins with the mark."""
        return (self.subject or self.text).lstrip().startswith(MARK)


class Breach(NamedTuple):
    """What is against the law, or may be: then it is a warning."""

    verdict: Literal["warning", "failed"]
    code: str
    detail: str
    detail_ko: str


def is_advertising(category: str, words: Sequence[Words]) -> bool:
    """Whether a template is advertising, by its category or by its own mark."""
    return category.strip().lower() in ADVERTISING or any(one.marked for one in words)


def failures(words: Sequence[Words], now: dt.datetime) -> Iterator[Breach]:
    """What forbids that advertising leaves now.

    Args:
        words: what it says, on each channel of the route.
        now: the moment.
    """
    if not all(one.marked for one in words):
        yield Breach(
            "failed",
            "advertising_unmarked",
            f"advertising begins with {MARK}, in the subject when there is one",
            f"광고성 정보는 제목이나 본문이 {MARK}로 시작해야 합니다.",
        )
    if not all(_OPT_OUT.search(one.text) for one in words):
        yield Breach(
            "failed",
            "opt_out_missing",
            "advertising ends with a free way to opt out, such as 무료수신거부 080-000-0000",
            "무료수신거부 080 번호가 필요합니다.",
        )
    if is_night(now):
        day = day_begins(now)
        yield Breach(
            "failed",
            "night_advertising",
            "advertising does not leave from 21:00 to 08:00 in Seoul: "
            f"send it by day, from {day:%Y-%m-%d %H:%M} (Seoul) on",
            "광고성 정보는 21시부터 다음 날 8시까지 보낼 수 없습니다. "
            f"{day.month}월 {day.day}일 {day.hour}시부터 보낼 수 있습니다.",
        )


def breaches(words: Sequence[Words], sender_name: str, now: dt.datetime) -> Iterator[Breach]:
    """What forbids that advertising leaves now, and what may be against the law.

    Args:
        words: what it says, on each channel of the route.
        sender_name: the tenant's name. A brand may be written otherwise, so that its absence is a warning.
        now: the moment.
    """
    yield from failures(words, now)
    if not all(sender_name in one.text for one in words):
        yield Breach(
            "warning",
            "sender_unnamed",
            f"advertising names its sender, and {sender_name} is not in the words",
            f"본문에 전송자 명칭({sender_name})이 없습니다.",
        )
