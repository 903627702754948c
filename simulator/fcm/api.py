"""The provider and its HTTP side: https://fcm.googleapis.com and https://oauth2.googleapis.com as they answer."""

import base64
import uuid
from typing import Any
from urllib.parse import parse_qs

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.accepted import AcceptedList
from simulator.clock import Clock
from simulator.fcm.intake import FcmError, check, coded, end_of, error
from simulator.fcm.model import Project, ProjectSpec, Push

PATHS = ("/v1/projects/", "/token")
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFETIME, SKEW = 3_599, 300
_SCOPES = ("/auth/firebase.messaging", "/auth/cloud-platform")


class Fcm:
    """All projects. Must be used on the event loop of the server."""

    name = "fcm"
    spec = ProjectSpec

    def __init__(self, clock: Clock, accepted: AcceptedList) -> None:
        self._clock = clock
        self._accepted = accepted
        self._projects: dict[str, Project] = {}

    def routes(self) -> list[Route]:
        """What this server plays of both."""
        return [
            Route("/token", self._token, methods=["POST"]),
            Route("/v1/projects/{project}/messages:send", self._send, methods=["POST"]),
        ]

    def register(self, spec: Any) -> dict[str, Any]:
        """Add a project or change one. Gives it without its secrets."""
        project = Project(spec.project_id, spec.client_email, spec.public_key)
        self._projects[spec.project_id] = project
        return project.view()

    def views(self) -> list[dict[str, Any]]:
        """Every project, without its secrets."""
        return [project.view() for project in self._projects.values()]

    def report(self, code: str, message_id: str | None, to: str | None, *, own: bool) -> int | None:
        """Nothing: nobody is told what became of a push."""
        return None

    async def _token(self, request: Request) -> Response:
        """https://developers.google.com/identity/protocols/oauth2/service-account#httprest."""
        form = parse_qs((await request.body()).decode())
        if form.get("grant_type") != [GRANT]:
            return _json({"error": "unsupported_grant_type", "error_description": "Invalid grant_type"}, 400)
        project = self._signed_for(form.get("assertion", [""])[0])
        if isinstance(project, str):
            return _json({"error": "invalid_grant", "error_description": project}, 400)
        token = f"ya29.{uuid.uuid4().hex}"
        project.tokens[token] = self._clock() + LIFETIME
        return _json({"access_token": token, "expires_in": LIFETIME, "token_type": "Bearer"})

    def _signed_for(self, assertion: str) -> Project | str:
        """Whose an assertion is, or what is wrong with it."""
        try:
            head, content, signature = assertion.split(".")
            header, claims = orjson.loads(_decoded(head)), orjson.loads(_decoded(content))
        except ValueError:
            return "Invalid JWT: it has not three parts in base64url."
        project = next((each for each in self._projects.values() if each.client_email == claims.get("iss")), None)
        if project is None:
            return "Invalid grant: account not found"
        try:
            project.public_key.verify(_decoded(signature), f"{head}.{content}".encode(), PKCS1v15(), SHA256())
        except InvalidSignature:
            return "Invalid JWT Signature."
        now, issued, expires = self._clock(), claims.get("iat", 0), claims.get("exp", 0)
        if header.get("alg") != "RS256" or not str(claims.get("aud")).endswith("/token"):
            return "Invalid JWT: alg or aud."
        if abs(issued - now) > SKEW or not issued < expires <= issued + 3_600 or expires < now:
            return "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
        if not any(scope.endswith(_SCOPES) for scope in str(claims.get("scope")).split()):
            return "Invalid scope."
        return project

    async def _send(self, request: Request) -> Response:
        try:
            project = self._caller(request)
            try:
                body = orjson.loads(await request.body())
            except orjson.JSONDecodeError as wrong:
                raise FcmError(400, "INVALID_ARGUMENT", "Invalid JSON payload received.") from wrong
            message = check(body)
            if (end := end_of(message["token"])) is not None:
                raise end
        except FcmError as refused:
            return _json(refused.body, refused.status)
        name = f"projects/{project.project_id}/messages/{uuid.uuid4()}"
        if body.get("validate_only") is not True:
            project.taken += 1
            self._accepted.add([_push(name, message, self._clock())])
        return _json({"name": name})

    def _caller(self, request: Request) -> Project:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        owner = next((each for each in self._projects.values() if each.tokens.get(token, 0) > self._clock()), None)
        if owner is None:
            said = "Request had invalid authentication credentials. Expected OAuth 2 access token."
            raise FcmError(401, "UNAUTHENTICATED", said)
        named = request.path_params["project"]
        if named not in self._projects:
            raise FcmError(404, "NOT_FOUND", "Requested entity was not found.")
        if named != owner.project_id:
            said = f"Permission 'cloudmessaging.messages.create' denied on resource '//cloudresourcemanager/{named}'."
            raise FcmError(403, "PERMISSION_DENIED", said)
        return owner


def _push(name: str, message: dict[str, Any], now: float) -> Push:
    shown = message.get("notification") or {}
    tag = (message.get("android", {}).get("notification") or {}).get("tag")
    return Push(
        name, message["token"], shown.get("title"), str(shown.get("body", "")), message.get("data") or {}, tag, now
    )


def refusal(status: int, code: str, message: str) -> dict[str, Any]:
    """What stands in the way, in Google's words."""
    word = {429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}.get(status, "INTERNAL")
    return error(status, word, message, coded({429: "QUOTA_EXCEEDED"}.get(status, word)))


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _json(content: dict[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
