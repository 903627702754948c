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
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.accepted import AcceptedList
from simulator.alimtalk import codes
from simulator.clock import Clock
from simulator.fates import FATES, Stage
from simulator.faults import Faults
from simulator.sens import talk
from simulator.sens.intake import (
    LONGEST,
    LONGEST_SUBJECT,
    SensError,
    bad,
    check,
    check_files,
    cut,
    end_of,
    keep,
    result_named,
)
from simulator.sens.lists import page_of, show
from simulator.sens.model import Message, Service, ServiceSpec, written

PATHS = ("/sms/v2/", "/alimtalk/v2/")
AFTER_ACCEPTANCE = (Stage.PLATFORM, Stage.CARRIER, Stage.KAKAO)
ALIMTALK = "ALIMTALK"
_SKEW = 300

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
        """What this server plays of /sms/v2/services/{serviceId} and /alimtalk/v2/services/{serviceId}."""
        sms, alimtalk = (f"/{name}/v2/services/{{service_id}}" for name in ("sms", "alimtalk"))
        return [
            self._route("POST", f"{sms}/messages", self._send),
            self._route("POST", f"{sms}/files", self._keep),
            self._route("POST", f"{alimtalk}/messages", self._talk),
            *(self._route("GET", f"{base}/messages", self._list) for base in (sms, alimtalk)),
            *(self._route("GET", f"{base}/messages/{{message_id}}", self._show) for base in (sms, alimtalk)),
        ]

    def register(self, spec: Any) -> dict[str, Any]:
        """Add a project or change one. Gives it without its secrets."""
        ids = [each for each in (spec.service_id, spec.kakao_service_id) if each is not None]
        known = next((self._services[each] for each in ids if each in self._services), None)
        service = Service(spec)
        if known is not None:
            service.messages, service.files = known.messages, known.files
        self._services |= dict.fromkeys(ids, service)
        return service.view()

    def views(self) -> list[dict[str, Any]]:
        """Every project, without its secrets."""
        return [service.view() for service in self._all()]

    def report(self, code: str, message_id: str | None, to: str | None, *, own: bool) -> int | None:
        """Let the carrier or Kakao say something of a message, or of all to a number.

        Args:
            code: in this provider's `own` words, or one by which the fates of all are called.
            message_id, to: which.

        Returns:
            Of how many; None where there is no such code.
        """
        fate = FATES.get(code)
        is_known = code.isdecimal() if own else code == "4000" or (fate and fate.stage in AFTER_ACCEPTANCE)
        if not is_known:
            return None
        only_talks = not own and fate is not None and fate.stage is Stage.KAKAO
        found = [
            message
            for service in self._all()
            for message in service.messages
            if message.refusal is None
            and (message.type == ALIMTALK or not only_talks)
            and (message.message_id == message_id or (message.to == to and not _is_final(message)))
        ]
        for message in found:
            is_talk = message.type == ALIMTALK
            named = codes.named(code, talk.DELIVERED) if is_talk else result_named(code)
            message.end, message.result = code if own else named, None
        self._settle(found)
        return len(found)

    def _all(self) -> list[Service]:
        return list(dict.fromkeys(self._services.values()))

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
        named = unquote(request.path_params["service_id"])
        service = self._services.get(named)
        header, moment = request.headers, request.headers.get("x-ncp-apigw-timestamp", "")
        if service is None or named != (
            service.spec.kakao_service_id if _is_talk(request) else service.spec.service_id
        ):
            raise SensError(404, "300", "Not Found", "Service is not found.")
        line = request.scope["raw_path"].decode()
        if request.scope["query_string"]:
            line += "?" + request.scope["query_string"].decode()
        signed = f"{request.method} {line}\n{moment}\n{header.get('x-ncp-iam-access-key')}".encode()
        digest = base64.b64encode(hmac.new(service.spec.secret_key.encode(), signed, hashlib.sha256).digest()).decode()
        is_now = moment.isdecimal() and abs(int(moment) / 1000 - self._clock()) <= _SKEW
        is_signed = hmac.compare_digest(digest.encode(), header.get("x-ncp-apigw-signature-v2", "").encode())
        if not (is_now and is_signed and header.get("x-ncp-iam-access-key") == service.spec.access_key):
            raise SensError(401, "200", "Authentication Failed", "Invalid authentication information.")
        return service

    async def _send(self, service: Service, request: Request) -> Response:
        body = await _body(request)
        entries, now = check(service, body), self._clock()
        kind, named = str(body["type"]).upper(), f"VORSSA-{uuid.uuid4().hex}"
        if not check_files(service, body, now) and kind == "MMS":
            kind = "LMS"
        messages = []
        for entry in entries:
            content = str(entry.get("content") or body["content"])
            subject = str(entry.get("subject") or body.get("subject") or "") if kind != "SMS" else ""
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
        self._take(service, messages, messages)
        return _json(_taken(named, now), 202)

    async def _talk(self, service: Service, request: Request) -> Response:
        body = await _body(request)
        (template, entries), now = talk.check(service, body), self._clock()
        named = f"VORSKA-{uuid.uuid4().hex}"
        messages = [
            Message(
                message_id=str(uuid.uuid4()),
                request=named,
                type=ALIMTALK,
                content_type="COMM",
                sender="",
                to=entry["to"],
                subject="",
                content=entry["content"],
                text=entry["content"],
                created=now,
                end=talk.end_of(template, entry),
                channel=body["plusFriendId"],
                template=template.template_code,
                refusal=talk.refusal_of(entry["to"]),
                failover=_failover(service, entry.get("useSmsFailover", template.sms_failover)),
            )
            for entry in entries
        ]
        self._take(service, messages, [message for message in messages if message.refusal is None])
        return _json({**_taken(named, now), "messages": [talk.taken_view(message) for message in messages]}, 202)

    async def _keep(self, service: Service, request: Request) -> Response:
        now = self._clock()
        file = keep(service, await _body(request), now)
        return _json({"fileId": file.file_id, "createTime": written(now), "expireTime": written(file.expires)})

    def _take(self, service: Service, messages: list[Message], accepted: list[Message]) -> None:
        service.messages += messages
        self._accepted.add(accepted)
        plan, loop = self._faults.plan, asyncio.get_running_loop()
        timely, late = self._faults.split_late(accepted)
        loop.call_later(plan.report_delay_ms / 1000, self._settle, timely)
        if late:
            loop.call_later((plan.report_delay_ms + plan.report_late_ms) / 1000, self._settle, late)

    def _settle(self, messages: Iterable[Message]) -> None:
        for message in messages:
            if message.result is None and message.end is not None:
                message.result, message.completed = message.end, self._clock()
                if message.failover is not None and message.result != talk.DELIVERED:
                    self._fail_over(message, message.failover)

    def _fail_over(self, message: Message, sender: str) -> None:
        """Send a text in place of an AlimTalk that failed."""
        text = Message(
            message_id=str(uuid.uuid4()),
            request=message.request,
            type="SMS",
            content_type="COMM",
            sender=sender,
            to=message.to,
            subject="",
            content=message.content,
            text=cut(message.content, LONGEST["SMS"]),
            created=self._clock(),
            end=end_of(message.to, message.content),
        )
        message.failover = None
        self._accepted.add([text])

    async def _list(self, service: Service, request: Request) -> Response:
        of = [each for each in service.messages if (each.type == ALIMTALK) == _is_talk(request)]
        if _is_talk(request) and not request.query_params.keys() & {"requestId", "plusFriendId"}:
            raise bad("plusFriendId")
        return _json(page_of(of, request.query_params, self._clock(), self._faults.plan.list_delay_ms / 1000))

    async def _show(self, service: Service, request: Request) -> Response:
        for message in service.messages:
            is_such = (message.type == ALIMTALK) == _is_talk(request)
            if message.message_id == request.path_params["message_id"] and is_such:
                return _json(show(message))
        raise SensError(404, "300", "Not Found", "nothing is found")


def refusal(status: int, code: str, message: str) -> dict[str, Any]:
    """What stands in the way, in the gateway's words."""
    return {"error": {"errorCode": "400" if status == 429 else "900", "message": message, "details": message}}


def _is_talk(request: Request) -> bool:
    return request.url.path.startswith("/alimtalk/")


def _is_final(message: Message) -> bool:
    return message.result not in (None, codes.UNCERTAIN)


def _failover(service: Service, is_on: object) -> str | None:
    return (service.spec.senders or ["0212345678"])[0] if is_on else None


def _taken(named: str, now: float) -> dict[str, Any]:
    return {"requestId": named, "requestTime": written(now), "statusCode": "202", "statusName": "success"}


async def _body(request: Request) -> Any:
    try:
        return orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise bad("not JSON") from error


def _json(content: dict[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
