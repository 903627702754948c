"""What the service says to a call that hands over messages, and to each recipient in it.

The limits are those of https://docs.nhncloud.com/ko/Notification/KakaoTalk%20Bizmessage/ko/alimtalk-api-guide/ and of
its guide to Brand Messages. The order of the checks is not published; here it is: channel, words, date, recipients.
"""

import re
from collections.abc import Callable
from datetime import datetime, time
from typing import Any, NamedTuple

from simulator.clock import KST
from simulator.fates import FATES, Stage
from simulator.nhn.kakao.codes import NOT_AT_THESE_HOURS, REFUSED_NUMBER, REFUSED_WHOLE, SUCCESS, result_of
from simulator.nhn.kakao.model import KakaoApp

MOST_RECIPIENTS = 1_000
LONGEST, LONGEST_VALUE = 1_300, 1_300
LONGER_THAN_VARIABLE = 14
MOST_BUTTONS, LONGEST_BUTTON = 5, 14
KEY_LASTS = 600.0
FROM, UNTIL = time(8), time(20, 50)
"""When Brand Messages leave."""

_SIXTY_DAYS = 60 * 24 * 3600
_MOBILE = re.compile(r"01[016789]\d{7,8}")
_VARIABLE = re.compile(r"#\{([^{}]+)\}")
_FREE_NUMBER = re.compile(r"080-?\d{3,4}-?\d{4}")


class KakaoError(Exception):
    """A call is answered with a failure inside."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Judged(NamedTuple):
    """A recipient: the code that answers for it, what it reads, the result that awaits it, whether texts replace it."""

    to: str
    recipient_key: str
    code: int
    text: str
    end: str | None
    resends: bool


class Call(NamedTuple):
    """A call that is taken."""

    kind: str
    sender_key: str
    template_code: str | None
    image: str | None
    group_key: str
    recipients: list[Judged]


def use_key(app: KakaoApp, key: str | None, now: float) -> None:
    """Raises KakaoError where a call's key was used within ten minutes, by whatever was asked."""
    if key is None:
        return
    used = app.keys.get(key)
    if used is not None and now - used < KEY_LASTS:
        raise KakaoError(-1005)
    app.keys[key] = now


def judge_alimtalk(app: KakaoApp, body: dict[str, Any], now: float) -> Call:
    """Decide on an AlimTalk call. Raises KakaoError: it is refused whole."""
    sender_key = _sender(app, body)
    code = _field(body, "templateCode", 20)
    template = app.templates.get((sender_key, code))
    if template is None:
        raise KakaoError(-3003)
    if template.status != "TSC03":
        raise KakaoError(-3005)
    _check_date(body.get("requestDate"), now)

    def write(entry: dict[str, Any]) -> str:
        return _filled(app, template.content, entry.get("templateParameter") or {})

    return Call("alimtalk", sender_key, code, None, _key(body, "senderGroupingKey"), _recipients(app, body, write))


def judge_brand(app: KakaoApp, body: dict[str, Any], now: float) -> Call:
    """Decide on a call of Brand Messages in free form. Raises KakaoError: it is refused whole."""
    sender_key = _sender(app, body)
    kind = _field(body, "chatBubbleType", 20)
    if kind not in ("TEXT", "IMAGE"):
        raise KakaoError(-3304)
    text = body.get("content")
    if not isinstance(text, str) or not text:
        raise KakaoError(-2001)
    if len(text) > LONGEST:
        raise KakaoError(-2024)
    image = _image(app, body) if kind == "IMAGE" else None
    _check_buttons(body.get("buttons") or [])
    _check_date(body.get("requestDate"), now)
    if (number := body.get("unsubscribeNo")) is not None and not _FREE_NUMBER.fullmatch(str(number)):
        raise KakaoError(-3340)

    def write(entry: dict[str, Any]) -> str:
        targeting = entry.get("targeting")
        if targeting is None:
            raise KakaoError(-3298)
        if targeting != "I":
            raise KakaoError(-4029 if targeting in ("M", "N") else -3304)
        return text

    recipients = _recipients(app, body, write)
    if not FROM <= datetime.fromtimestamp(now, KST).time() < UNTIL:
        recipients = [each._replace(end=NOT_AT_THESE_HOURS) for each in recipients]
    return Call("brand", sender_key, None, image, _key(body, "senderGroupingKey"), recipients)


