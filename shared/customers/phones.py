"""Korean phone numbers, in whatever notation people write them."""

from __future__ import annotations

import re
import unicodedata

from shared.platform.errors import AllimError
from shared.platform.masking import SEPARATORS

_USUAL = re.compile(r"010-?([0-9]{4})-?([0-9]{4})")
_SEPARATORS = re.compile(f"[{SEPARATORS}]+")
_COUNTRY_CODE = re.compile(r"^(?:\+|00)82(?:0)?|^82(?=1[016789]\d{7,8}$)|^820(?=1[016789]\d{7,8}$)")
_MOBILE = re.compile(r"^(?:010\d{8}|01[16789]\d{7,8})$", re.ASCII)


class InvalidPhone(AllimError):  # noqa: N818 - it names what the input is
    """Not a number that a Korean mobile message can reach."""

    def __init__(self) -> None:
        super().__init__(
            "invalid_phone",
            "not a Korean mobile number; expected for example 010-1234-5678",
            "한국 휴대전화 번호가 아닙니다. 예: 010-1234-5678",
            field="phone",
        )


def normalise_mobile(text: str) -> str:
    """The digits of a Korean mobile number: `+82 10-9000-4000`, `(010) 9000.4000` and `０１０90004000` → `01090004000`.

    Args:
        text: a number in any notation: separators of every kind, full-width digits, an optional country code.

    Raises:
        InvalidPhone: when it is no Korean mobile number (010 with eight digits; 011, 016 to 019 with seven or eight).
    """
    if usual := _USUAL.fullmatch(text):  # a fifth of the time, and nearly every number is written so
        return f"010{usual[1]}{usual[2]}"
    digits = _SEPARATORS.sub("", unicodedata.normalize("NFKC", text))
    digits = _COUNTRY_CODE.sub("0", digits)
    if not _MOBILE.match(digits):
        raise InvalidPhone
    return digits
