"""Pictures of any size, as far as anybody here looks at them."""

from __future__ import annotations

import hashlib
import struct

from shared.providers.base import Picture


def jpeg(width: int = 600, height: int = 400, padding: int = 0) -> bytes:
    """The beginning of a JPEG, which tells its size; different for each size and padding."""
    frame = b"\xff\xc0" + struct.pack(">HBHH", 17, 8, height, width) + bytes(10)
    return b"\xff\xd8\xff\xe0\x00\x04xx" + frame + bytes(padding)


def picture(width: int = 600, height: int = 400, padding: int = 0, *, size: int = 0, seed: bytes = b"") -> Picture:
    """One of at least so many bytes in all; `seed` makes it another one."""
    content = (jpeg(width, height, padding) + seed).ljust(size, b"\0")
    return Picture(f"{hashlib.sha256(content).hexdigest()}.jpg", content)
