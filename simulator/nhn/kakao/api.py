"""The HTTP side: https://kakaotalk-bizmessage.api.nhncloudservice.com. HTTP says 200 also to what is refused."""

import hmac
from collections.abc import Awaitable, Callable
from datetime import datetime
from email import message_from_bytes
from hashlib import sha256
from typing import Any

import orjson
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.clock import KST
from simulator.nhn.kakao.codes import SENTENCES, SUCCESS
from simulator.nhn.kakao.intake import Call, KakaoError, judge_alimtalk, judge_brand, use_key
from simulator.nhn.kakao.model import KakaoApp, Message
from simulator.nhn.kakao.provider import NhnKakao, entry_of, update_of
from simulator.nhn.kakao.templates import TemplateApi

ALIMTALK, BRAND = "/alimtalk/v2.3/appkeys/{app_key}", "/brand-message/v1.0/appkeys/{app_key}"
PATHS = ("/alimtalk/v2.3/", "/brand-message/v1.0/")
DEFAULT_PAGE, LONGEST_PAGE = 15, 1_000
LARGEST_IMAGE = 5 * 1024 * 1024
_MONTH = 31 * 24 * 3600

Handler = Callable[[KakaoApp, Request], Awaitable[dict[str, Any]]]


class KakaoApi:
    """Routes of the service, each answering JSON."""

    def __init__(self, provider: NhnKakao) -> None:
        self._provider = provider
        self._templates = TemplateApi(provider)

    def routes(self) -> list[Route]:
        """What this server plays of both products."""
        templates, of = self._templates, f"{ALIMTALK}/senders/{{sender_key}}/templates"
        return [
            self._route("POST", f"{ALIMTALK}/messages", self._send_alimtalk),
            self._route("GET", f"{ALIMTALK}/messages", self._list("alimtalk")),
            self._route("GET", f"{ALIMTALK}/messages/{{request}}/{{seq}}", self._show("alimtalk")),
            self._route("GET", f"{ALIMTALK}/message-results", self._results),
            self._route("GET", of, templates.list),
            self._route("POST", of, templates.create),
            self._route("GET", f"{of}/{{code}}", templates.show),
            self._route("PUT", f"{of}/{{code}}", templates.change),
            self._route("DELETE", f"{of}/{{code}}", templates.delete),
            self._route("POST", f"{of}/{{code}}/comments", templates.comment),
            self._route("POST", f"{BRAND}/freestyle-messages", self._send_brand),
            self._route("GET", f"{BRAND}/messages", self._list("brand")),
            self._route("GET", f"{BRAND}/messages/{{request}}/{{seq}}", self._show("brand")),
            self._route("POST", f"{BRAND}/images", self._upload),
        ]

    def _route(self, method: str, path: str, handler: Handler) -> Route:
        async def endpoint(request: Request) -> Response:
            named = f"{request.method} {request.url.path}"
            if self._provider.faults.fails_inside(named):
                return _answer(-9999)
            try:
                body = await handler(self._caller(request), request)
            except KakaoError as error:
                return _answer(error.code)
            if self._provider.faults.fails_after(named):
                return _answer(-9999)
            return _answer(body.pop("code", SUCCESS), body)

        return Route(path, endpoint, methods=[method])

    def _caller(self, request: Request) -> KakaoApp:
        app = self._provider.apps.get(request.path_params["app_key"])
        if app is None:
            raise KakaoError(-1000)
        if not hmac.compare_digest(request.headers.get("x-secret-key", "").encode(), app.secret_key.encode()):
            raise KakaoError(-1001)
        return app

    async def _send_alimtalk(self, app: KakaoApp, request: Request) -> dict[str, Any]:
        now = self._provider.clock()
        use_key(app, request.headers.get("x-nc-api-idempotency-key"), now)
        return self._sent(app, judge_alimtalk(app, await json_of(request), now))

    async def _send_brand(self, app: KakaoApp, request: Request) -> dict[str, Any]:
        # The guide has no idempotency key here, so one that is sent says nothing.
        return self._sent(app, judge_brand(app, await json_of(request), self._provider.clock()))

    def _sent(self, app: KakaoApp, call: Call) -> dict[str, Any]:
        named, results = self._provider.send(app, call)
        listed = [
            {
                "recipientSeq": seq,
                "recipientNo": recipient.to,
                "resultCode": code,
                "resultMessage": SENTENCES[code],
                "recipientGroupingKey": recipient.recipient_key or None,
            }
            for recipient, (seq, code) in zip(call.recipients, results, strict=True)
        ]
        message = {"requestId": named, "senderGroupingKey": call.group_key or None, "sendResults": listed}
        return {"code": SUCCESS if any(code == SUCCESS for _, code in results) else -1031, "message": message}

    def _list(self, kind: str) -> Handler:
        async def found(app: KakaoApp, request: Request) -> dict[str, Any]:
            query = request.query_params
            if "requestId" in query:
                pool = app.by_request.get(query["requestId"], [])
            else:
                dates = ("RequestDate", "CreateDate") if kind == "alimtalk" else ("RequestDate",)
                start, end = next((span for of in dates if (span := _window(query, of)) is not None), (None, None))
                if start is None or end is None:
                    raise KakaoError(-4000)
                pool = [message for message in app.messages if start <= message.created < end + 60]
            entries = [
                entry_of(message)
                for message in pool
                if message.kind == kind
                and self._is_listed(message)
                and message.group_key == query.get("senderGroupingKey", message.group_key)
                and message.recipient_key == query.get("recipientGroupingKey", message.recipient_key)
                and message.to == query.get("recipientNo", message.to)
            ]
            page = _page(query, entries)
            return {"messageSearchResultResponse": {"messages": page, "totalCount": len(entries)}}

        return found

    def _show(self, kind: str) -> Handler:
        async def found(app: KakaoApp, request: Request) -> dict[str, Any]:
            for message in app.by_request.get(request.path_params["request"], []):
                is_it = message.kind == kind and str(message.seq) == request.path_params["seq"]
                if is_it and self._is_listed(message):
                    return {"message": entry_of(message)}
            raise KakaoError(-1016)

        return found

    async def _results(self, app: KakaoApp, request: Request) -> dict[str, Any]:
        query = request.query_params
        span = _window(query, "UpdateDate")
        if span is None:
            raise KakaoError(-4000)
        found = [
            update_of(message)
            for message in app.messages
            if message.kind == "alimtalk"
            and message.result
            and span[0] <= message.updated < span[1] + 60
            and self._is_listed(message)
        ]
        return {"messages": _page(query, found)}

    async def _upload(self, app: KakaoApp, request: Request) -> dict[str, Any]:
        kind = request.headers.get("content-type", "").encode()
        form = message_from_bytes(b"Content-Type: " + kind + b"\r\n\r\n" + await request.body())
        parts = {
            part.get_param("name", header="content-disposition"): part
            for part in (form.walk() if form.is_multipart() else ())
        }
        if not {"image", "imageType"} <= parts.keys() or parts["imageType"].get_payload() != "IMAGE":
            raise KakaoError(-3002)
        name, content = str(parts["image"].get_filename()), parts["image"].get_payload(decode=True)
        if not name.lower().endswith((".jpg", ".jpeg", ".png")):
            raise KakaoError(-4009)
        if not isinstance(content, bytes) or not 0 < len(content) <= LARGEST_IMAGE:
            raise KakaoError(-4007)
        number = len(app.images) + 1
        url = f"https://mud-kage.kakao.invalid/{app.app_key}/{number}.jpg"
        app.images[url] = sha256(content).hexdigest()
        return {"image": {"imageSeq": number, "imageUrl": url, "imageName": name}}

    def _is_listed(self, message: Message) -> bool:
        return self._provider.clock() - message.created >= self._provider.faults.plan.list_delay_ms / 1000


