"""How the control API reads what it is asked for, and answers."""

from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import Response

M = TypeVar("M", bound=BaseModel)


class Order(BaseModel):
    """The body of a request to the control API: camelCase, and nothing unknown."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


async def read_order(request: Request, model: type[M]) -> M | Response:
    """The request's body as a model, or the answer that says what is wrong with it."""
    return understood(await request.body(), model)


def understood(body: bytes, model: type[M]) -> M | Response:
    """A body as a model, or the answer that says what is wrong with it."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        details = [
            {"field": ".".join(map(str, problem["loc"])), "message": problem["msg"]} for problem in error.errors()
        ]
        return refuse(422, "the request does not fit", details)


def refuse(status: int, message: str, details: list[dict[str, str]] | None = None) -> Response:
    """An answer that says what is wrong, for people and field by field."""
    return answer({"error": message, "details": details or []}, status)


def answer(content: dict[str, Any], status: int = 200) -> Response:
    """An answer of JSON."""
    return Response(orjson.dumps(content), status, media_type="application/json")
