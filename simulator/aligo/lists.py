"""What the provider tells of calls and of their recipients. AlimTalks are in the list of texts, too."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from simulator.aligo.forms import Form
from simulator.aligo.intake import UNDERWAY, AligoError
from simulator.aligo.model import Call, Message, written
from simulator.clock import KST

LONGEST_PAGE = 500


def page_of(entries: Sequence[dict[str, Any]], form: Form, size: str, shortest: int) -> dict[str, Any]:
    """A page of a list. `size`: the field that says how long one is. Raises AligoError."""
    try:
        number, length = int(str(form.get("page") or "1")), int(str(form.get(size) or shortest))
    except ValueError as error:
        raise AligoError(-100, f"page, {size}") from error
    if number < 1 or not shortest <= length <= LONGEST_PAGE:
        raise AligoError(-100, f"page, {size}: {shortest} ~ {LONGEST_PAGE}")
    first = (number - 1) * length
    more = len(entries) > first + length
    pages = {"currentPage": str(number), "totalPage": str(max(1, -(-len(entries) // length)))}
    return {"list": entries[first : first + length], "next_yn": "Y" if more else "N", **pages}


def calls_of(calls: Iterable[Call], form: Form) -> list[dict[str, Any]]:
    """Of `/list/`: from a day on, for so many days."""
    start = _day(form, "start_date")
    try:
        end = start + timedelta(days=int(str(form.get("limit_day") or "1"))) if start else None
    except ValueError as error:
        raise AligoError(-100, "limit_day") from error
    return [
        {
            "mid": str(call.mid),
            "type": call.type,
            "sender": call.sender,
            "sms_count": str(len(call.messages)),
            "reserve_state": "",
            "msg": call.msg,
            "fail_count": str(call.errors),
            "reg_date": written(call.created),
            "reserve": "",
        }
        for call in calls
        if start is None or end is None or start <= datetime.fromtimestamp(call.created, KST) < end
    ]


def details_of(calls: Iterable[Call], form: Form) -> list[dict[str, Any]]:
    """Of `/sms_list/`."""
    return [
        {
            "mdid": message.message_id,
            "type": message.type,
            "sender": message.sender,
            "receiver": message.to,
            "sms_state": message.result or UNDERWAY,
            "reg_date": written(message.created),
            "send_date": written(message.completed) if message.completed else "",
            "reserve_date": "",
        }
        for message in _of(calls, form)
    ]


def talks_of(calls: Iterable[Call], form: Form) -> list[dict[str, Any]]:
    """Of `/akv10/history/list/`: from a day to a day."""
    start, end = _day(form, "start_date"), _day(form, "enddate")
    return [
        {
            "mid": call.mid,
            "type": call.type,
            "sender": call.sender,
            "msg_count": len(call.messages),
            "mbody": call.msg,
            "reserve_date": "",
            "reserve_state": "",
            "regdate": written(call.created),
        }
        for call in calls
        if call.type == "AT"
        and (start is None or start <= datetime.fromtimestamp(call.created, KST))
        and (end is None or datetime.fromtimestamp(call.created, KST) < end + timedelta(days=1))
    ]


def talk_details_of(calls: Iterable[Call], form: Form) -> list[dict[str, Any]]:
    """Of `/akv10/history/detail/`."""
    return [
        {
            "msgid": message.message_id,
            "type": message.type,
            "sender": message.sender,
            "phone": message.to,
            "status": 3 if message.result else 1,
            "reqdate": written(message.created),
            "sentdate": written(message.created),
            "rsltdate": written(message.completed) if message.completed else "",
            "reportdate": written(message.completed) if message.completed else "",
            "rslt": message.result or "",
            "rslt_message": "" if message.result in (None, "0") else "실패",
            "message": message.text,
            "button_json": "",
            "tpl_code": message.template,
            "senderkey": message.sender_key,
            "smid": "",
        }
        for message in _of(calls, form)
        if message.type == "AT"
    ]


def _of(calls: Iterable[Call], form: Form) -> list[Message]:
    if not form.get("mid"):
        raise AligoError(-100, "mid")
    return [message for call in calls if str(call.mid) == form["mid"] for message in call.messages]


def _day(form: Form, name: str) -> datetime | None:
    given = str(form.get(name) or "")
    if not given:
        return None
    try:
        return datetime.strptime(given, "%Y%m%d").replace(tzinfo=KST)
    except ValueError as error:
        raise AligoError(-100, f"{name}: YYYYMMDD") from error
