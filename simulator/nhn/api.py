"""The HTTP side: https://sms.api.nhncloudservice.com as it answers. HTTP says 200 also to what is refused."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.clock import korean_span
from simulator.nhn.codes import SENTENCES, SUCCESS
from simulator.nhn.intake import NhnError, judge, keep_file
from simulator.nhn.model import App, Message
from simulator.nhn.provider import Nhn, entry_of, update_of

PATHS = ("/sms/v3.0/",)
DEFAULT_PAGE, LONGEST_PAGE = 15, 1_000
_DAY, _MONTH = 24 * 3600, 31 * 24 * 3600
_KINDS = ("sms", "mms")

Handler = Callable[[App, Request], Awaitable[dict[str, Any]]]


class NhnApi:
    """Routes of the provider, each answering JSON."""

    def __init__(self, provider: Nhn) -> None:
        self._provider = provider

    def routes(self) -> list[Route]:
        """What this server plays of /sms/v3.0/appKeys/{appKey}."""
        return [
            self._route("POST", "/sender/{kind}", self._send),
            self._route("GET", "/sender/{kind}", self._list),
            self._route("GET", "/sender/{kind}/{request}", self._show),
            self._route("GET", "/message-results", self._results),
            self._route("POST", "/attachfile/binaryUpload", self._upload),
        ]

    def _route(self, method: str, path: str, handler: Handler) -> Route:
        async def endpoint(request: Request) -> Response:
            named = f"{request.method} {request.url.path}"
            if self._provider.faults.fails_inside(named):
                return _answer(-9999)
            try:
                body = await handler(self._caller(request), request)
            except NhnError as error:
                return _answer(error.code)
            return _answer(-9999) if self._provider.faults.fails_after(named) else _answer(SUCCESS, body)

        return Route(f"/sms/v3.0/appKeys/{{app_key}}{path}", endpoint, methods=[method])

    def _caller(self, request: Request) -> App:
        app = self._provider.apps.get(request.path_params["app_key"])
        if app is None:
            raise NhnError(-1001)
        if not hmac.compare_digest(request.headers.get("x-secret-key", "").encode(), app.secret_key.encode()):
            raise NhnError(-1000)
        return app

    async def _send(self, app: App, request: Request) -> dict[str, Any]:
        kind = _kind(request)
        call = judge(app, kind, await _json(request), self._provider.clock())
        named, results = self._provider.send(app, kind, call)
        listed = [
            {
                "recipientNo": recipient.to,
                "resultCode": code,
                "resultMessage": SENTENCES[code],
                "recipientSeq": seq,
                "recipientGroupingKey": recipient.recipient_key or None,
            }
            for recipient, (seq, code) in zip(call.recipients, results, strict=True)
        ]
        return {
            "data": {
                "requestId": named,
                "statusCode": "2",
                "senderGroupingKey": call.sender_key or None,
                "sendResultList": listed,
            }
        }

    async def _upload(self, app: App, request: Request) -> dict[str, Any]:
        return keep_file(app, await _json(request), self._provider.clock())

    async def _list(self, app: App, request: Request) -> dict[str, Any]:
        kind, query = _kind(request), request.query_params
        if "requestId" in query:
            pool = app.by_request.get(query["requestId"], [])
        else:
            start, end = _window(query, "CreateDate", _MONTH) or _window(query, "RequestDate", _MONTH) or _none()
            pool = [message for message in app.messages if start <= message.created <= end]
        found = [
            message
            for message in pool
            if message.kind == kind
            and self._is_listed(message)
            and message.sender_key == query.get("senderGroupingKey", message.sender_key)
            and message.recipient_key == query.get("recipientGroupingKey", message.recipient_key)
            and message.to == query.get("recipientNo", message.to)
            and message.status == query.get("msgStatus", message.status)
            and query.get("resultCode") in (None, message.result)
        ]
        return _page(query, [entry_of(message) for message in found])

    async def _show(self, app: App, request: Request) -> dict[str, Any]:
        seq = request.query_params.get("recipientSeq")
        for message in app.by_request.get(request.path_params["request"], []):
            if message.kind == _kind(request) and str(message.seq) == seq and self._is_listed(message):
                return {"data": entry_of(message)}
        raise NhnError(-2008)

    async def _results(self, app: App, request: Request) -> dict[str, Any]:
        query = request.query_params
        start, end = _window(query, "UpdateDate", _DAY) or _none()
        found = [
            update_of(message)
            for message in app.messages
            if message.result
            and start <= message.updated < end + 1
            and query.get("messageType") in (None, message.type)
            and self._is_listed(message)
        ]
        return _page(query, found)

    def _is_listed(self, message: Message) -> bool:
        return self._provider.clock() - message.created >= self._provider.faults.plan.list_delay_ms / 1000


def refusal(status: int, code: str, message: str) -> dict[str, Any]:
    """What stands before the provider fails in its words."""
    return {"header": {"isSuccessful": False, "resultCode": -9999, "resultMessage": message}}


async def _json(request: Request) -> dict[str, Any]:
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise NhnError(-9996)
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise NhnError(-9997) from error
    if not isinstance(body, dict):
        raise NhnError(-9997)
    return body


def _kind(request: Request) -> str:
    kind: str = request.path_params["kind"]
    if kind not in _KINDS:
        raise NhnError(-9997)
    return kind


def _none() -> tuple[float, float]:
    raise NhnError(-2011)


def _window(query: QueryParams, of: str, longest: float) -> tuple[float, float] | None:
    first, last = query.get(f"start{of}"), query.get(f"end{of}")
    if first is None or last is None:
        return None
    try:
        start, end = korean_span(first, last)
    except ValueError as error:
        raise NhnError(-2000) from error
    if end < start or end - start > longest:
        raise NhnError(-4000)
    return start, end


def _page(query: QueryParams, entries: list[dict[str, Any]]) -> dict[str, Any]:
    number, size = query.get("pageNum", "1"), query.get("pageSize", str(DEFAULT_PAGE))
    if not (number.isdecimal() and size.isdecimal() and int(number) and 1 <= int(size) <= LONGEST_PAGE):
        raise NhnError(-1005)
    first = (int(number) - 1) * int(size)
    page = entries[first : first + int(size)]
    return {"pageNum": int(number), "pageSize": int(size), "totalCount": len(entries), "data": page}


def _answer(code: int, body: dict[str, Any] | None = None) -> Response:
    header = {"isSuccessful": code == SUCCESS, "resultCode": code, "resultMessage": SENTENCES[code]}
    return Response(orjson.dumps({"header": header, "body": body}), media_type="application/json")
