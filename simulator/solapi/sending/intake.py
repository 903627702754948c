"""What the provider says to a message when it is handed over.

The limits are those of https://developers.solapi.com/references/message-status-codes and of the page on adding
messages to a group. Where a rule applies to a whole message and the vendor does not publish the order of the checks,
the order here is: form, sender, recipient, content.
"""

import re
from collections.abc import Iterable
from typing import Any

from simulator.fates import FATES, Fate, Stage
from simulator.solapi.model import Account
from simulator.solapi.sending import brand
from simulator.solapi.sending.codes import DELIVERED
from simulator.solapi.sending.templates import VariableMissingError

TEXT_TYPES = frozenset({"SMS", "LMS", "MMS"})
BRAND_TYPES = frozenset(
    {
        "BMS_TEXT",
        "BMS_IMAGE",
        "BMS_WIDE",
        "BMS_WIDE_ITEM_LIST",
        "BMS_CAROUSEL_FEED",
        "BMS_PREMIUM_VIDEO",
        "BMS_COMMERCE",
        "BMS_CAROUSEL_COMMERCE",
        "BMS_FREE",
    }
)
KAKAO_TYPES = BRAND_TYPES | {"ATA"}
NO_ROUTE_TYPES = frozenset(
    {"CTA", "CTI", "NSA", "RCS_SMS", "RCS_LMS", "RCS_MMS", "RCS_TPL", "RCS_ITPL", "RCS_LTPL", "FAX", "VOICE"}
)
"""FriendTalk (CTA, CTI) ended with 2025; the others are types of the provider that this server does not play."""

_SMS_BYTES = 90
_LMS_BYTES = 2000
_SUBJECT_BYTES = 40
_KAKAO_CHARACTERS = 1000
_BUTTONS = 5
_BUTTON_NAME = 14
_FIELD_NAME = 30
_FIELD_VALUE = 100

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Refusal(Exception):  # noqa: N818 - it is an answer, not an error
    """The message is refused with a 1xxx status code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def recipients(raw: dict[str, Any]) -> list[Any]:
    """The numbers that one entry of `messages` is for: `to` is one or a list of them."""
    to = raw.get("to")
    return to if to and isinstance(to, list) else [to]


def judge(account: Account, raw: dict[str, Any], to: object) -> tuple[str, str, str]:
    """Decide on one message for one recipient.

    Args:
        account: whose message it is.
        raw: an entry of `messages`.
        to: the recipient; digits only, or the message is refused.

    Returns:
        Type, text as the recipient reads it, and the status code that its delivery will end with.

    Raises:
        Refusal: the message is not accepted.
    """
    if not to:
        raise Refusal("1010")
    if not (isinstance(to, str) and to.isascii() and to.isdigit()):
        raise Refusal("1011")
    kind = message_type(raw)
    fields = raw.get("customFields")
    if fields:
        _check_fields(fields)
    _check_sender(account, raw, kind)
    fate = FATES.get(to[-4:])
    if fate and fate.stage is Stage.INTAKE:
        raise Refusal(fate.code)
    if kind in TEXT_TYPES:
        text = _checked_text(account, raw, kind)
        return kind, text, _end_of_text(fate)
    text, obstacle = _alimtalk(account, raw) if kind == "ATA" else (_brand_text(account, raw, kind), None)
    return kind, text, obstacle or (fate.code if fate else DELIVERED)


def message_type(raw: dict[str, Any]) -> str:
    """The type of a message: as given, or found from its content unless `autoTypeDetect` is false.

    Raises:
        Refusal: 1025 unknown, 1058 no route, 1010 neither given nor to be found.
    """
    given = raw.get("type")
    if given:
        kind = str(given).upper()
        if kind in NO_ROUTE_TYPES:
            raise Refusal("1058")
        if kind not in TEXT_TYPES and kind not in KAKAO_TYPES:
            raise Refusal("1025")
        return kind
    if raw.get("autoTypeDetect") is False:
        raise Refusal("1010")
    kakao = raw.get("kakaoOptions")
    if kakao:
        if not isinstance(kakao, dict):
            raise Refusal("1011")
        if kakao.get("bms"):
            return "BMS_FREE"
        if kakao.get("templateId"):
            return "ATA"
        raise Refusal("1058")
    if raw.get("imageId"):
        return "MMS"
    return text_type(str(raw.get("text") or ""), bool(raw.get("subject")))


def text_type(text: str, has_subject: bool) -> str:
    """SMS or LMS: a subject or more than 90 bytes make it an LMS."""
    return "LMS" if has_subject or len(text.encode("cp949", "replace")) > _SMS_BYTES else "SMS"


def falls_back(raw: dict[str, Any]) -> bool:
    """Whether the provider itself sends a text message when KakaoTalk fails: it does unless it is switched off."""
    return not (raw.get("kakaoOptions") or {}).get("disableSms")


def after_kakao(to: str) -> str:
    """The status with which the provider's own text message to a recipient ends."""
    return _end_of_text(FATES.get(to[-4:]))


