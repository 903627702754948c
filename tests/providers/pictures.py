"""Pictures that messages show."""

import hashlib
import struct

from shared.providers.base import Picture


def jpeg(width: int = 640, height: int = 480, size: int = 2_000, seed: bytes = b"") -> Picture:
    """A JPEG as far as its head tells, so many bytes long."""
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\x00"
    content = (b"\xff\xd8" + frame + seed).ljust(size, b"\0")
    return Picture(f"{hashlib.sha256(content).hexdigest()}.jpg", content)
