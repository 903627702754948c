"""What a spreadsheet makes of what people type into it, undone."""

from __future__ import annotations

import re

from shared.platform.masking import SEPARATORS

_AS_A_NUMBER = re.compile(r"'?(\+?\d+|\d{1,3}(?:,\d{3})+)(?:\.0+)?", re.ASCII)
_SPLIT_WITHOUT_ITS_ZERO = re.compile(rf"'?(1[016-9])[{SEPARATORS}]+([0-9]{{3,4}})[{SEPARATORS}]+([0-9]{{4}})")
_WITHOUT_ITS_ZERO = re.compile(r"1[016-9]\d{7,8}", re.ASCII)


def as_typed(cell: str) -> str:
    """A phone number as it was before a spreadsheet took it for a number: `1090004000`, `1090004000.0`,
    `1,090,004,000` and `10-9000-4000` → `01090004000`, `'010…` → `010…`. What is written in another way stays as it
    is.
    """
    if split := _SPLIT_WITHOUT_ITS_ZERO.fullmatch(cell):
        return f"0{''.join(split.groups())}"
    number = _AS_A_NUMBER.fullmatch(cell)
    if number is None:
        return cell
    digits = number[1].replace(",", "")
    return f"0{digits}" if _WITHOUT_ITS_ZERO.fullmatch(digits) else number[1]
