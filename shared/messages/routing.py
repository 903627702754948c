"""Routes: the ordered channels that a message may take, each with a deadline for its final report."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

from shared.contracts.channels import LEGS
from shared.platform.errors import WrongValue

CHEAPEST = "cost_optimized"
NAMED_ROUTES = {"alimtalk_first": ("alimtalk", "sms"), "sms_only": ("sms",), CHEAPEST: ("alimtalk", "sms")}
DEFAULT_ROUTE_NAME = "alimtalk_first"


@dataclass(frozen=True, slots=True)
class Route:
    """`channels[i]` is given `deadlines[i]` seconds. The channel `sms` becomes SMS or LMS by its content.

    cheapest: which comes first is decided for each message as it is made (`shared.messages.routes.cheapest`).
    may_double: the next one is taken also while the one before may still deliver, as its provider says.
    """

    channels: tuple[str, ...]
    deadlines: tuple[int, ...]
    cheapest: bool = False
    may_double: bool = False

    def only(self, legs: Collection[str]) -> Route:
        """Without the channels that are not among `legs`."""
        if all(leg in legs for leg in self.channels):  # as of most, for every message
            return self
        kept = [(leg, time) for leg, time in zip(self.channels, self.deadlines, strict=True) if leg in legs]
        return replace(self, channels=tuple(leg for leg, _ in kept), deadlines=tuple(time for _, time in kept))


def parse_route(given: str | Sequence[str | dict[str, int]]) -> Route:
    """Read a route: a name (`alimtalk_first`, `sms_only`, `cost_optimized`), a channel, or a list of channels in order.

    A list's entry is a channel, or a channel with its deadline in seconds: `{alimtalk: 60}`.

    Raises:
        WrongValue: an unknown name or channel, an empty route, a channel twice, or a deadline that is no number of
            whole seconds from 1.
    """
    cheapest = False
    if isinstance(given, str):
        if given not in NAMED_ROUTES and given not in LEGS:
            known = ", ".join([*NAMED_ROUTES, *LEGS])
            raise WrongValue(
                f"there is no route {given!r}; known are {known}", f"{given} 경로는 없습니다. 쓸 수 있는 경로: {known}"
            )
        cheapest = given == CHEAPEST
        given = NAMED_ROUTES.get(given, (given,))
    if not isinstance(given, Sequence):
        raise WrongValue("write a list of channels, such as [alimtalk, sms]", "[alimtalk, sms]처럼 목록으로 쓰세요.")
    legs: dict[str, int] = {}
    for place, entry in enumerate(given):
        channel, deadline = _leg(entry, place)
        if channel not in LEGS:
            known = ", ".join(LEGS)
            raise WrongValue(
                f"there is no channel {channel!r}; known are {known}",
                f"{channel} 채널은 없습니다. 쓸 수 있는 채널: {known}",
                at=(place,),
            )
        if channel in legs:
            raise WrongValue(f"the route names {channel} twice", f"{channel} 채널이 두 번 나옵니다.", at=(place,))
        legs[channel] = LEGS[channel].deadline if deadline is None else deadline
    if not legs:
        raise WrongValue("a route needs at least one channel", "채널을 하나 이상 쓰세요.")
    return Route(tuple(legs), tuple(legs.values()), cheapest)


def _leg(entry: object, place: int) -> tuple[str, int | None]:
    """A channel, and its deadline where it is told."""
    if isinstance(entry, str):
        return entry, None
    if isinstance(entry, dict) and len(entry) == 1:
        [(channel, deadline)] = entry.items()
        if type(deadline) is int and deadline > 0:
            return channel, deadline
        raise WrongValue(
            f"the deadline of {channel} is {deadline!r}; write whole seconds, such as 60",
            f"{channel}의 제한 시간은 60처럼 초 단위의 정수로 쓰세요.",
            at=(place,),
        )
    raise WrongValue(
        "write a channel, or one channel with its seconds: {alimtalk: 60}",
        "채널 이름, 또는 {alimtalk: 60}처럼 채널 하나와 초를 쓰세요.",
        at=(place,),
    )


def _as_route(value: Any) -> Route:
    return value if isinstance(value, Route) else parse_route(value)


def _as_written(route: Route) -> str | list[dict[str, int]]:
    if route.cheapest:
        return CHEAPEST
    return [{channel: deadline} for channel, deadline in zip(route.channels, route.deadlines, strict=True)]


RouteField = Annotated[Route, BeforeValidator(_as_route), PlainSerializer(_as_written)]
DEFAULT_ROUTE = parse_route(DEFAULT_ROUTE_NAME)
