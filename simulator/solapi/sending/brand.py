"""What the provider says to a Brand Message of the free form, and when it sends one.

The limits are those that its SDK checks (npm solapi 6.0.1, `bmsConstraints`), which knows them from Kakao; the codes
are those of the same faults in an AlimTalk, for the vendor publishes none of its own.
"""

import re
from collections.abc import Callable
from datetime import datetime, time
from typing import Any, NamedTuple

from simulator.clock import KST

OPENS, CLOSES = time(8), time(20, 50)
"""Kakao takes advertising at these hours of Korea only."""

LONGEST_IMAGE_ID = 32
_BUTTON_KINDS = frozenset({"AC", "WL", "AL", "BK", "MD", "BC", "BT", "BF"})
_LINK_KINDS = frozenset({"WL", "AL"})
_LINK = re.compile(r"https?://(www\.)?[-a-zA-Z0-9@:%._+~#=]{1,64}(\.[a-z0-9]{1,64})?\b\S*", re.IGNORECASE)
_ALWAYS = frozenset({"targeting", "chatBubbleType", "adult"})


class Bubble(NamedTuple):
    """A form of Brand Message.

    Attributes:
        fields: what it may have.
        needed: what it must have.
        longest: of its text; None where it has none.
        buttons: at least and at most.
        button_name: characters.
        lines: how many newlines its text may have.
    """

    fields: frozenset[str]
    needed: frozenset[str]
    longest: int | None
    buttons: tuple[int, int]
    button_name: int
    lines: int = 99


BUBBLES = {
    "TEXT": Bubble(frozenset({"content", "buttons", "coupon"}), frozenset(), 1300, (0, 5), 14),
    "IMAGE": Bubble(
        frozenset({"content", "imageId", "imageLink", "buttons", "coupon"}), frozenset({"imageId"}), 1300, (0, 5), 14
    ),
    "WIDE": Bubble(frozenset({"content", "imageId", "buttons", "coupon"}), frozenset({"imageId"}), 76, (0, 2), 8, 1),
    "COMMERCE": Bubble(
        frozenset({"additionalContent", "imageId", "commerce", "buttons", "coupon"}),
        frozenset({"imageId", "commerce", "buttons"}),
        None,
        (1, 2),
        8,
    ),
    "PREMIUM_VIDEO": Bubble(
        frozenset({"header", "content", "video", "buttons", "coupon"}), frozenset({"video"}), 76, (0, 1), 8, 1
    ),
}
"""The forms that this server plays; lists and carousels it knows by name only."""

OTHERS = frozenset({"WIDE_ITEM_LIST", "CAROUSEL_FEED", "CAROUSEL_COMMERCE"})
FILE_KINDS = {"TEXT": "BMS", "IMAGE": "BMS", "COMMERCE": "BMS", "WIDE": "BMS_WIDE"}
"""What a picture must have been stored as."""


def fault_of(kakao: dict[str, Any], text: str, kind_of: Callable[[object], str | None]) -> str | None:
    """The code by which a free Brand Message is refused; None where it is taken.

    Args:
        kakao: its kakaoOptions.
        text: of the message.
        kind_of: what a file of the account was stored as, by its id.
    """
    bms = kakao.get("bms")
    if not isinstance(bms, dict):
        return "1010"
    name = bms.get("chatBubbleType")
    if bms.get("targeting") != "I":
        return "1041" if bms.get("targeting") in ("M", "N") else "1011"
    bubble = BUBBLES.get(str(name))
    if bubble is None:
        return "1058" if name in OTHERS else "1011"
    given = {field for field, value in bms.items() if value is not None}
    if not given - _ALWAYS <= bubble.fields:
        return "1011"
    if missing := bubble.needed - given:
        return "1034" if "imageId" in missing else "1010"
    content = str(bms.get("content") or text)
    if bubble.longest is not None and not content:
        return "1010"
    if bubble.longest is not None and (len(content) > bubble.longest or content.count("\n") > bubble.lines):
        return "1031"
    return _fault_of_picture(bms, str(name), kind_of) or _fault_of_buttons(bms, bubble)


def _fault_of_picture(bms: dict[str, Any], name: str, kind_of: Callable[[object], str | None]) -> str | None:
    image = bms.get("imageId")
    if image is None:
        return None
    if not isinstance(image, str) or len(image) > LONGEST_IMAGE_ID:
        return "1011"
    return None if kind_of(image) == FILE_KINDS.get(name) else "1023"


def _fault_of_buttons(bms: dict[str, Any], bubble: Bubble) -> str | None:
    buttons = bms.get("buttons") or []
    least, most = bubble.buttons
    most -= bms.get("coupon") is not None and most == BUBBLES["TEXT"].buttons[1]
    if not isinstance(buttons, list) or not all(isinstance(button, dict) for button in buttons):
        return "1044"
    if not least <= len(buttons) <= most:
        return "1050"
    for button in buttons:
        kind, name = button.get("linkType"), button.get("name")
        if kind not in _BUTTON_KINDS or (kind != "AC" and not name):
            return "1044"
        if kind != "AC" and len(str(name)) > bubble.button_name:
            return "1049"
        if "#{" in str(name or ""):
            return "1044"
        links = [button[field] for field in ("linkMobile", "linkPc") if button.get(field)]
        if (kind == "WL" and not button.get("linkMobile")) or (kind in _LINK_KINDS and not links):
            return "1044"
        if not all(isinstance(link, str) and _LINK.fullmatch(link) for link in links):
            return "1044"
    return None


def is_open(now: float) -> bool:
    """Whether Kakao takes a Brand Message at a moment, in seconds since the epoch."""
    return OPENS <= datetime.fromtimestamp(now, KST).time() < CLOSES
