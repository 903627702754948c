"""What an event came to is kept as JSON and told in two languages, whatever it was."""

from __future__ import annotations

import datetime as dt
import json
import typing

from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from shared.workflows.conditions import Condition
from shared.workflows.events.telling import told, told_of
from shared.workflows.outcomes import Did, Outcome, outcome_of

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
moments = st.datetimes(dt.datetime(1970, 1, 2), dt.datetime(2099, 1, 1), timezones=st.just(dt.UTC))
steps = st.dictionaries(st.integers(1, 50).map(str), moments, max_size=3)
scalars = st.one_of(texts, st.booleans(), st.integers(-1000, 1000))
conditions = st.one_of(
    st.builds(lambda values: Condition(one_of=tuple(values)), st.lists(scalars, min_size=1, max_size=3)),
    st.builds(lambda values: Condition(not_in=tuple(values)), st.lists(scalars, min_size=1, max_size=3)),
    st.builds(lambda least, most: Condition(gte=least, lt=most), scalars, scalars),
    st.builds(lambda there: Condition(exists=there), st.booleans()),
)
unmet = st.builds(
    lambda path, condition, there: {"path": path, "wanted": condition.written(), **there},
    texts,
    conditions,
    st.one_of(st.just({}), scalars.map(lambda value: {"is": value})),
)
outcomes = st.builds(
    Outcome,
    workflow=texts,
    did=st.sampled_from(typing.get_args(Did)),
    run=texts,
    anchor=moments,
    was=moments,
    spoke=st.integers(0, 2_000),
    waiting=steps,
    past=st.integers(0, 50),
    silenced=steps,
    unmet=st.lists(unmet, min_size=1, max_size=2),
    detail=texts,
)


@given(outcomes)
def test_what_is_kept_is_read_as_it_was(outcome: Outcome) -> None:
    assert outcome_of(json.loads(to_json(outcome.fields()))) == outcome


@given(st.lists(outcomes, min_size=1, max_size=3))
def test_each_is_told_in_both_languages_and_names_its_workflow(several: list[Outcome]) -> None:
    english, korean = told_of(several)
    for outcome in several:
        assert told(outcome)[0] in english
        assert told(outcome)[1] in korean
        assert all(sentence.startswith(f"{outcome.workflow}: ") for sentence in told(outcome))
    assert any("가" <= letter <= "힣" for letter in korean.removeprefix(several[0].workflow))


@given(outcomes)
def test_only_what_its_messages_tell_is_not_kept(outcome: Outcome) -> None:
    assert not outcome.only_spoke, "it has a run, which no message tells"
    alone = Outcome(outcome.workflow, "started", spoke=1)
    assert alone.only_spoke
    assert not Outcome(outcome.workflow, "started", spoke=1, past=1).only_spoke
