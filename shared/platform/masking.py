"""Phone numbers masked in whatever people write: enough is left to recognise one, not enough to call it.

A mobile number is found in every notation that `customers/phones.py` takes, also where JSON or Python has escaped its
characters; a land line in the usual ones. What is no number stays where its form tells: an id, a date, more digits.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache

SEPARATORS = (
    r"\s\-‐‑‒–—―−⁃().·/"
    "\u1173\u30fc"  # the strokes ㅡ and ー (as NFKC has them), which keyboards give in a dash's place
    "\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff"  # invisible: copied along from address books and web pages
)
"""What may stand between a number's digits, after NFKC, as the inside of a regular expression's set."""

_SOME = f"[{SEPARATORS}]*"
_ANY_DIGIT = f"{_SOME}[0-9]"
_ID_OR_DATE = r"""
    (?<![0-9A-Za-z])
    (?: [0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12} | [0-9a-f]{16,} | (?:19|20)[0-9]{2}-[01][0-9]-[0-3][0-9] )
    (?![0-9A-Za-z-])"""
_MOBILE = rf"""
    (?<![0-9])
    (?: \+{_SOME}8{_SOME}2(?:{_SOME}0)? | 0{_SOME}0{_SOME}8{_SOME}2(?:{_SOME}0)? | 8{_SOME}2(?:{_SOME}0)? | 0 )
    {_SOME}1{_SOME}
    (?: 0(?P<today>(?:{_ANY_DIGIT}){{4}}) | [16-9](?P<older>(?:{_ANY_DIGIT}){{3,4}}) )
    (?:{_ANY_DIGIT}){{4}}
    (?![0-9])"""
_LAND_LINE = r"""
    (?<![0-9A-Za-z-])
    (?: \+82[-. ]? | 0 ) [2-7][0-9]? (?P<line>[-. ]?[0-9]{3,4}) [-. ]?[0-9]{4}
    (?![0-9A-Za-z-])"""


@cache
def _found() -> re.Pattern[str]:
    """Compiled when a number is first near: most processes start and end without one, and it takes a while."""
    return re.compile(f"{_ID_OR_DATE} | {_MOBILE} | {_LAND_LINE}", re.VERBOSE)


_PERHAPS = re.compile(
    rf"1{_SOME}[016-9](?:{_ANY_DIGIT}){{4}}|(?:0|\+82[-. ]?)[2-7][0-9]?[-. ]?[0-9]{{3,4}}[-. ]?[0-9]{{4}}"
)
"""Is not there much sooner than `_found` is not."""

_HEX = "[0-9a-fA-F]"
_WRITTEN = re.compile(
    rf"\\+u([dD][89abAB]{_HEX}{{2}})\\+u([dD][c-fC-F]{_HEX}{{2}})|\\+(?:u({_HEX}{{4}})|x({_HEX}{{2}})|[nrtf/])|.",
    re.DOTALL,
)
"""A character, or how JSON or Python writes it."""


def mask_phone(phone: str) -> str:
    """`01090004000` → `010****4000`, of a number that is known to be one."""
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) >= 9 else "****"


def mask_phones(text: str) -> str:
    """`text` with a star for each digit in the middle of a phone number: `010-9000-4000` → `010-****-4000`."""
    if text.isascii() and "\\" not in text:
        return _masked(text, text, range(len(text) + 1))
    plain, places = _plain(text)
    return _masked(text, plain, places)


def _masked(text: str, plain: str, places: Sequence[int]) -> str:
    """`plain` is `text` in NFKC with nothing escaped; `places` where in `text` each of its characters begins, and at
    last where `text` ends."""
    if not _PERHAPS.search(plain):
        return text
    parts, end = [], 0
    for found in _found().finditer(plain):
        if (which := found.lastgroup) is None:
            continue
        start, stop = found.span(which)
        while plain[start] not in "0123456789":
            start += 1
        for place in range(start, stop):
            if plain[place] in "0123456789" and places[place] >= end:
                parts += [text[end : places[place]], "*"]
                after = place + 1
                while places[after] == places[place]:  # one character of `text` may be two digits: ⑩
                    after += 1
                end = places[after]
    return "".join([*parts, text[end:]])


def _plain(text: str) -> tuple[str, list[int]]:
    parts, places = [], []
    for written in _WRITTEN.finditer(text):
        plain = _folded(_unescaped(written))
        parts.append(plain)
        places += [written.start()] * len(plain)
    return "".join(parts), [*places, len(text)]


def _unescaped(written: re.Match[str]) -> str:
    first, second, short, byte = written.groups()
    if first:
        return (bytes.fromhex(first) + bytes.fromhex(second)).decode("utf-16-be")
    if code := short or byte:
        return chr(int(code, 16))
    return {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}.get(written[0][-1], "/") if len(written[0]) > 1 else written[0]


@lru_cache(maxsize=4_096)
def _folded(character: str) -> str:
    return unicodedata.normalize("NFKC", character)
