"""Images for MMS and AlimTalk: what the storage takes.

Limits: https://github.com/solapi/documents, api-reference/storage/uploadfile.md, and the vendor's guides to MMS and
AlimTalk images.
"""

import base64
import binascii
import struct
from typing import Any

from simulator.clock import iso
from simulator.solapi.errors import SolapiError, invalid
from simulator.solapi.model import Account

TYPES = (
    *("MMS", "KAKAO", "ATA", "RCS", "FAX", "DOCUMENT", "BMS", "BMS_WIDE"),
    *("BMS_WIDE_MAIN_ITEM_LIST", "BMS_WIDE_SUB_ITEM_LIST", "BMS_CAROUSEL_FEED_LIST", "BMS_CAROUSEL_COMMERCE_LIST"),
)

_KB = 1024
_MMS_BYTES = 200 * _KB
_MMS_WIDTH, _MMS_HEIGHT = 1500, 1440
_KAKAO_BYTES = 500 * _KB
_ATA_WIDTH = 500
_DOCUMENT_BYTES = 2 * _KB * _KB

_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def store(account: Account, request: dict[str, Any], file_id: str, now: float) -> dict[str, Any]:
    """Keep a file.

    Args:
        account: whose file it is.
        request: `{file: base64, type, name, link}`.
        file_id: the id that it gets.
        now: seconds since the epoch.

    Raises:
        SolapiError: 400 ValidationError or InvalidFile (that code is not documented), with the limit that is broken.
    """
    kind = request.get("type") or "DOCUMENT"
    if kind not in TYPES:
        raise invalid(f"type 은 {', '.join(TYPES)} 중 하나이어야 됩니다.")
    try:
        content = base64.b64decode(request.get("file") or "", validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise invalid("file 은 base64 이어야 됩니다.") from error
    if not content:
        raise invalid("file 은 필수 입력 값입니다.")
    size = image_size(content)
    _check(kind, content, size)
    name = request.get("name") or file_id
    view: dict[str, Any] = {
        "fileId": file_id,
        "type": kind,
        "name": name,
        "originalName": name,
        "link": request.get("link"),
        "kakao": {"daou": None, "biztalk": None},
        "width": size[0] if size else None,
        "height": size[1] if size else None,
        "fileSize": len(content),
        "url": f"https://storage.invalid/{account.account_id}/{file_id}",
        "accountId": account.account_id,
        "references": [],
        "dateCreated": iso(now),
        "dateUpdated": iso(now),
    }
    account.files[file_id] = view
    return view


def image_size(content: bytes) -> tuple[int, int] | None:
    """Width and height of a JPEG or PNG in pixels; None for anything else."""
    if content.startswith(b"\x89PNG\r\n\x1a\n") and len(content) >= 24:
        width, height = struct.unpack(">II", content[16:24])
        return width, height
    return _jpeg_size(content) if content.startswith(b"\xff\xd8") else None


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(content) and content[at] == 0xFF:
        marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4], "big")
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return width, height
        at += 2 + length
    return None


def _check(kind: str, content: bytes, size: tuple[int, int] | None) -> None:
    if kind == "MMS":
        _require(size is not None and content.startswith(b"\xff\xd8"), "MMS 이미지는 JPG 이어야 됩니다.")
        _require(len(content) <= _MMS_BYTES, "MMS 이미지는 200KB 이하이어야 됩니다.")
        width, height = size or (0, 0)
        _require(width <= _MMS_WIDTH and height <= _MMS_HEIGHT, "MMS 이미지는 1500x1440 이하이어야 됩니다.")
    elif kind in ("KAKAO", "ATA") or kind.startswith("BMS"):
        _require(size is not None, "이미지는 JPG 또는 PNG 이어야 됩니다.")
        _require(len(content) <= _KAKAO_BYTES, "이미지는 500KB 이하이어야 됩니다.")
        width, height = size or (0, 0)
        fits = kind != "ATA" or (width >= _ATA_WIDTH and width == 2 * height)
        _require(fits, "알림톡 이미지는 가로 500px 이상, 비율 2:1 이어야 됩니다.")
    else:
        _require(len(content) <= _DOCUMENT_BYTES, "파일은 2MB 이하이어야 됩니다.")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SolapiError(400, "InvalidFile", otherwise)
