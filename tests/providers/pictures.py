"""Pictures of any size, as far as anybody here looks at them."""

from __future__ import annotations

import hashlib
import struct

from shared.providers.base import Picture


def jpeg(width: int = 600, height: int = 400, padding: int = 0) -> bytes:
    """The beginning of a JPEG, which tells its size; different for each size and padding."""
    frame = b"\xff\xc0" + struct.pack(">HBHH", 17, 8, height, width) + bytes(10)
    return b"\xff\xd8\xff\xe0\x00\x04xx" + frame + bytes(padding)


def picture(width: int = 600, height: int = 400, padding: int = 0) -> Picture:
    content = jpeg(width, height, padding)
    return Picture(f"{hashlib.sha256(content).hexdigest()}.jpg", content)
