"""Two events say the same when only their spelling differs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.events import SubscriptionEvent
from shared.workflows.events.fingerprints import fingerprint
from tests.world import event_fields

numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
said = st.dictionaries(st.sampled_from(["what", "count", "place"]), values, max_size=3)


def _event(written: str) -> SubscriptionEvent:
    return SubscriptionEvent.model_validate_json(written)


def _respelled(value: Any, draw: Callable[[st.SearchStrategy[Any]], Any]) -> str:
    """The same JSON value, spelled in another way."""
    space: str = draw(st.sampled_from(["", " ", "\n\t"]))
    if isinstance(value, dict):
        names = draw(st.permutations(list(value)))
        pairs = (f"{json.dumps(name)}{space}:{_respelled(value[name], draw)}" for name in names)
        return "{" + space + f",{space}".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + f",{space}".join(_respelled(item, draw) for item in value) + "]"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:
        return str(draw(st.sampled_from([str(value), f"{value}.0", f"{value}e0"])))
    if isinstance(value, float) and abs(value) < 1e15:
        return str(draw(st.sampled_from([repr(value), f"{value!r}e0" if "e" not in repr(value) else repr(value)])))
    return json.dumps(value, ensure_ascii=draw(st.booleans()))


@given(said, st.data())
def test_another_spelling_is_the_same_event(given_data: dict[str, Any], data: st.DataObject) -> None:
    fields = event_fields("cafe", **given_data)
    assert fingerprint(_event(_respelled(fields, data.draw))) == fingerprint(_event(json.dumps(fields)))


def _plain(value: Any) -> Any:
    """What equality in Python does not tell apart is told apart: True from 1."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else (isinstance(value, bool), value)


@given(said, said)
def test_other_contents_are_another_event(one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = (_event(json.dumps(event_fields("cafe", **data))) for data in (one, other))
    assert (fingerprint(first) == fingerprint(second)) == (_plain(first.fields) == _plain(second.fields))


def _with(**change: Any) -> SubscriptionEvent:
    return SubscriptionEvent.model_validate({**event_fields("cafe", "e-1", time="2026-11-21T12:00:00+09:00"), **change})


def _about(**person: Any) -> SubscriptionEvent:
    return SubscriptionEvent.model_validate(
        event_fields("cafe", time="2026-11-21T12:00:00+09:00", customer={"name": "각", **person})
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(_with(time="2026-11-21T03:00:00Z"), _with(), id="the offset of the time"),
        pytest.param(_with(subject=None), _with(), id="an attribute of CloudEvents that is null"),
        pytest.param(_with(traceparent="00-1"), _with(), id="an attribute that is not ours"),
        pytest.param(_about(name="각"), _about(), id="Hangul in pieces"),
        pytest.param(_about(email=...), _about(), id="nothing at all"),
    ],
)
def test_these_say_the_same(one: SubscriptionEvent, other: SubscriptionEvent) -> None:
    assert fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(_with(type="subscription.cancelled"), id="the type"),
        pytest.param(_with(time="2026-11-21T12:00:01+09:00"), id="the time"),
        pytest.param(_with(subject="s"), id="the subject"),
        pytest.param(_about(id="c-2"), id="whom it is about"),
        pytest.param(_about(name="각", email=None), id="null, which clears, for what is absent"),
    ],
)
def test_these_do_not(other: SubscriptionEvent) -> None:
    assert fingerprint(other) not in (fingerprint(_with()), fingerprint(_about()))
