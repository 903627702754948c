"""The HTTP side: https://kauth.kakao.com and https://kapi.kakao.com as they answer."""

import secrets
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import parse_qsl

import orjson
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.accepted import AcceptedList
from simulator.clock import Clock, iso
from simulator.orders import Order

PATHS = ("/oauth/token", "/v2/api/talk/")
LONGEST = 200
TOKEN_SECONDS = 21_599
RENEWED_WITHIN = 30 * 24 * 3600
"""A refresh token that ends sooner is replaced by another one, which lasts two months."""


class OwnerSpec(Order):
    """Somebody who let an app send to them. `ends_in`: seconds until the refresh token ends."""

    rest_api_key: Annotated[str, Field(min_length=1)]
    refresh_token: Annotated[str, Field(min_length=1)]
    client_secret: str | None = None
    ends_in: float = 60 * 24 * 3600
    daily: Annotated[int, Field(ge=0)] = 100


@dataclass(eq=False)
class Owner:
    """Who may be written to: by which refresh tokens, and until when each."""

    client_secret: str | None
    refresh_tokens: dict[str, float]
    daily: int
    access_tokens: dict[str, float] = field(default_factory=dict)
    taken: int = 0


@dataclass(frozen=True, slots=True)
class Memo:
    """A message that its owner has."""

    app: str
    text: str
    link: str | None
    number: int
    at: float

    type = "MEMO"
    status_code = "0"

    def as_accepted(self) -> dict[str, Any]:
        """The message as the control API shows it."""
        return {
            "provider": "kakao_me",
            "messageId": f"memo-{self.number}",
            "to": "me",
            "app": self.app,
            "type": self.type,
            "text": self.text,
            "link": self.link,
            "at": iso(self.at),
            "status": self.status_code,
        }


class Kakao:
    """All apps and their owners. Must be used on the event loop of the server."""

    name = "kakao_me"
    spec = OwnerSpec

    def __init__(self, clock: Clock, accepted: AcceptedList) -> None:
        self._clock = clock
        self._accepted = accepted
        self._owners: dict[str, Owner] = {}

    def routes(self) -> list[Route]:
        """What this server plays of both."""
        return [
            Route("/oauth/token", self._give_token, methods=["POST"]),
            Route("/v2/api/talk/memo/default/send", self._send, methods=["POST"]),
        ]

    def register(self, spec: Any) -> dict[str, Any]:
        """Let an app send, or change what is known of it. Gives it without its secrets."""
        known = self._owners.get(spec.rest_api_key)
        owner = Owner(spec.client_secret, {spec.refresh_token: self._clock() + spec.ends_in}, spec.daily)
        if known is not None:
            owner.access_tokens, owner.taken = known.access_tokens, known.taken
        self._owners[spec.rest_api_key] = owner
        return self._view(spec.rest_api_key)

    def views(self) -> list[dict[str, Any]]:
        """Every app, without its secrets."""
        return [self._view(app) for app in self._owners]

    def report(self, code: str, message_id: str | None, to: str | None, *, own: bool) -> int | None:
        """Nothing is reported of a message to oneself."""
        return None

    def _view(self, app: str) -> dict[str, Any]:
        return {"provider": self.name, "app": app, "taken": self._owners[app].taken}

    async def _give_token(self, request: Request) -> Response:
        form = await _form(request)
        owner, now = self._owners.get(form.get("client_id", "")), self._clock()
        if form.get("grant_type") != "refresh_token":
            return _not_given("unsupported_grant_type", "not a grant type of ours", "KOE114")
        if owner is None or (owner.client_secret and form.get("client_secret") != owner.client_secret):
            return _not_given("invalid_client", "Not exist client_id or bad client credentials", "KOE010", 401)
        given = form.get("refresh_token", "")
        ends = owner.refresh_tokens.get(given)
        if ends is None or ends <= now:
            return _not_given("invalid_grant", "expired_or_invalid_refresh_token", "KOE322")
        token = secrets.token_hex(16)
        owner.access_tokens[token] = now + TOKEN_SECONDS
        answer: dict[str, Any] = {"access_token": token, "token_type": "bearer", "expires_in": TOKEN_SECONDS}
        if ends - now < RENEWED_WITHIN:
            renewed = secrets.token_hex(16)
            owner.refresh_tokens[renewed] = now + 60 * 24 * 3600
            answer |= {"refresh_token": renewed, "refresh_token_expires_in": 60 * 24 * 3600}
        return JSONResponse(answer)

    async def _send(self, request: Request) -> Response:
        token, now = request.headers.get("authorization", "").removeprefix("Bearer "), self._clock()
        let_in = (app for app, owner in self._owners.items() if owner.access_tokens.get(token, 0) > now)
        if (app := next(let_in, None)) is None:
            return JSONResponse({"msg": "this access token does not exist", "code": -401}, 401)
        form = await _form(request)
        try:
            template = orjson.loads(form["template_object"])
            text, link = str(template["text"]), template["link"].get("web_url")
            fits = template["object_type"] == "text" and 0 < len(text) <= LONGEST
        except (KeyError, AttributeError, TypeError, orjson.JSONDecodeError):
            fits = False
        if not fits:
            return JSONResponse({"msg": "template_object is not as documented", "code": -2}, 400)
        owner = self._owners[app]
        if owner.taken >= owner.daily:
            return JSONResponse({"msg": "daily message limit per sender has been exceeded", "code": -532}, 400)
        owner.taken += 1
        self._accepted.add([Memo(app, text, link, len(self._accepted) + 1, now)])
        return JSONResponse({"result_code": 0})


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode()))


def refusal(status: int, code: str, message: str) -> dict[str, Any]:
    """What stands in the way, in Kakao's words."""
    return {"msg": message, "code": -7 if status >= 500 else -10}


def _not_given(error: str, told: str, code: str, status: int = 400) -> Response:
    return JSONResponse({"error": error, "error_description": told, "error_code": code}, status)
