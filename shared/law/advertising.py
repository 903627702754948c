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

from shared.law.hours import NIGHT_FROM, day_begins, is_night, night_from

ADVERTISING = frozenset({"advertising", "marketing", "promotion", "광고"})
"""The categories of templates that say so. Any other is taken for information, unless the words begin with the mark."""

MARK = "(광고)"

_OPT_OUT = re.compile(r"무료\s*(?:수신)?\s*거부[^\d]{0,20}080[-\s]?\d{3,4}[-\s]?\d{4}(?!\d)")
_WAY_OUT = re.compile(r"수신\s*거부[^\n]{0,20}\S|<a\s[^>]*>[^<]{0,40}수신\s*거부")

OF_KAKAO = frozenset({"brand"})
"""The legs whose messages Kakao itself marks as advertising, with its own way to refuse them."""

BY_LINK = frozenset({"email", "push", "inapp", "kakao_me"})
"""The legs on which refusing costs nothing by itself: a link or a setting of the app will do (decree 62)."""


class Words(NamedTuple):
    """What a template says on one leg of a route. `html`: beside the text."""

    text: str
    subject: str | None = None
    leg: str = "sms"
    html: str = ""

    @property
    def marked(self) -> bool:
        """Whether the title, or else the text, begins with the mark."""
        return (self.subject or self.text).lstrip().startswith(MARK)

    @property
    def shows_mark(self) -> bool:
        """Whether the customer sees the mark first."""
        return self.leg in OF_KAKAO or self.marked

    @property
    def shows_way_out(self) -> bool:
        """Whether it says how to refuse, at no cost."""
        if self.leg in OF_KAKAO or _OPT_OUT.search(self.text):
            return True
        return self.leg in BY_LINK and bool(_WAY_OUT.search(self.text) or _WAY_OUT.search(self.html))


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
        words: what it says, on each channel of the route. By night what knows none may leave.
        now: the moment.
    """
    if not all(one.shows_mark for one in words):
        yield Breach(
            "failed",
            "advertising_unmarked",
            f"advertising begins with {MARK}, in the subject when there is one",
            f"광고성 정보는 제목이나 본문이 {MARK}로 시작해야 합니다.",
        )
    if not all(one.shows_way_out for one in words):
        yield Breach(
            "failed",
            "opt_out_missing",
            "advertising ends with a free way to opt out, such as 무료수신거부 080-000-0000",
            "무료수신거부 080 번호가 필요합니다."
            if any(one.leg not in BY_LINK for one in words)
            else "수신거부 방법이나 링크가 필요합니다.",
        )
    if words and all(is_night(now, one.leg) for one in words):
        day, since = day_begins(now), max(night_from(one.leg) for one in words)
        since_ko = "21시" if since == NIGHT_FROM else f"{since.hour}시 {since.minute}분"
        yield Breach(
            "failed",
            "night_advertising",
            f"advertising does not leave from {since:%H:%M} to 08:00 in Seoul: "
            f"send it by day, from {day:%Y-%m-%d %H:%M} (Seoul) on",
            f"광고성 정보는 {since_ko}부터 다음 날 8시까지 보낼 수 없습니다. "
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
