"""Conditions on an event and its customer: lists, ranges, exists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from shared.platform.errors import WrongValue
from shared.platform.paths import look_up

Scalar = str | bool | int | float


class Condition(BaseModel):
    """What a field must satisfy; every part given must hold. A field that is absent satisfies only `exists: false`.

    In YAML a bare list means `in`, and a bare value `in` with that one value.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    one_of: Annotated[tuple[Scalar, ...] | None, Field(alias="in")] = None
    not_in: tuple[Scalar, ...] | None = None
    gt: Scalar | None = None
    gte: Scalar | None = None
    lt: Scalar | None = None
    lte: Scalar | None = None
    exists: bool | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Condition:
        if not self.model_fields_set:
            known = "in, not_in, gt, gte, lt, lte, exists"
            raise WrongValue(f"a condition needs at least one of: {known}", f"조건이 없습니다. 쓸 수 있는 것: {known}")
        return self

    def holds(self, value: Any) -> bool:
        if value is None:
            return self.exists is False
        if self.exists is False:
            return False
        if self.one_of is not None and not any(_same(value, item) for item in self.one_of):
            return False
        if self.not_in is not None and any(_same(value, item) for item in self.not_in):
            return False
        return all(
            bound is None or _compare(value, bound) in allowed
            for bound, allowed in (
                (self.gt, (1,)),
                (self.gte, (0, 1)),
                (self.lt, (-1,)),
                (self.lte, (-1, 0)),
            )
        )

    def written(self) -> dict[str, Any]:
        """As a workflow writes it, with every part by its name."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _same(value: Any, item: Scalar) -> bool:
    """Equal, and of one kind: `true` is not 1."""
    return isinstance(value, bool) == isinstance(item, bool) and value == item


def _compare(value: Any, bound: Scalar) -> int | None:
    """-1, 0 or 1; None when the two can't be compared."""
    both_text = isinstance(value, str) and isinstance(bound, str)
    both_numbers = all(isinstance(side, (int, float)) and not isinstance(side, bool) for side in (value, bound))
    if not (both_text or both_numbers):
        return None
    return int(value > bound) - int(value < bound)


def _as_condition(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return {"in": value}
    if isinstance(value, (str, bool, int, float)):
        return {"in": [value]}
    return value


Conditions = dict[str, Annotated[Condition, BeforeValidator(_as_condition)]]


def unmet(conditions: Conditions, scope: Mapping[str, Any]) -> list[tuple[str, Condition, Any]]:
    """The conditions that do not hold: each with its path, and what `scope` has there."""
    found = ((path, condition, look_up(scope, path)) for path, condition in conditions.items())
    return [(path, condition, value) for path, condition, value in found if not condition.holds(value)]


def hold(conditions: Conditions, scope: Mapping[str, Any]) -> bool:
    """Whether all `conditions`, each at its path in `scope`, hold."""
    return all(condition.holds(look_up(scope, path)) for path, condition in conditions.items())
