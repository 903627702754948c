"""Pictures of messages: JPEG files, of which the header is read to see whether a channel carries them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from shared.platform.errors import AllimError

_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
"""Segments that tell the size (ITU-T T.81, table B.1: start of frame)."""

_ALONE = {0x01, *range(0xD0, 0xD8)}
"""Markers without a length."""


class Bounds(NamedTuple):
    """What a channel carries: bytes, and points a side."""

    bytes: int
    side: int


BOUNDS: Mapping[str, Bounds] = {"mms": Bounds(200 * 1_024, 1_000), "brand": Bounds(500 * 1_024, 4_000)}
"""By leg: of an MMS what carriers take; of a Brand Message what Kakao does."""


class BadPicture(AllimError):  # noqa: N818 - it names what is wrong
    """A file that no message can show: `image_missing`, `image_not_jpeg`, `image_too_large`."""


def name_of(content: bytes) -> str:
    """What a picture is called: by its content, so that it is kept once."""
    return f"{hashlib.sha256(content).hexdigest()}.jpg"


def check_picture(content: bytes, leg: str) -> None:
    """Raises BadPicture when a leg can't carry a file."""
    bounds = BOUNDS[leg]
    if len(content) > bounds.bytes:
        raise too_large(f"{len(content):,} bytes", f"{len(content):,}바이트", bounds)
    if (size := jpeg_size(content)) is None:
        raise BadPicture(
            "image_not_jpeg",
            "is no JPEG that can be read; save the picture as .jpg again",
            "읽을 수 있는 JPEG 파일이 아닙니다. .jpg로 다시 저장해 주세요.",
        )
    width, height = size
    if max(width, height) > bounds.side:
        raise too_large(f"{width:,} × {height:,} points", f"{width:,}×{height:,}픽셀", bounds)


def too_large(has: str, has_ko: str, bounds: Bounds) -> BadPicture:
    """What is said of a file that has too many bytes or points."""
    kilobytes = bounds.bytes // 1_024
    return BadPicture(
        "image_too_large",
        f"has {has}; {kilobytes} KB and {bounds.side:,} × {bounds.side:,} points fit",
        f"이미지가 {has_ko}입니다. {kilobytes}KB, {bounds.side:,}×{bounds.side:,}픽셀까지 쓸 수 있습니다.",
    )


def jpeg_size(content: bytes) -> tuple[int, int] | None:
    """Width and height of a whole JPEG, in points; None for anything else.

    Only the segments before the picture are read, and that it has its end.
    """
    if not content.startswith(b"\xff\xd8") or b"\xff\xd9" not in content[-64:]:
        return None
    at = 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker == 0xFF:  # a byte that fills up
            at += 1
            continue
        if marker in _ALONE:
            at += 2
            continue
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        if marker in _FRAMES and length >= 8 and at + 9 <= len(content):
            height, width = (int.from_bytes(content[place : place + 2], "big") for place in (at + 5, at + 7))
            return (width, height) if width and height else None
        if marker == 0xDA or length < 2:  # the picture itself, and no frame before it
            return None
        at += 2 + length
    return None
