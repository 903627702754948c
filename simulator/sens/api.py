"""The provider and its HTTP side: https://sens.apigw.ntruss.com as it answers."""

import asyncio
import base64
import hashlib
import hmac
import uuid
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import unquote

import orjson
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.accepted import AcceptedList
from simulator.clock import Clock, korean_span
from simulator.fates import FATES, Stage
from simulator.faults import Faults
from simulator.sens.intake import (
    DELIVERED,
    LONGEST,
    LONGEST_SUBJECT,
    TIMED_OUT,
    SensError,
    bad,
    check,
    cut,
    end_of,
    result_named,
)
from simulator.sens.model import Message, Service, ServiceSpec, written

PATHS = ("/sms/v2/",)
AFTER_ACCEPTANCE = (Stage.PLATFORM, Stage.CARRIER)
_SKEW = 300
_DAY = 24 * 3600
LONGEST_PAGE = 100

Handler = Callable[[Service, Request], Awaitable[Response]]


class Sens:
    """All services and what they have in the air. Must be used on the event loop of the server."""

    name = "sens"
    spec = ServiceSpec

    def __init__(self, clock: Clock, accepted: AcceptedList, faults: Faults) -> None:
        self._clock = clock
        self._accepted = accepted
        self._faults = faults
        self._services: dict[str, Service] = {}

    def routes(self) -> list[Route]:
        """What this server plays of /sms/v2/services/{serviceId}."""
        base = "/sms/v2/services/{service_id}/messages"
        return [
            self._route("POST", base, self._send),
            self._route("GET", base, self._list),
            self._route("GET", f"{base}/{{message_id}}", self._show),
        ]

    def register(self, spec: Any) -> dict[str, Any]:
        """Add a service or change one. Gives it without its secrets."""
        known = self._services.get(spec.service_id)
        service = Service(spec.service_id, spec.access_key, spec.secret_key, frozenset(spec.senders))
        if known is not None:
            service.messages = known.messages
        self._services[spec.service_id] = service
        return service.view()

    def views(self) -> list[dict[str, Any]]:
        """Every service, without its secrets."""
        return [service.view() for service in self._services.values()]

    def report(self, code: str, message_id: str | None, to: str | None, *, own: bool) -> int | None:
        """Let the carrier say something of a message, or of all to a number; `own`: whether in this provider's code.

        Returns:
            Of how many; None where there is no such code.
        """
        fate = FATES.get(code)
        is_known = code.isdecimal() if own else code == "4000" or (fate and fate.stage in AFTER_ACCEPTANCE)
        if not is_known:
            return None
        result = code if own else result_named(code)
        found = [
            message
            for service in self._services.values()
            for message in service.messages
            if message.message_id == message_id or (message.to == to and message.result is None)
        ]
        for message in found:
            message.end, message.result = result, None
        self._settle(found)
        return len(found)

    def _route(self, method: str, path: str, handler: Handler) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                return await handler(self._caller(request), request)
            except SensError as error:
                body = {"errorCode": error.code, "message": error.message, "details": error.details}
                return _json({"error": body}, error.status)

        return Route(path, endpoint, methods=[method])

    def _caller(self, request: Request) -> Service:
        """Whose request it is: what is signed is the first line as it came, raw or percent-encoded."""
        service = self._services.get(unquote(request.path_params["service_id"]))
        header, moment = request.headers, request.headers.get("x-ncp-apigw-timestamp", "")
        if service is None:
            raise SensError(404, "300", "Not Found", "Service is not found.")
        line = request.scope["raw_path"].decode()
        if request.scope["query_string"]:
            line += "?" + request.scope["query_string"].decode()
        signed = f"{request.method} {line}\n{moment}\n{header.get('x-ncp-iam-access-key')}".encode()
        digest = base64.b64encode(hmac.new(service.secret_key.encode(), signed, hashlib.sha256).digest()).decode()
        is_now = moment.isdecimal() and abs(int(moment) / 1000 - self._clock()) <= _SKEW
        is_signed = hmac.compare_digest(digest.encode(), header.get("x-ncp-apigw-signature-v2", "").encode())
        if not (is_now and is_signed and header.get("x-ncp-iam-access-key") == service.access_key):
            raise SensError(401, "200", "Authentication Failed", "Invalid authentication information.")
        return service

    async def _send(self, service: Service, request: Request) -> Response:
        try:
            body = orjson.loads(await request.body())
        except orjson.JSONDecodeError as error:
            raise bad("not JSON") from error
        entries, now = check(service, body), self._clock()
        kind, named = str(body["type"]).upper(), f"VORSSA-{uuid.uuid4().hex}"
        messages = []
        for entry in entries:
            content = str(entry.get("content") or body["content"])
            subject = str(entry.get("subject") or body.get("subject") or "") if kind == "LMS" else ""
            messages.append(
                Message(
                    message_id=str(uuid.uuid4()),
                    request=named,
                    type=kind,
                    content_type=body.get("contentType", "COMM"),
                    sender=str(body["from"]),
                    to=entry["to"],
                    subject=cut(subject, LONGEST_SUBJECT),
                    content=content,
                    text=cut(content, LONGEST[kind]),
                    created=now,
                    end=end_of(entry["to"], content),
                )
            )
        service.messages += messages
        self._accepted.add(messages)
        plan, loop = self._faults.plan, asyncio.get_running_loop()
        timely, late = self._faults.split_late(messages)
        loop.call_later(plan.report_delay_ms / 1000, self._settle, timely)
        if late:
            loop.call_later((plan.report_delay_ms + plan.report_late_ms) / 1000, self._settle, late)
        taken = {"requestId": named, "requestTime": written(now), "statusCode": "202", "statusName": "success"}
        return _json(taken, 202)

    def _settle(self, messages: Iterable[Message]) -> None:
        for message in messages:
            if message.result is None and message.end is not None:
                message.result, message.completed = message.end, self._clock()

    async def _list(self, service: Service, request: Request) -> Response:
        query = request.query_params
        completed, requested = _window(query, "complete", _DAY), _window(query, "request", 30 * _DAY)
        if "requestId" not in query and completed is None and requested is None:
            raise bad("requestId, requestStartTime and requestEndTime, or completeStartTime and completeEndTime")
        now, delay = self._clock(), self._faults.plan.list_delay_ms / 1000
        found = [
            message
            for message in service.messages
            if message.request == query.get("requestId", message.request)
            and (requested is None or requested[0] <= message.created < requested[1] + 1)
            and (completed is None or (message.completed and completed[0] <= message.completed < completed[1] + 1))
            and message.to == query.get("to", message.to)
            and message.sender == query.get("from", message.sender)
            and message.type == query.get("type", message.type)
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
        return _json({**whole, "pageSize": size, "hasMore": more is not None, "itemCount": len(page)})

    async def _show(self, service: Service, request: Request) -> Response:
        for message in service.messages:
            if message.message_id == request.path_params["message_id"]:
                return _json({"statusCode": "200", "statusName": "success", "messages": [_entry(message)]})
        raise SensError(404, "300", "Not Found", "nothing is found")


def refusal(status: int, code: str, message: str) -> dict[str, Any]:
    """What stands in the way, in the gateway's words."""
    return {"error": {"errorCode": "400" if status == 429 else "900", "message": message, "details": message}}


def _entry(message: Message) -> dict[str, Any]:
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
        "completeTime": written(message.completed) if message.completed else None,
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


def _json(content: dict[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