def _image(app: KakaoApp, body: dict[str, Any]) -> str:
    image = (body.get("image") or {}).get("imageUrl")
    if not image:
        raise KakaoError(-3319)
    if image not in app.images:
        raise KakaoError(-8002)
    return str(image)


def _recipients(app: KakaoApp, body: dict[str, Any], write: Callable[[dict[str, Any]], str]) -> list[Judged]:
    listed = body.get("recipientList")
    if not isinstance(listed, list) or not listed:
        raise KakaoError(-2001)
    if len(listed) > MOST_RECIPIENTS:
        raise KakaoError(-2004)
    return [_judged(app, entry, write) for entry in listed]


def _judged(app: KakaoApp, entry: Any, write: Callable[[dict[str, Any]], str]) -> Judged:
    if not isinstance(entry, dict):
        raise KakaoError(-3002)
    number = _field(entry, "recipientNo", 15).replace("-", "")
    text = write(entry)
    fate = FATES.get(number[-4:])
    if fate and fate.code == REFUSED_WHOLE:
        raise KakaoError(-4019)
    refused = not _MOBILE.fullmatch(number) or (fate is not None and fate.stage is Stage.INTAKE)
    resends = (entry.get("resendParameter") or {}).get("isResend", app.resends)
    return Judged(
        number,
        _key(entry, "recipientGroupingKey"),
        REFUSED_NUMBER if refused else SUCCESS,
        text,
        None if refused else result_of(fate),
        resends,
    )


def _filled(app: KakaoApp, content: str, values: Any) -> str:
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise KakaoError(-3004)

    def value_of(slot: re.Match[str]) -> str:
        value = values.get(slot[1])
        if not value:
            raise KakaoError(-3004)
        if len(value) > LONGEST_VALUE:
            raise KakaoError(-3048)
        if app.is_new and len(value) - len(slot[0]) > LONGER_THAN_VARIABLE:
            raise KakaoError(-1028)
        return str(value)

    text = _VARIABLE.sub(value_of, content)
    if len(text) > LONGEST:
        raise KakaoError(-2019)
    return text


def _check_buttons(buttons: Any) -> None:
    if not isinstance(buttons, list) or len(buttons) > MOST_BUTTONS:
        raise KakaoError(-3304)
    for button in buttons:
        if not isinstance(button, dict) or not 0 < len(str(button.get("name") or "")) <= LONGEST_BUTTON:
            raise KakaoError(-3304)
        links = [link for name in ("linkMo", "linkPc") if (link := button.get(name)) is not None]
        if button.get("type") == "WL" and not button.get("linkMo"):
            raise KakaoError(-2018)
        if not all(str(link).startswith(("http://", "https://")) for link in links):
            raise KakaoError(-3310)


def _sender(app: KakaoApp, body: dict[str, Any]) -> str:
    key = _field(body, "senderKey", 40)
    if app.sender_keys and key not in app.sender_keys:
        raise KakaoError(-2017)
    return key


def _field(body: dict[str, Any], name: str, most: int) -> str:
    value = body.get(name)
    if value is None or value == "":
        raise KakaoError(-2001)
    if len(str(value)) > most:
        raise KakaoError(-2000)
    return str(value)


def _key(body: dict[str, Any], name: str) -> str:
    key = "" if body.get(name) is None else str(body[name])
    if len(key) > 100:
        raise KakaoError(-2000)
    return key


def _check_date(value: object, now: float) -> None:
    if value is None:
        return
    try:
        moment = datetime.strptime(str(value), "%Y-%m-%d %H:%M").replace(tzinfo=KST).timestamp()
    except ValueError as error:
        raise KakaoError(-2027) from error
    if moment < now - 60:
        raise KakaoError(-2025)
    if moment - now > _SIXTY_DAYS:
        raise KakaoError(-2026)
