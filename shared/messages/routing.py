"""Routes: the ordered channels that a message may take, each with a deadline for its final report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

from shared.contracts.channels import LEGS

NAMED_ROUTES = {"alimtalk_first": ("alimtalk", "sms"), "sms_only": ("sms",)}
DEFAULT_ROUTE_NAME = "alimtalk_first"


@dataclass(frozen=True, slots=True)
class Route:
    """`channels[i]` is given `deadlines[i]` seconds. The channel `sms` becomes SMS or LMS by its content."""

    channels: tuple[str, ...]
    deadlines: tuple[int, ...]


def parse_route(given: str | Sequence[str | dict[str, int]]) -> Route:
    """Read a route: a name (`alimtalk_first`, `sms_only`), a channel, or a list of channels in order.

    A list's entry is a channel, or a channel with its deadline in seconds: `{alimtalk: 60}`.

    Raises:
        ValueError: an unknown name or channel, an empty route, a channel twice, or a deadline below one second.
    """
    if isinstance(given, str):
        if given not in NAMED_ROUTES and given not in LEGS:
            known = ", ".join([*NAMED_ROUTES, *LEGS])
            raise ValueError(f"unknown route {given!r}; known are {known}")
        given = NAMED_ROUTES.get(given, (given,))
    legs: dict[str, int] = {}
    for entry in given:
        channel, deadline = next(iter(entry.items())) if isinstance(entry, dict) else (entry, None)
        if channel not in LEGS:
            raise ValueError(f"unknown channel {channel!r}; known are {', '.join(LEGS)}")
        if channel in legs:
            raise ValueError(f"the route names {channel} twice")
        legs[channel] = LEGS[channel].deadline if deadline is None else deadline
        if legs[channel] < 1:
            raise ValueError(f"the deadline of {channel} must be at least one second")
    if not legs:
        raise ValueError("a route needs at least one channel")
    return Route(tuple(legs), tuple(legs.values()))


def _as_route(value: Any) -> Route:
    return value if isinstance(value, Route) else parse_route(value)


def _as_written(route: Route) -> list[dict[str, int]]:
    return [{channel: deadline} for channel, deadline in zip(route.channels, route.deadlines, strict=True)]


RouteField = Annotated[Route, BeforeValidator(_as_route), PlainSerializer(_as_written)]
DEFAULT_ROUTE = parse_route(DEFAULT_ROUTE_NAME)
