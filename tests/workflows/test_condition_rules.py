from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from shared.workflows.conditions import Condition, Conditions, hold

scalars = st.text(max_size=4) | st.integers(-5, 5) | st.booleans() | st.floats(-5, 5)
fields = st.none() | scalars | st.lists(st.integers(), max_size=2) | st.dictionaries(st.text(max_size=2), scalars)
conditions_adapter: TypeAdapter[Conditions] = TypeAdapter(Conditions)


def _holds(condition: Any, value: Any) -> bool:
    return hold(conditions_adapter.validate_python({"data.x": condition}), {"data": {"x": value}})


@given(fields, st.lists(scalars, min_size=1, max_size=4))
def test_a_value_that_is_there_is_in_a_list_or_not_in_it(value: Any, items: list[Any]) -> None:
    inside, outside = _holds({"in": items}, value), _holds({"not_in": items}, value)
    assert (inside, outside) == (False, False) if value is None else inside != outside


@given(fields)
def test_a_field_exists_or_it_does_not(value: Any) -> None:
    assert _holds({"exists": True}, value) != _holds({"exists": False}, value)


@given(scalars, scalars)
def test_of_two_things_of_one_kind_just_one_comparison_holds(value: Any, bound: Any) -> None:
    held = [_holds({name: bound}, value) for name in ("lt", "gt")]
    comparable = isinstance(value, str) == isinstance(bound, str) and bool not in (type(value), type(bound))
    assert sum(held) == (1 if comparable and value != bound else 0)
    if comparable:
        assert _holds({"lte": bound}, value) != _holds({"gt": bound}, value)
        assert _holds({"gte": bound}, value) != _holds({"lt": bound}, value)


@given(fields, scalars)
def test_a_bare_value_means_a_list_of_it(value: Any, item: Any) -> None:
    assert _holds(item, value) == _holds([item], value) == _holds({"in": [item]}, value)


@given(fields)
def test_a_condition_says_yes_or_no_of_anything(value: Any) -> None:
    for condition in ({"gt": 3}, {"lte": "m"}, [True], {"not_in": [1], "exists": True}):
        assert _holds(condition, value) in (True, False)


def test_true_is_not_one() -> None:
    assert not _holds([1], True)
    assert not _holds([True], 1)
    assert _holds([1], 1.0)


def test_every_part_must_hold() -> None:
    between = {"gte": 3, "lt": 5, "not_in": [4]}
    assert [value for value in range(7) if _holds(between, value)] == [3]


def test_every_path_must_hold() -> None:
    conditions = conditions_adapter.validate_python({"customer.plan": ["pro"], "data.count": {"gt": 1}})
    assert hold(conditions, {"customer": {"plan": "pro"}, "data": {"count": 2}})
    assert not hold(conditions, {"customer": {"plan": "pro"}, "data": {"count": 1}})
    assert not hold(conditions, {"customer": {"plan": "free"}, "data": {"count": 2}})
    assert not hold(conditions, {"data": {"count": 2}})
    assert hold({}, {})


@pytest.mark.parametrize("written", [{}, {"above": 3}, {"in": "pro"}, {"exists": "perhaps"}, None])
def test_a_condition_that_says_nothing_is_refused(written: Any) -> None:
    with pytest.raises(ValidationError):
        conditions_adapter.validate_python({"data.x": written})


@given(st.lists(scalars, min_size=1, max_size=3))
def test_a_condition_survives_being_stored(items: list[Any]) -> None:
    condition = Condition.model_validate({"in": items, "exists": True})
    assert Condition.model_validate_json(condition.model_dump_json(by_alias=True)) == condition
    assert Condition.model_validate_json(condition.model_dump_json()) == condition
