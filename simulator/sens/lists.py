"""What the provider tells of messages: https://api.ncloud-docs.com/docs/sens-sms-list and its like for AlimTalk."""

from collections.abc import Iterable
from typing import Any

from starlette.datastructures import QueryParams

from simulator.clock import korean_span
from simulator.sens import talk
from simulator.sens.intake import DELIVERED, TIMED_OUT, SensError, bad
from simulator.sens.model import Message, written

LONGEST_PAGE = 100
_DAY = 24 * 3600


def page_of(messages: Iterable[Message], query: QueryParams, now: float, delay: float) -> dict[str, Any]:
    """A page of a list.

    Args:
        messages: of one service.
        query: as it was asked.
        now: the moment.
        delay: seconds by which the list is late.

    Raises:
        SensError: 400 for a question that may not be asked, 404 where there is nothing.
    """
    completed, requested = _window(query, "complete", _DAY), _window(query, "request", 30 * _DAY)
    if "requestId" not in query and completed is None and requested is None:
        raise bad("requestId, requestStartTime and requestEndTime, or completeStartTime and completeEndTime")
    found = [
        message
        for message in messages
        if message.request == query.get("requestId", message.request)
        and (requested is None or requested[0] <= message.created < requested[1] + 1)
        and (completed is None or (message.completed and completed[0] <= message.completed < completed[1] + 1))
        and message.to == query.get("to", message.to)
        and message.sender == query.get("from", message.sender)
        and message.type == query.get("type", message.type)
        and message.template == query.get("templateCode", message.template)
        and (message.channel is None or "requestId" in query or message.channel == query["plusFriendId"])
        and now - message.created >= delay
    ]
    size, first = int(query.get("pageSize", "20")), int(query.get("nextToken") or "0")
    if not 1 <= size <= LONGEST_PAGE:
        raise bad("pageSize")
    if not found:
        raise SensError(404, "300", "Not Found", "nothing is found")
    page = [_entry(message) for message in found[first : first + size]]
    more = str(first + size) if len(found) > first + size else None
    whole = {"statusCode": "200", "statusName": "success", "messages": page, "nextToken": more}
    return {**whole, "pageSize": size, "hasMore": more is not None, "itemCount": len(page)}


def show(message: Message) -> dict[str, Any]:
    """One message: a text as in a list, an AlimTalk by itself and with its words."""
    if message.channel is not None:
        return {**_entry(message), "content": message.content}
    return {"statusCode": "200", "statusName": "success", "messages": [_entry(message)]}


def _entry(message: Message) -> dict[str, Any]:
    completed = written(message.completed) if message.completed else None
    if message.channel is not None:
        return talk.entry_of(message, written(message.created), completed)
    done = message.result is not None
    return {
        "requestId": message.request,
        "messageId": message.message_id,
        "requestTime": written(message.created),
        "contentType": message.content_type,
        "type": message.type,
        "subject": message.subject or None,
        "content": message.content,
        "countryCode": "82",
        "from": message.sender,
        "to": message.to,
        "completeTime": completed,
        "status": "COMPLETED" if done else "PROCESSING",
        "statusCode": message.result,
        "statusName": ("success" if message.result == DELIVERED else "fail") if done else None,
        "statusMessage": "timeout" if message.result == TIMED_OUT else None,
        "telcoCode": "SKT" if done else None,
    }


def _window(query: QueryParams, of: str, longest: float) -> tuple[float, float] | None:
    first, last = query.get(f"{of}StartTime"), query.get(f"{of}EndTime")
    if first is None or last is None:
        return None
    try:
        start, end = korean_span(first, last)
    except ValueError as error:
        raise bad(f"{of}StartTime and {of}EndTime are written YYYY-MM-DD HH:mm:ss") from error
    if end < start or end - start > longest:
        raise bad(f"{of}StartTime and {of}EndTime are too far apart")
    return start, end
