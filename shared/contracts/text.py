"""Text as it comes in, made what people meant by it. Every way in goes through `clean`: events, files, templates.

What a keyboard, a web page or a spreadsheet adds unseen is no part of a name: Hangul in pieces (macOS), spaces that do
not break (web pages), characters of no width, line ends of two characters (Windows). All of it is mended before
anything is counted, compared or encoded.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from typing import Any

_LINE_ENDS = "\r\n|[\r\x0b\x0c\x85\u2028\u2029]"
_SPACES = "[\t\xa0\u1680\u2000-\u200a\u202f\u205f]"
"""Those that carriers can't carry. The ideographic space U+3000 is carried, seen, and used to align: it stays."""
_PICTURE = "\xa9\xae\u203c-\u3299\U0001f000-\U0001faff"
_JOINED = f"(?<=[{_PICTURE}\ufe0f])\u200d(?=[{_PICTURE}])"
_FLAG = "\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f"
_STYLED = f"(?<=[{_PICTURE}0-9#*])[\ufe0e\ufe0f]"
_UNSEEN = (
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"  # control characters
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\ud800-\udfff]"  # halves of a pair, which no encoding has
)


@cache
def _to_mend() -> re.Pattern[str]:
    """Compiled when the first text needs it: nearly all are plain."""
    return re.compile(f"(?P<line>{_LINE_ENDS})|(?P<space>{_SPACES})|(?P<kept>{_JOINED}|{_FLAG}|{_STYLED})|{_UNSEEN}")


_PLAIN = re.compile("[ -~가-힣]*")
"""Printable ASCII and whole syllables, of which most texts are: nothing in it is to be mended or composed."""

_CARRIED_AS_THEY_ARE = re.compile("([\u212b\uf92c\uf9b8])")
"""Carriers have Å and two ideographs by these numbers only, and composing would give them others."""

_AROUND = " \n\u3000\u200d\ufe0e\ufe0f"
"""What of a clean text is no part of an id at its ends; a joint or a style there has nothing to join."""

_OF_PICTURES = re.compile("[\u200d\ufe0e\ufe0f\U000e0020-\U000e007f]")


def clean(text: str) -> str:
    """A text in composed characters (NFC), with plain spaces and line ends, without what nobody sees.

    What joins or styles emoji stays: 👨‍👩‍👧 is one picture. Cleaning a clean text changes nothing.
    """
    if _PLAIN.fullmatch(text):
        return text
    text = _to_mend().sub(_mended, text)
    if unicodedata.is_normalized("NFC", text):
        return text
    pieces = _CARRIED_AS_THEY_ARE.split(text)
    return "".join(piece if place % 2 else unicodedata.normalize("NFC", piece) for place, piece in enumerate(pieces))


def _mended(match: re.Match[str]) -> str:
    match match.lastgroup:
        case "line":
            return "\n"
        case "space":
            return " "
        case "kept":
            return match[0]
    return ""


def clean_id(text: str) -> str:
    """An id as ids are compared: clean, and without space around it. One typed on a Mac or copied with a space is the
    id that it looks like."""
    return clean(text).strip(_AROUND)


def cleaned(value: Any) -> Any:
    """The same for whatever JSON can hold: its texts, and the names in it."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(name): cleaned(item) for name, item in value.items()}
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    return value


def for_carriers(text: str) -> str:
    """A clean text without the joints and styles of emoji, so that `♥️` is the `♥` that carriers have."""
    return text if text.isascii() else _OF_PICTURES.sub("", text)


def unencodable(text: str) -> str:
    """The characters of `text` that Korean carriers can't carry, once each, in order.

    Carriers take CP949, and of its Hangul only the 2,350 syllables of KS X 1001; Python's `euc_kr` writes any other
    syllable as an eight-byte sequence, which is how it is told.
    """
    try:
        if len(text.encode("cp949")) == len(text.encode("euc_kr")):
            return ""
    except UnicodeEncodeError:
        pass
    return "".join(dict.fromkeys(character for character in text if not _carried(character)))


def _carried(character: str) -> bool:
    try:
        return len(character.encode("cp949")) <= 2 and len(character.encode("euc_kr")) <= 2
    except UnicodeEncodeError:
        return False


def nearest(given: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The name that was most probably meant, of those known; `moveOn` and `Move-On` are `move_on`.

    Args:
        given: what is written.
        known: what may be.
        cutoff: how much alike they must be, 0 to 1; letters of Hangul count one by one.
    """
    plain = {_bare(name): name for name in known}
    found = get_close_matches(_bare(given), plain, n=1, cutoff=cutoff)
    return plain[found[0]] if found else None


def _bare(name: str) -> str:
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFD", name)).lower()