async def json_of(request: Request) -> dict[str, Any]:
    """A request's body. Raises KakaoError."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise KakaoError(-9996)
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise KakaoError(-3002) from error
    if not isinstance(body, dict):
        raise KakaoError(-3002)
    return body


def _window(query: QueryParams, of: str) -> tuple[float, float] | None:
    """Seconds since the epoch, in whole minutes; the last one is within."""
    first, last = query.get(f"start{of}"), query.get(f"end{of}")
    if first is None or last is None:
        return None
    try:
        start, end = (
            datetime.strptime(each, "%Y-%m-%d %H:%M").replace(tzinfo=KST).timestamp() for each in (first, last)
        )
    except ValueError as error:
        raise KakaoError(-2027) from error
    if end < start or end - start > _MONTH:
        raise KakaoError(-4003)
    return start, end


def _page(query: QueryParams, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    number, size = query.get("pageNum", "1"), query.get("pageSize", str(DEFAULT_PAGE))
    if not (number.isdecimal() and size.isdecimal() and int(number) and 1 <= int(size) <= LONGEST_PAGE):
        raise KakaoError(-4000)
    first = (int(number) - 1) * int(size)
    return entries[first : first + int(size)]


def _answer(code: int, body: dict[str, Any] | None = None) -> Response:
    header = {"isSuccessful": code == SUCCESS, "resultCode": code, "resultMessage": SENTENCES[code]}
    return Response(orjson.dumps({"header": header, **(body or {})}), media_type="application/json")
