"""The HTTP side: https://hooks.slack.com as it answers, and its control API.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks

GET    /control/slack   the messages that were taken, oldest first, and how many calls there were
PUT    /control/slack   {"answers": [{"status": 429, "retryAfter": 30}, {"status": 500}]}: how the next calls end
DELETE /control/slack   forget messages, counts and answers
"""

from collections import deque
from typing import Annotated, Any

import orjson
from pydantic import Field
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from simulator.clock import Clock, iso
from simulator.orders import Order, answer, read_order

MAX_TEXT = 40_000
MAX_KEPT = 10_000


class Answer(Order):
    """How a call is answered instead of being taken. `retry_after` in seconds, for 429."""

    status: Annotated[int, Field(ge=400, le=599)]
    retry_after: Annotated[int, Field(ge=0, le=86_400)] | None = None


class Answers(Order):
    """How the next calls are answered, one after another; those after them are taken."""

    answers: Annotated[list[Answer], Field(max_length=1_000)]


class SlackApi:
    """Takes messages on any address of the right form, and lists them. `clock`: when they came."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._messages: deque[dict[str, Any]] = deque(maxlen=MAX_KEPT)
        self._answers: deque[Answer] = deque()
        self._calls = 0

    def routes(self) -> list[Route]:
        return [
            Route("/services/{team}/{app}/{token}", self._take, methods=["POST"]),
            Route("/control/slack", self._show, methods=["GET"]),
            Route("/control/slack", self._prepare, methods=["PUT"]),
            Route("/control/slack", self._forget, methods=["DELETE"]),
        ]

    async def _take(self, request: Request) -> Response:
        self._calls += 1
        if self._answers:
            return _refused(self._answers.popleft())
        try:
            message = orjson.loads(await request.body())
        except orjson.JSONDecodeError:
            return PlainTextResponse("invalid_payload", 400)
        text = message.get("text") if isinstance(message, dict) else None
        if not isinstance(text, str) or not text:
            return PlainTextResponse("no_text", 400)
        if len(text) > MAX_TEXT:
            return PlainTextResponse("msg_too_long", 400)
        self._messages.append({"at": iso(self._clock()), "path": request.url.path, "text": text})
        return PlainTextResponse("ok")

    async def _show(self, request: Request) -> Response:
        return answer({"count": len(self._messages), "calls": self._calls, "messages": list(self._messages)})

    async def _prepare(self, request: Request) -> Response:
        order = await read_order(request, Answers)
        if isinstance(order, Response):
            return order
        self._answers = deque(order.answers)
        return answer(order.model_dump(by_alias=True))

    async def _forget(self, request: Request) -> Response:
        self._messages.clear()
        self._answers.clear()
        self._calls = 0
        return answer({"count": 0})


def _refused(told: Answer) -> Response:
    headers = {} if told.retry_after is None else {"retry-after": str(told.retry_after)}
    words = {429: "rate_limited", 404: "no_service", 403: "action_prohibited", 410: "channel_is_archived"}
    return PlainTextResponse(words.get(told.status, "rollup_error"), told.status, headers)
