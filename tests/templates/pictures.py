"""JPEG files for tests: sound as far as their segments go."""


def jpeg(width: int, height: int, *, comments: int = 1, frame: int = 0xC0, size: int | None = None) -> bytes:
    """A JPEG of so many points, and filled up to so many bytes."""
    begin = b"\xff\xd8" + b"\xff\xfe\x00\x04hi" * comments
    sides = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    head = b"\xff" + bytes([frame]) + b"\x00\x0b\x08" + sides + b"\x01\x01\x11\x00"
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
    whole = begin + head + scan
    return whole + bytes(max(0, (size or 0) - len(whole) - 2)) + b"\xff\xd9"
