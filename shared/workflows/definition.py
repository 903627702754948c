"""Workflows as people write them: a rule from events to messages, with steps at offsets from an anchor."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from shared.messages.routing import DEFAULT_ROUTE, Route, RouteField
from shared.platform.errors import WrongValue
from shared.workflows.conditions import Conditions

_OFFSET = re.compile(r"([+-]?)(\d+)(s|m|h|d|w)", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
MAX_OFFSET = dt.timedelta(days=366 * 2)
MAX_STEPS = 50


def parse_offset(value: Any) -> dt.timedelta:
    """`-30m`, `+5m`, `3d`, `0` → the time that far from the anchor. Units are s, m, h, d and w."""
    if isinstance(value, dt.timedelta):
        return value
    if value == 0 or value == "0":
        return dt.timedelta()
    match = _OFFSET.fullmatch(str(value))
    if not match:
        raise WrongValue(
            f"{value!r} is not an offset; write for example -30m, +5m, 3d or 0 (s, m, h, d or w)",
            f"{value}: 쓸 수 없는 시간입니다. -30m, +5m, 3d, 0처럼 쓰세요 (s 초, m 분, h 시간, d 일, w 주).",
        )
    sign, count, unit = match.groups()
    if len(count) > 9 or (offset := dt.timedelta(seconds=int(count) * _SECONDS[unit])) > MAX_OFFSET:
        raise WrongValue(f"{value!r} is further than two years away", f"{value}: 2년보다 멉니다.")
    return -offset if sign == "-" else offset


Offset = Annotated[
    dt.timedelta, BeforeValidator(parse_offset), PlainSerializer(lambda offset: f"{offset.total_seconds():.0f}s")
]
EventTypes = Annotated[tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)]


class Step(BaseModel):
    """A moment in a run.

    at: how far from the anchor.
    send: the template.
    unless: an event type; once it was seen in this run, the step is silent.
    route: this step's own route, instead of the workflow's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: Offset = dt.timedelta()
    send: Annotated[str, Field(min_length=1, max_length=100)]
    unless: EventTypes = ()
    route: RouteField | None = None


class WorkflowDefinition(BaseModel):
    """A workflow.

    on: the event types that start a run.
    key: a path; events that have the same value there speak of the same run. Without it each event is a run of its own.
    where: conditions that the starting event must satisfy, each at a path: `customer.plan`, `data.kind`.
    anchor: a path to the moment that steps are relative to; without it, the event's time.
    audience: the event's customer, or everybody in that customer's groups.
    move_on: event types that move a run to the anchor they carry.
    stop_on: event types that end a run.
    may_double: the next channel is taken also where the one before may still deliver, though its provider says that it
        failed, or its answer was lost: the customer may be told twice.
    valid_for: a step that could not speak within this time of its moment stays silent (`expired`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
    on: Annotated[EventTypes, Field(min_length=1)]
    key: str | None = None
    where: Conditions = Field(default_factory=dict)
    anchor: str | None = None
    audience: Literal["customer", "group"] = "customer"
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=MAX_STEPS)]
    move_on: EventTypes = ()
    stop_on: EventTypes = ()
    route: RouteField = DEFAULT_ROUTE
    may_double: bool = False
    valid_for: Annotated[
        dt.timedelta, BeforeValidator(parse_offset), PlainSerializer(lambda d: f"{d.total_seconds():.0f}s")
    ] = dt.timedelta(hours=1)

    @model_validator(mode="after")
    def _check(self) -> WorkflowDefinition:
        if self.key is None and (at := next(self._what_needs_a_key(), None)):
            raise WrongValue(
                f"{at[-1]} needs a key, to know which run an event speaks of: key: data.order_id",
                f"{at[-1]}에는 key가 필요합니다. 어느 건에 대한 이벤트인지 알려 주세요: key: data.order_id",
                at=at,
            )
        if self.move_on and self.anchor is None:
            raise WrongValue(
                "move_on needs an anchor, to know where the run moves to: anchor: data.starts_at",
                "move_on에는 anchor가 필요합니다: anchor: data.starts_at",
                at=("move_on",),
            )
        for place, step in enumerate(self.steps):
            if self.anchor is None and step.at < dt.timedelta():
                raise WrongValue(
                    "a step before the event itself can't be; give the moment it is before: anchor: data.starts_at",
                    "이벤트보다 앞설 수 없습니다. 기준이 되는 시각을 쓰세요: anchor: data.starts_at",
                    at=("steps", place, "at"),
                )
        if self.valid_for <= dt.timedelta():
            raise WrongValue("must be longer than nothing: 1h", "0보다 길어야 합니다: 1h", at=("valid_for",))
        return self

    def _what_needs_a_key(self) -> Iterator[tuple[str | int, ...]]:
        if self.move_on:
            yield ("move_on",)
        if self.stop_on:
            yield ("stop_on",)
        yield from (("steps", place, "unless") for place, step in enumerate(self.steps) if step.unless)

    def meanings_of(self, event_type: str) -> frozenset[str]:
        """What an event of that type does to a run that has begun: `moves`, `stops`, `silences`."""
        silencing = {kind for step in self.steps for kind in step.unless}
        doing = (("moves", self.move_on), ("stops", self.stop_on), ("silences", silencing))
        return frozenset(what for what, event_types in doing if event_type in event_types)

    @property
    def event_types(self) -> frozenset[str]:
        """Every event type that this workflow listens to."""
        told = [*self.on, *self.move_on, *self.stop_on]
        return frozenset(told).union(*(step.unless for step in self.steps))

    @cached_property
    def routes(self) -> tuple[Route, ...]:
        """That of each step."""
        routes = (step.route or self.route for step in self.steps)
        return tuple(replace(route, may_double=True) if self.may_double else route for route in routes)

    @cached_property
    def keeps_runs(self) -> bool:
        """Whether a run must be remembered: later events may speak of it, or a step waits for its moment."""
        return self.key is not None or self.anchor is not None or any(step.at > dt.timedelta() for step in self.steps)
