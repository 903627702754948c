"""Content rules of Korean channels: what fits, what can be encoded, and which of SMS and LMS a text becomes."""

from __future__ import annotations

from shared.contracts.channels import CHANNELS, Channel, becomes
from shared.contracts.text import unencodable
from shared.templates.errors import ContentError

_NAMES = {
    "alimtalk": ("an AlimTalk", "알림톡은"),
    "lms": ("an LMS", "LMS는"),
    "mms": ("an MMS", "MMS는"),
    "brand": ("a Brand Message", "브랜드 메시지는"),
    "push": ("a push", "푸시는"),
    "inapp": ("an entry of the inbox", "앱 알림함은"),
    "email": ("an e-mail", "이메일은"),
    "kakao_me": ("a KakaoTalk message to oneself", "나에게 보내기는"),
}
"""Of what holds a text, for people."""

_TEXTS = becomes("sms")


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
    if subject is not None:
        _check_subject(largest, subject)
    for row in _TEXTS:
        if size <= row.longest and (subject is None or row.longest_subject):
            return row.name
    raise _too_long(largest, size)


def check_alimtalk(text: str, *, below: int = 0) -> None:
    """Raises ContentError `content_too_long` when a substituted AlimTalk is over 1,000 characters.

    Args:
        text: the body.
        below: characters of what always stands below it, which Kakao counts with it.
    """
    row = CHANNELS["alimtalk"]
    if (size := len(text) + below) > row.longest:
        raise _too_long(row, size)


def check_fits(channel: str, text: str, subject: str | None = None) -> None:
    """Whether a channel that becomes no other holds what is written.

    Args:
        channel: by its name.
        text: as it is sent.
        subject: the same; a title, where the channel has those.

    Raises:
        ContentError: `unencodable_characters`, `content_too_long`, or `subject_too_long`.
    """
    row = CHANNELS[channel]
    if subject is not None:
        _check_subject(row, subject)
    if (size := _size(row, text)) > row.longest:
        raise _too_long(row, size)


def _size(row: Channel, text: str) -> int:
    return carrier_bytes(text) if row.unit == "bytes" else len(text)


_UNITS = {"bytes": "바이트", "characters": "자"}


def _check_subject(row: Channel, subject: str) -> None:
    if (length := _size(row, subject)) > (fits := row.longest_subject or 0):
        raise ContentError(
            "subject_too_long",
            f"the subject has {length} {row.unit}; {fits} fit",
            f"제목이 {length}{_UNITS[row.unit]}입니다. {fits}{_UNITS[row.unit]}까지 쓸 수 있습니다.",
        )


def _too_long(row: Channel, size: int) -> ContentError:
    what, what_ko = _NAMES[row.name]
    unit = _UNITS[row.unit]
    return ContentError(
        "content_too_long",
        f"the text has {size:,} {row.unit}; {what} holds {row.longest:,}",
        f"본문이 {size:,}{unit}입니다. {what_ko} {row.longest:,}{unit}까지 보낼 수 있습니다.",
    )
