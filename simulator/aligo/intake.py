"""What the provider says to a call that sends: https://smartsms.aligo.in/smsapi.html and alimapi.html.

A character that EUC-KR lacks becomes a question mark. The numbers of errors, beside -99 and -101, are not published:
here they differ, so that a test can tell them apart.
"""

import re
from datetime import datetime, timedelta
from typing import NamedTuple

import orjson

from simulator.aligo.forms import Form
from simulator.aligo.model import Account, TemplateSpec
from simulator.clock import KST
from simulator.fates import FATES, Fate, Stage
from simulator.solapi.files import image_size

MOST_ALIKE, MOST_EACH = 1_000, 500
LONGEST = {"SMS": 90, "LMS": 2_000, "MMS": 2_000}
LONGEST_TITLE, LONGEST_TALK = 44, 1_000
LARGEST_IMAGE = 300 * 1024
NOT_READY, NO_KEY = -99, -101

DELIVERED, FAILED, UNDERWAY = "발송완료", "발송실패", "전송중"
_NUMBER = re.compile(r"\d{8,12}")
_SOONEST = timedelta(minutes=10)


class AligoError(Exception):
    """A call is answered with an error, in its own code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Order(NamedTuple):
    """A call that is taken: of which type, from whom, and each recipient with the words for it."""

    type: str
    sender: str
    title: str
    each: list[tuple[str, str]]


def texts_of(account: Account, form: Form, now: float, *, one_for_all: bool) -> Order:
    """The texts of a call. Raises AligoError."""
    sender = _text(form, "sender")
    if account.spec.senders and sender not in account.spec.senders:
        raise AligoError(-102, "등록되지 않은 발신번호입니다.")
    each = _each(form, one_for_all=one_for_all)
    title, kind = str(form.get("title") or ""), _type_of(form, each, told=not one_for_all)
    if any(not 1 <= _bytes(words) <= LONGEST[kind] for _, words in each):
        raise AligoError(-106, "msg: 메시지 길이 초과")
    if _bytes(title) > LONGEST_TITLE or (title and kind == "SMS"):
        raise AligoError(-107, "title")
    if not all(_NUMBER.fullmatch(number) for number, _ in each):
        raise AligoError(-103, "수신번호 오류")
    _in_time(str(form.get("rdate") or ""), str(form.get("rtime") or ""), now)
    return Order(kind, sender, arrives_as(title), [(number, arrives_as(words)) for number, words in each])


def _each(form: Form, *, one_for_all: bool) -> list[tuple[str, str]]:
    if one_for_all:
        words = _text(form, "msg")
        each = [(number, words) for number in _text(form, "receiver").split(",")]
        if len(each) > MOST_ALIKE:
            raise AligoError(-105, f"receiver: {MOST_ALIKE} 건까지 가능합니다.")
    else:
        numbers = sorted(int(name[4:]) for name in form if re.fullmatch(r"rec_\d+", name))
        count = _text(form, "cnt")
        if not count.isdecimal() or len(numbers) != int(count) or not 1 <= len(numbers) <= MOST_EACH:
            raise AligoError(-105, f"cnt: 1 ~ {MOST_EACH}")
        each = [(_text(form, f"rec_{number}"), _text(form, f"msg_{number}")) for number in numbers]
    return each


def _type_of(form: Form, each: list[tuple[str, str]], *, told: bool) -> str:
    """The type of a call. `told`: whether it must say so itself."""
    kind = str(form.get("msg_type") or "").upper()
    image = _image(form)
    if not kind and not told:
        kind = "MMS" if image else "SMS" if max(_bytes(words) for _, words in each) <= LONGEST["SMS"] else "LMS"
    if kind == "MMS" and not image:
        kind = "LMS"
    if kind not in LONGEST:
        raise AligoError(-104, "msg_type")
    return kind


def talks_of(account: Account, form: Form) -> tuple[TemplateSpec, Order]:
    """The AlimTalks of a call, with their template. Raises AligoError."""
    if form.get("senderkey") not in account.spec.sender_keys:
        raise AligoError(-201, "senderkey")
    template = account.template(form.get("tpl_code"))
    if template is None:
        raise AligoError(-202, "tpl_code")
    sender = _text(form, "sender")
    numbers = sorted(int(name[9:]) for name in form if re.fullmatch(r"receiver_\d+", name))
    if not 1 <= len(numbers) <= MOST_EACH:
        raise AligoError(-203, f"receiver: 1 ~ {MOST_EACH}")
    each = []
    for number in numbers:
        _text(form, f"subject_{number}")
        words, to = _text(form, f"message_{number}"), _text(form, f"receiver_{number}")
        if len(words) > LONGEST_TALK or not _NUMBER.fullmatch(to):
            raise AligoError(-204, f"message_{number}, receiver_{number}")
        if form.get("failover") == "Y":
            _text(form, f"fsubject_{number}"), _text(form, f"fmessage_{number}")
        each.append((to, words))
    return template, Order("AT", sender, "", each)


def has_buttons(template: TemplateSpec, form: Form, number: int) -> bool:
    """Whether a message has as many buttons as its template."""
    try:
        given = orjson.loads(form.get(f"button_{number}") or b'{"button": []}')["button"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return False
    return len(given) == len(template.buttons)


def is_taken(number: str) -> bool:
    fate = FATES.get(number[-4:])
    return fate is None or fate.stage is not Stage.INTAKE


def end_of(number: str) -> str | None:
    """The result that a text comes to; None while it is on its way."""
    fate: Fate | None = FATES.get(number[-4:])
    if fate is None or fate.stage in (Stage.DELIVERED, Stage.KAKAO):
        return DELIVERED
    return None if fate.stage is Stage.WAITING else FAILED


def arrives_as(text: str) -> str:
    return text.encode("cp949", "replace").decode("cp949")


def _bytes(text: str) -> int:
    return len(text.encode("cp949", "replace"))


def _text(form: Form, name: str) -> str:
    value = form.get(name)
    if not isinstance(value, str) or not value:
        raise AligoError(-100, f"{name}: 필수 값입니다.")
    return value


def _image(form: Form) -> bool:
    image = form.get("image") or form.get("image1")
    if not image:
        return False
    if not isinstance(image, bytes) or len(image) > LARGEST_IMAGE:
        raise AligoError(-108, "image: 300KB")
    if image_size(image) is None and not image.startswith(b"GIF8"):
        raise AligoError(-108, "image: JPEG, PNG, GIF")
    return True


def _in_time(date: str, time: str, now: float) -> None:
    if not date and not time:
        return
    try:
        when = datetime.strptime(date + (time or "0000"), "%Y%m%d%H%M").replace(tzinfo=KST)
    except ValueError as error:
        raise AligoError(-109, "rdate, rtime") from error
    if when < datetime.fromtimestamp(now, KST) + _SOONEST:
        raise AligoError(-109, "rdate, rtime: 10분 이후")