def _end_of_text(fate: Fate | None) -> str:
    return DELIVERED if fate is None or fate.stage is Stage.KAKAO else fate.code


def _check_sender(account: Account, raw: dict[str, Any], kind: str) -> None:
    sender = raw.get("from")
    if sender:
        if not account.may_send_from(str(sender)):
            raise Refusal("1062")
    elif kind in TEXT_TYPES or falls_back(raw):
        raise Refusal("1062")


def _check_fields(fields: Any) -> None:
    if not isinstance(fields, dict):
        raise Refusal("1032")
    for name, value in fields.items():
        if not isinstance(value, str) or len(name) > _FIELD_NAME or len(value) > _FIELD_VALUE:
            raise Refusal("1032")


def _checked_text(account: Account, raw: dict[str, Any], kind: str) -> str:
    text, subject = raw.get("text"), raw.get("subject")
    if not text:
        raise Refusal("1010")
    if not isinstance(text, str) or (subject and not isinstance(subject, str)):
        raise Refusal("1011")
    if raw.get("kakaoOptions"):
        raise Refusal("1033")
    if _bytes(text) > (_SMS_BYTES if kind == "SMS" else _LMS_BYTES):
        raise Refusal("1031")
    if subject:
        _check_subject(subject, kind)
    if kind == "MMS":
        _check_image(account, raw.get("imageId"))
    return text


def _check_subject(subject: str, kind: str) -> None:
    if kind == "SMS":
        raise Refusal("1013")
    if _bytes(subject) > _SUBJECT_BYTES:
        raise Refusal("1014")


def _check_image(account: Account, image: object) -> None:
    if not image:
        raise Refusal("1034")
    if account.file_kind(image) != "MMS":
        raise Refusal("1023")


def _bytes(text: str) -> int:
    """Length in CP949, for a text that carriers take: printable, and within the 2,350 syllables of KS X 1001."""
    if _UNPRINTABLE.search(text):
        raise Refusal("1028")
    if text.isascii():
        return len(text)
    try:
        size = len(text.encode("cp949"))
        # Python's euc_kr spells a syllable outside of the 2,350 as a sequence of eight bytes.
        composed = len(text.encode("euc_kr")) == size
    except UnicodeEncodeError as error:
        raise Refusal("1029") from error
    if not composed:
        raise Refusal("1029")
    return size


def _alimtalk(account: Account, raw: dict[str, Any]) -> tuple[str, str | None]:
    """The text of an AlimTalk, and the failure that awaits it at Kakao, if one does."""
    kakao = raw.get("kakaoOptions")
    if not isinstance(kakao, dict) or not kakao.get("pfId") or not isinstance(kakao["pfId"], str):
        raise Refusal("1041")
    if not kakao.get("templateId") or not isinstance(kakao["templateId"], str):
        raise Refusal("1042")
    if kakao.get("buttons"):
        _check_buttons(kakao["buttons"])
    pf_id, text = kakao["pfId"], raw.get("text") or ""
    if account.pf_ids and pf_id not in account.pf_ids:
        return text, "3101"
    template = account.templates.get(kakao["templateId"])
    if template is None or template.pf_id != pf_id or template.status != "APPROVED":
        return text, "3105"
    buttons = kakao.get("buttons")
    differs = bool(text and not template.matches(text)) or bool(buttons and not template.has_buttons(buttons))
    values = _values(kakao.get("variables") or {})
    try:
        if not buttons:
            template.filled_buttons(values)
        text = text or template.fill(values)
    except VariableMissingError as error:
        raise Refusal("1043") from error
    if len(text) > _KAKAO_CHARACTERS:
        raise Refusal("1031")
    return text, "3103" if differs else None


def _values(given: object) -> dict[str, str]:
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise Refusal("1011")
    return given


def _brand_text(account: Account, raw: dict[str, Any], kind: str) -> str:
    kakao = raw.get("kakaoOptions")
    if not isinstance(kakao, dict) or not kakao.get("pfId"):
        raise Refusal("1041")
    if account.pf_ids and kakao["pfId"] not in account.pf_ids:
        raise Refusal("1041")
    text = raw.get("text") or ""
    if not isinstance(text, str):
        raise Refusal("1011")
    if kind == "BMS_FREE":
        if fault := brand.fault_of(kakao, text, account.file_kind):
            raise Refusal(fault)
    elif len(text) > _KAKAO_CHARACTERS:
        raise Refusal("1031")
    return text


def _check_buttons(buttons: Iterable[Any]) -> None:
    buttons = list(buttons)
    if len(buttons) > _BUTTONS:
        raise Refusal("1050")
    for button in buttons:
        if not isinstance(button, dict) or not button.get("buttonType"):
            raise Refusal("1044")
        if len(button.get("buttonName") or "") > _BUTTON_NAME:
            raise Refusal("1049")
