"""The one decorator of Pub/Sub functions: decode, validate, call, and answer what Pub/Sub understands.

204 acknowledges. 503 asks for the message again. What no retry can help is kept as a dead letter and acknowledged.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import functools
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from shared.platform.errors import AllimError, misfits
from shared.platform.http import read_limited, refused, require_post
from shared.platform.logs import log, log_for
from shared.platform.pubsub.publishers import ATTRIBUTE, Bound, bound_at
from shared.platform.signals.dead_letters import DeadLetter, DeadLetters, Poison

if TYPE_CHECKING:
    from pydantic import BaseModel

PUBSUB_CLOUD_EVENT = "google.cloud.pubsub.topic.v1.messagePublished"
MAX_PUSH_BYTES = 15_000_000
"""10 MB, the most that Pub/Sub carries, in base64 with its envelope."""

ACKNOWLEDGE, AGAIN = 204, 503

Model = TypeVar("Model", bound="BaseModel")
Handler = Callable[[Model], Awaitable[None]]
RawHandler = Callable[["Pushed"], Awaitable[None]]
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push carried: the message's bytes and attributes.

    publisher: whose subscription it came by; None where it may say anything.
    """

    data: bytes
    attributes: Mapping[str, str] = field(default_factory=dict)
    publisher: Bound | None = None


def push(
    model: type[Model], *, dead_letters: DeadLetters, max_bytes: int = MAX_PUSH_BYTES
) -> Callable[[Handler[Model]], Endpoint]:
    """Make an HTTP function of a handler that takes a `model`.

    Args:
        model: the contract that the message's data must satisfy.
        dead_letters: keep what can't be understood.
        max_bytes: data larger than this is a dead letter.
    """

    def decorate(handler: Handler[Model]) -> Endpoint:
        @functools.wraps(handler)
        async def validated(pushed: Pushed) -> None:
            if pushed.publisher is not None:
                # Before all else: what is refused for another reason is kept as the tenant's that it names.
                pushed.publisher.refuse(_tenant_of(pushed.data), None)
            message = _validate(model, pushed.data, max_bytes)
            if pushed.publisher is not None:
                pushed.publisher.refuse(getattr(message, "tenant", None), getattr(message, "source", None))
            await handler(message)

        return push_raw(dead_letters=dead_letters)(validated)

    return decorate


def push_raw(*, dead_letters: DeadLetters) -> Callable[[RawHandler], Endpoint]:
    """Make an HTTP function of a handler that takes a message as it came. `dead_letters` keep what can't be
    understood."""

    def decorate(handler: RawHandler) -> Endpoint:
        source = handler.__name__

        @functools.wraps(handler)
        async def endpoint(request: Request) -> Response:
            log_for(request.headers)
            try:
                require_post(request)
                publisher = bound_at(request.scope["path"], request.scope["query_string"].decode("latin-1"))
                body = await read_limited(request, MAX_PUSH_BYTES)
            except ClientDisconnect:
                log(source).info("the caller went away")
                return Response(status_code=AGAIN)
            except AllimError as error:
                return refused(error)
            pushed = Pushed(body, publisher=publisher)
            try:
                try:
                    pushed = decode(request.headers, body)
                    if publisher is not None:
                        pushed = replace(pushed, publisher=publisher)
                    await handler(pushed)
                except Poison as poison:
                    await _keep(dead_letters, source, poison, pushed)
            except Exception:  # whatever it was, the message must come back
                log(source).exception("not done, asking for it again")
                return Response(status_code=AGAIN)
            return Response(status_code=ACKNOWLEDGE)

        return endpoint

    return decorate


def decode(headers: Mapping[str, str], body: bytes) -> Pushed:
    """Take a message out of what wraps it: a Pub/Sub push, Eventarc's CloudEvent around one, or a CloudEvent itself.

    Raises:
        Poison: `not_json` or `not_a_push`.
    """
    if headers.get("ce-type") == PUBSUB_CLOUD_EVENT:
        return _unwrap(_json(body))
    if "ce-type" in headers:
        return Pushed(_structured({name: unquote(value) for name, value in headers.items()}, body))
    wrapped = _json(body)
    if headers.get("content-type", "").lower().startswith("application/cloudevents+json"):
        if isinstance(wrapped, dict) and wrapped.get("type") == PUBSUB_CLOUD_EVENT:
            return _unwrap(wrapped.get("data"))
        return Pushed(body)
    return _unwrap(wrapped)


def _unwrap(envelope: Any) -> Pushed:
    message = envelope.get("message") if isinstance(envelope, dict) else None
    if not isinstance(message, dict):
        raise Poison("not_a_push", 'expected a Pub/Sub push: a JSON object with a "message"')
    try:
        data = base64.b64decode(message.get("data") or "", validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise Poison("not_a_push", f"the message's data is not base64: {error}") from error
    attributes = message.get("attributes") or {}
    if not isinstance(attributes, dict):
        attributes = {}
    if "ce-specversion" not in attributes:
        return Pushed(data, attributes)
    others = {name: value for name, value in attributes.items() if not name.startswith("ce-")}
    return Pushed(_structured(attributes, data), others)  # published again as it is now, it is still one event


def _structured(attributes: Mapping[str, str], body: bytes) -> bytes:
    """A CloudEvent in binary mode as one in structured mode.

    Its attributes begin with `ce-`: in HTTP they are headers, percent-encoded (CloudEvents' HTTP binding, section
    3.1.3.2); in Pub/Sub they are the message's, as they are (its Pub/Sub binding, section 3.1). The data stay as they
    were written: read into Python and written again, a long number would be another one.
    """
    _json(body)
    body = body.removeprefix(codecs.BOM_UTF8)
    event: dict[str, Any] = {name[3:]: value for name, value in attributes.items() if name.startswith("ce-")}
    return orjson.dumps(event | {"data": orjson.Fragment(body)})


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body.removeprefix(codecs.BOM_UTF8))
    except orjson.JSONDecodeError as error:
        raise Poison("not_json", f"the request is not JSON: {error}") from error


def _validate(model: type[Model], data: bytes, max_bytes: int) -> Model:
    from pydantic import ValidationError  # who takes messages as they come has no model, and does without

    if len(data) > max_bytes:
        detail = f"{len(data):,} bytes of data; at most {max_bytes:,} are taken"
        raise Poison("too_large", detail, tenant=_tenant_of(data))
    try:
        return model.model_validate_json(data.removeprefix(codecs.BOM_UTF8))
    except ValidationError as error:
        first, *more = misfits(error)
        if error.errors(include_url=False)[0]["type"] == "json_invalid":
            raise Poison("not_json", f"the data {first.detail}") from error
        told = first.named + (f" (and {len(more)} more)" if more else "")
        raise Poison("schema_violation", told, tenant=_tenant_of(data)) from error


def _tenant_of(data: bytes) -> str | None:
    """Whose invalid message this is, as far as it says."""
    try:
        tenant = json.loads(data).get("tenant")
    except (ValueError, AttributeError, RecursionError):
        return None
    # What is not printable, such as NUL or half of a surrogate pair, can't be stored as a text either.
    return tenant if isinstance(tenant, str) and len(tenant) <= 40 and tenant.isprintable() else None


async def _keep(dead_letters: DeadLetters, source: str, poison: Poison, pushed: Pushed) -> None:
    attributes = {name: value for name, value in pushed.attributes.items() if name != ATTRIBUTE}
    if pushed.publisher is not None:
        attributes[ATTRIBUTE] = pushed.publisher.name
    await dead_letters.keep(DeadLetter(source, poison.code, poison.detail, pushed.data, poison.tenant, attributes))
