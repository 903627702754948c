"""Content rules of Korean channels: what fits, what can be encoded, and which of SMS and LMS a text becomes."""

from __future__ import annotations

from shared.contracts.channels import CHANNELS, becomes
from shared.templates.errors import ContentError

_ALIMTALK = CHANNELS["alimtalk"]
_TEXTS = becomes("sms")


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


def carrier_bytes(text: str) -> int:
    """The length of `text` as carriers count it: CP949, Hangul two bytes, ASCII one.

    Raises:
        ContentError: `unencodable_characters`, with the characters named.
    """
    offending = unencodable(text)
    if offending:
        shown = " ".join(f"{character} (U+{ord(character):04X})" for character in offending[:10])
        raise ContentError(
            "unencodable_characters",
            f"carriers can't carry {shown}; replace them",
            f"문자로 보낼 수 없는 글자가 있습니다: {shown}",
        )
    return len(text.encode("cp949"))


def text_channel(text: str, subject: str | None) -> str:
    """What a leg `sms` becomes: the smallest channel that holds the text, and the subject where there is one.

    Raises:
        ContentError: `unencodable_characters`, `content_too_long`, or `subject_too_long`.
    """
    size, largest = carrier_bytes(text), _TEXTS[-1]
    if subject is not None and (length := carrier_bytes(subject)) > (largest.longest_subject or 0):
        fits = largest.longest_subject
        raise ContentError(
            "subject_too_long",
            f"the subject has {length} bytes; {fits} fit",
            f"제목이 {length}바이트입니다. {fits}바이트까지 쓸 수 있습니다.",
        )
    for row in _TEXTS:
        if size <= row.longest and (subject is None or row.longest_subject):
            return row.name
    raise ContentError(
        "content_too_long",
        f"the text has {size:,} bytes; an {largest.name.upper()} holds {largest.longest:,}",
        f"본문이 {size:,}바이트입니다. {largest.name.upper()}는 {largest.longest:,}바이트까지 보낼 수 있습니다.",
    )


def check_alimtalk(text: str, *, below: int = 0) -> None:
    """Raises ContentError `content_too_long` when a substituted AlimTalk is over 1,000 characters.

    Args:
        text: the body.
        below: characters of what always stands below it, which Kakao counts with it.
    """
    if (length := len(text) + below) > _ALIMTALK.longest:
        raise ContentError(
            "content_too_long",
            f"the text has {length:,} characters; an AlimTalk holds {_ALIMTALK.longest:,}",
            f"본문이 {length:,}자입니다. 알림톡은 {_ALIMTALK.longest:,}자까지 보낼 수 있습니다.",
        )
