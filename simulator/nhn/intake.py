"""What the provider says to a call that hands over messages, and to each recipient in it.

The limits are those of https://docs.nhncloud.com/ko/Notification/SMS/ko/api-guide/. The order of the checks is not
published; here it is: recipients, sender, words, date, quota.
"""

import base64
import re
from datetime import datetime
from typing import Any, NamedTuple

from simulator.clock import KST
from simulator.fates import FATES, Stage
from simulator.nhn.codes import REFUSED_WHOLE, SUCCESS, refusal_of, result_of
from simulator.nhn.model import App, File

MOST_RECIPIENTS = 1_000
KEPT = {"sms": 255, "mms": 4_000}
"""Characters of a body; what is longer is refused."""
STANDARD = {"sms": 90, "mms": 2_000}
"""Bytes of a body that reach a phone; what is longer is cut."""
KEPT_TITLE, STANDARD_TITLE = 120, 40
LONGEST_FILE_NAME = 45
LARGEST_FILE = 300 * 1024
MOST_FILES = 3
_SEVEN_DAYS = 7 * 24 * 3600
_KEY = 100
_SIXTY_DAYS = 60 * 24 * 3600
_MOBILE = re.compile(r"01[016789]\d{7,8}")


class NhnError(Exception):
    """A call is answered with a failure inside."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Judged(NamedTuple):
    """A recipient: the code that answers for it, and the result that awaits its message."""

    to: str
    recipient_key: str
    code: int
    end: str | None


class Call(NamedTuple):
    """A call that is taken. `text` and `title` as a recipient reads them."""

    send_no: str
    title: str
    text: str
    sender_key: str
    recipients: list[Judged]
    files: tuple[str, ...] = ()


def judge(app: App, kind: str, body: dict[str, Any], now: float) -> Call:
    """Decide on a call.

    Args:
        app: whose it is.
        kind: `sms` or `mms`.
        body: the request's.
        now: seconds since the epoch.

    Raises:
        NhnError: the call is refused whole.
    """
    listed = body.get("recipientList")
    if not isinstance(listed, list) or not listed:
        raise NhnError(-2001)
    if len(listed) > MOST_RECIPIENTS:
        raise NhnError(-2016)
    recipients = [_recipient(entry) for entry in listed]
    send_no = str(body.get("sendNo") or "")
    if not send_no or (app.senders and send_no not in app.senders):
        raise NhnError(-2312)
    text = _words(body.get("body"), KEPT[kind])
    title = _words(body.get("title"), KEPT_TITLE) if kind == "mms" else ""
    _check_date(body.get("requestDate"), now)
    sender_key = _key(body.get("senderGroupingKey"))
    files = _files(app, body.get("attachFileIdList"), now) if kind == "mms" else ()
    return Call(send_no, _cut(title, STANDARD_TITLE), _cut(text, STANDARD[kind]), sender_key, recipients, files)


def keep_file(app: App, body: dict[str, Any], now: float) -> dict[str, Any]:
    """Take a picture that comes before its message.

    Raises:
        NhnError: it is none, or too large.
    """
    name = str(body.get("fileName") or "")
    if not name or len(name) > LONGEST_FILE_NAME:
        raise NhnError(-2002)
    if not name.lower().endswith((".jpg", ".jpeg")):
        raise NhnError(-2003)
    try:
        content = base64.b64decode(str(body.get("fileBody") or ""), validate=True)
    except ValueError as error:
        raise NhnError(-2009) from error
    if not 0 < len(content) <= LARGEST_FILE:
        raise NhnError(-2005)
    file_id = len(app.files) + 1
    app.files[file_id] = File(name, now + _SEVEN_DAYS)
    return {"data": {"fileId": file_id, "fileName": name, "filePath": "temp"}}


def _files(app: App, ids: object, now: float) -> tuple[str, ...]:
    if ids is None:
        return ()
    if not isinstance(ids, list) or len(ids) > MOST_FILES:
        raise NhnError(-9997)
    kept = [app.files.get(each) for each in ids if isinstance(each, int)]
    if len(kept) < len(ids) or any(file is None or file.until < now for file in kept):
        raise NhnError(-2004)
    return tuple(file.name for file in kept if file is not None)


def _recipient(entry: Any) -> Judged:
    if not isinstance(entry, dict):
        raise NhnError(-9997)
    number = str(entry.get("recipientNo") or "").replace("-", "")
    if not number:
        raise NhnError(-2018)
    fate = FATES.get(number[-4:])
    if not _MOBILE.fullmatch(number) or (fate and fate.code == REFUSED_WHOLE):
        raise NhnError(-2019)
    refused = fate is not None and fate.stage is Stage.INTAKE
    code = refusal_of(fate) if fate and refused else SUCCESS
    return Judged(number, _key(entry.get("recipientGroupingKey")), code, None if refused else result_of(fate))


def _key(value: object) -> str:
    key = "" if value is None else str(value)
    if len(key) > _KEY:
        raise NhnError(4)
    return key


def _words(value: object, most: int) -> str:
    if not isinstance(value, str) or not value:
        raise NhnError(-2014)
    if len(value) > most:
        raise NhnError(-2015)
    try:
        value.encode("cp949")
    except UnicodeEncodeError as error:
        raise NhnError(-2023) from error
    return value


def _cut(text: str, most: int) -> str:
    return text.encode("cp949")[:most].decode("cp949", "ignore")


def _check_date(value: object, now: float) -> None:
    if value is None:
        return
    try:
        moment = datetime.strptime(str(value), "%Y-%m-%d %H:%M").replace(tzinfo=KST).timestamp()
    except ValueError as error:
        raise NhnError(-2000) from error
    if moment < now or moment - now > _SIXTY_DAYS:
        raise NhnError(-2022)
