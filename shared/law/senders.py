"""Numbers that may stand as the sender of a text.

Source: 전기통신사업법 제84조의2, which forbids false sender numbers: only a number that Korea has can be registered.
"""

from __future__ import annotations

import re

LEGS_FROM_A_NUMBER = ("sms", "mms")
"""The channels of routes that show whom they are from as a telephone number."""

_SENDER = re.compile(
    r"02\d{7,8}|0(?:3[1-3]|4[1-4]|5[1-5]|6[1-4])\d{7,8}"  # land lines
    r"|1[568]\d{6}"  # 15xx, 16xx, 18xx
    r"|070\d{8}|010\d{8}|01[16-9]\d{7,8}",  # internet telephones and mobiles
    re.ASCII,
)


def is_sender(number: str) -> bool:
    """Whether a number, in digits alone, can be registered as a Korean sender."""
    return _SENDER.fullmatch(number) is not None
