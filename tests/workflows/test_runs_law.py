"""A run is what its events tell, in whatever order and however often they come."""

import datetime as dt
import unicodedata
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.contracts.text import clean_id
from shared.workflows.definition import MAX_OFFSET, WorkflowDefinition, parse_offset
from shared.workflows.runs import BadAnchor, Happening, Run, anchor_of, apply, key_of

NOON = dt.datetime(2026, 11, 21, 3, tzinfo=dt.UTC)
REMINDERS = WorkflowDefinition.model_validate(
    {
        "name": "pickup-reminders",
        "on": "appointment.scheduled",
        "key": "data.appointment_id",
        "where": {"customer.status": "active"},
        "anchor": "data.starts_at",
        "steps": [
            {"at": "-30m", "send": "pickup-30"},
            {"at": "-10m", "send": "pickup-10", "unless": "pickup.confirmed"},
            {"at": "+5m", "send": "pickup-late", "unless": ["pickup.confirmed", "pickup.waived"]},
        ],
        "move_on": "appointment.rescheduled",
        "stop_on": "appointment.cancelled",
    }
)
TYPES = (
    "appointment.scheduled",
    "appointment.rescheduled",
    "appointment.cancelled",
    "pickup.confirmed",
    "pickup.waived",
)


def happening(
    kind: str, minute: int, *, id_: str | None = None, status: str = "active", customer: str = "c-1", **data: Any
) -> Happening:
    """An event at that many minutes past noon."""
    return Happening(
        tenant="childcare",
        source="//app",
        id=id_ or f"e-{minute}",
        type=kind,
        time=NOON + dt.timedelta(minutes=minute),
        customer=customer,
        scope={"customer": {"id": customer, "status": status}, "data": {"appointment_id": "a-1", **data}},
    )


def run_after(happenings: Sequence[Happening], definition: WorkflowDefinition = REMINDERS) -> Run:
    run = Run("childcare", definition.name, "a-1", version=1)
    for each in happenings:
        run = apply(run, definition, each)
    return run


@st.composite
def stories(draw: st.DrawFn) -> list[Happening]:
    """Events of one run, some of them in the same minute."""
    minutes = draw(st.lists(st.integers(0, 4) | st.integers(0, 60), min_size=1, max_size=7))
    return [
        happening(
            draw(st.sampled_from([*TYPES, *TYPES[:2]])),
            minute,
            id_=f"e-{number}",
            status=draw(st.sampled_from(["active", "active", "active", "lapsed"])),
            customer=draw(st.sampled_from(["c-1", "c-2"])),
            starts_at=(NOON + dt.timedelta(minutes=draw(st.integers(-60, 600)))).isoformat(),
            **draw(st.dictionaries(st.sampled_from(["child", "room", "note"]), st.integers(0, 3), max_size=3)),
        )
        for number, minute in enumerate(minutes)
    ]


@given(stories(), st.data())
def test_events_in_any_order_and_number_make_the_same_run(story: list[Happening], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(story), max_size=4))
    shuffled = data.draw(st.permutations([*story, *again]))
    in_time = run_after(sorted(story, key=lambda each: each.time))
    assert run_after(shuffled)._replace(revision=0) == in_time._replace(revision=0)


@given(stories())
def test_a_revision_grows_just_when_the_timeline_changes(story: list[Happening]) -> None:
    run = Run("childcare", REMINDERS.name, "a-1", version=1)
    for each in story:
        after = apply(run, REMINDERS, each)
        assert after.revision == run.revision + (after.timeline != run.timeline)
        assert apply(after, REMINDERS, each) == after
        run = after


def test_a_field_that_a_move_leaves_out_keeps_its_newest_value() -> None:
    first = happening("appointment.scheduled", 0, starts_at="2026-11-21T17:00:00+09:00", child="지우", room="A")
    second = happening("appointment.rescheduled", 1, starts_at="2026-11-21T18:00:00+09:00", room="B")
    third = happening("appointment.rescheduled", 2, starts_at="2026-11-21T19:00:00+09:00")
    for order in ([first, second, third], [third, first, second], [third, second, first], [second, third, first]):
        run = run_after(order)
        assert run.fields == {
            "appointment_id": "a-1",
            "starts_at": "2026-11-21T19:00:00+09:00",
            "child": "지우",
            "room": "B",
        }


def test_a_stop_that_comes_before_its_start_still_stops() -> None:
    start = happening("appointment.scheduled", 0, starts_at="2026-11-21T17:00:00+09:00")
    stop = happening("appointment.cancelled", 1)
    assert not run_after([stop, start]).active
    assert not run_after([start, stop]).active


def test_a_move_that_comes_before_its_start_decides_the_anchor() -> None:
    start = happening("appointment.scheduled", 0, starts_at="2026-11-21T17:00:00+09:00")
    move = happening("appointment.rescheduled", 1, starts_at="2026-11-21T18:00:00+09:00")
    waiting = run_after([move])
    assert not waiting.active
    run = apply(waiting, REMINDERS, start)
    assert run.active
    assert run.anchor_at == dt.datetime(2026, 11, 21, 9, tzinfo=dt.UTC)


@pytest.mark.parametrize("swapped", [False, True])
def test_a_move_in_the_moment_of_its_start_counts_in_either_order(swapped: bool) -> None:
    start = happening("appointment.scheduled", 0, id_="z", starts_at="2026-11-21T17:00:00+09:00", room="A")
    move = happening("appointment.rescheduled", 0, id_="a", starts_at="2026-11-21T18:00:00+09:00", room="B")
    run = run_after([move, start] if swapped else [start, move])
    assert run.active
    assert run.anchor_at == dt.datetime(2026, 11, 21, 9, tzinfo=dt.UTC)
    assert run.fields["room"] == "B"


@pytest.mark.parametrize("kind", ["appointment.scheduled", "appointment.rescheduled"])
@pytest.mark.parametrize("swapped", [False, True])
def test_a_stop_beats_whatever_happens_in_its_moment(kind: str, swapped: bool) -> None:
    before = happening("appointment.scheduled", 0, starts_at="2026-11-21T17:00:00+09:00")
    other = happening(kind, 1, id_="z", starts_at="2026-11-21T18:00:00+09:00")
    stop = happening("appointment.cancelled", 1, id_="a")
    assert not run_after([before, *([stop, other] if swapped else [other, stop])]).active


def test_a_run_from_before_ties_were_told_apart_takes_the_word_of_the_same_moment() -> None:
    start = happening("appointment.scheduled", 0, starts_at="2026-11-21T17:00:00+09:00", room="A")
    run = run_after([start])
    earlier = run._replace(anchored_by="", data={name: word[:2] for name, word in run.data.items()})
    move = happening("appointment.rescheduled", 0, id_="m", starts_at="2026-11-21T18:00:00+09:00", room="B")
    after = apply(earlier, REMINDERS, move)
    assert after.anchor_at == dt.datetime(2026, 11, 21, 9, tzinfo=dt.UTC)
    assert (earlier.fields["room"], after.fields["room"]) == ("A", "B")


def test_a_start_after_a_stop_starts_again_and_forgets_what_was_confirmed_before() -> None:
    story = [
        happening("appointment.scheduled", 0, starts_at="2026-11-21T17:00:00+09:00"),
        happening("pickup.confirmed", 1),
        happening("appointment.cancelled", 2),
    ]
    assert run_after(story).seen("pickup.confirmed")
    again = apply(
        run_after(story), REMINDERS, happening("appointment.scheduled", 3, starts_at="2026-11-22T17:00:00+09:00")
    )
    assert again.active
    assert not again.seen("pickup.confirmed")


def test_a_start_whose_conditions_do_not_hold_starts_nothing() -> None:
    lapsed = happening("appointment.scheduled", 0, status="lapsed", starts_at="2026-11-21T17:00:00+09:00")
    assert run_after([lapsed]) == Run("childcare", REMINDERS.name, "a-1", version=1)


@pytest.mark.parametrize(
    "starts_at",
    [
        None,
        17,
        "",
        "soon",
        "2026-11-21",
        "2026-11-21T17:00:00",
        "0001-01-01T00:00:00+09:00",
        "0001-01-01T00:00:00Z",  # its first step would be before time began
        "9999-12-31T23:59:59Z",  # its last step would be after it ended
        "9999-12-31T23:59:59-12:00",
        ["2026-11-21T17:00:00+09:00"],
        {"at": "2026-11-21T17:00:00+09:00"},
    ],
)
def test_an_anchor_that_is_no_usable_moment_is_named_as_such(starts_at: Any) -> None:
    with pytest.raises(BadAnchor, match=r"data\.starts_at"):
        anchor_of(REMINDERS, happening("appointment.scheduled", 0, starts_at=starts_at))


def test_an_anchor_may_be_written_in_any_time_zone() -> None:
    for written in ("2026-11-21T17:00:00+09:00", "2026-11-21T08:00:00Z", "2026-11-21 17:00:00.000+0900"):
        anchor = anchor_of(REMINDERS, happening("appointment.scheduled", 0, starts_at=written))
        assert anchor == dt.datetime(2026, 11, 21, 8, tzinfo=dt.UTC)


def _key(value: Any) -> str | None:
    event = happening("appointment.scheduled", 0)
    return key_of(REMINDERS, event._replace(scope={"customer": {}, "data": {"appointment_id": value}}))


@given(st.text().filter(clean_id) | st.integers())
def test_a_key_is_equal_to_itself(value: str | int) -> None:
    assert _key(value) == _key(value) is not None


@given(st.text(min_size=1, max_size=6), st.text(min_size=1, max_size=6))
def test_keys_that_differ_are_different_runs(one: str, other: str) -> None:
    assert (_key(one) == _key(other)) == (clean_id(one) == clean_id(other))


def test_a_key_is_one_however_it_was_typed() -> None:
    assert _key("등록-1") == _key(unicodedata.normalize("NFD", "등록-1")) == _key(" 등록-1\u200b\n") == "등록-1"


@pytest.mark.parametrize("filler", ["x" * 400, "가" * 400, "𝒳" * 400, "x" * 100_000])
def test_long_keys_that_differ_only_at_their_end_are_different_runs(filler: str) -> None:
    one, other = _key(filler + "1"), _key(filler + "2")
    assert one != other
    assert one is not None
    assert len(one) <= 400


def test_a_number_is_the_same_key_however_it_is_written() -> None:
    assert _key(7) == _key("7") == _key(7.0) == "7"
    assert _key(7.5) == "7.5"
    assert _key(True) == "true"


@pytest.mark.parametrize("value", [None, "", "  ", "\u200b", [], {}, [1], {"id": 1}])
def test_what_names_nothing_is_no_key(value: Any) -> None:
    assert _key(value) is None


def test_without_a_key_each_event_is_a_run_of_its_own() -> None:
    definition = WorkflowDefinition.model_validate({"name": "welcome", "on": "signup", "steps": [{"send": "welcome"}]})
    event = happening("signup", 0)
    keys = {
        key_of(definition, event._replace(source=source, id=id_))
        for source, id_ in [("a", "b"), ("a#b", "c"), ("a", "b#c"), ("a", "b c"), ("b", "a")]
    }
    assert len(keys) == 5


@given(st.integers(0, 10**6), st.sampled_from("smhdw"), st.sampled_from(["", "+", "-"]))
def test_an_offset_is_a_number_and_a_unit(count: int, unit: str, sign: str) -> None:
    seconds = count * {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}[unit]
    written = f"{sign}{count}{unit}"
    if seconds > MAX_OFFSET.total_seconds():
        with pytest.raises(ValueError, match="two years"):
            parse_offset(written)
    else:
        assert parse_offset(written).total_seconds() == (-seconds if sign == "-" else seconds)


@given(st.timedeltas(-MAX_OFFSET, MAX_OFFSET).map(lambda offset: dt.timedelta(seconds=int(offset.total_seconds()))))
def test_an_offset_survives_being_stored(offset: dt.timedelta) -> None:
    definition = REMINDERS.model_copy(update={"steps": (REMINDERS.steps[0].model_copy(update={"at": offset}),)})
    stored = WorkflowDefinition.model_validate_json(definition.model_dump_json())
    assert stored == definition


def test_a_definition_survives_being_stored() -> None:
    assert WorkflowDefinition.model_validate_json(REMINDERS.model_dump_json()) == REMINDERS


@pytest.mark.parametrize(
    "written",
    [
        "",
        "m",
        "5",
        "5 m",
        "1.5h",
        "--5m",
        "5M",
        "3d\n",
        "٣d",
        "1y",
        "9999999999s",
        True,
        None,
        pytest.param(5, id="int 5"),
    ],
)
def test_what_is_no_offset_is_refused(written: Any) -> None:
    with pytest.raises(ValueError, match=r"offset|two years"):
        parse_offset(written)


@pytest.mark.parametrize("written", [pytest.param(0, id="int 0"), "0", "0s", "+0m", "-0d"])
def test_nothing_is_an_offset_too(written: Any) -> None:
    assert parse_offset(written) == dt.timedelta()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"anchor": None}, "anchor"),
        ({"key": None}, "key"),
        ({"steps": []}, "steps"),
        ({"steps": [{"send": "x"}] * 51}, "steps"),
        ({"on": []}, "on"),
        ({"valid_for": "0"}, "valid_for"),
        ({"valid_for": "-1h"}, "valid_for"),
        ({"route": []}, "route"),
        ({"route": ["pigeon"]}, "pigeon"),
        ({"route": ["sms", "sms"]}, "twice"),
        ({"where": {"data.kind": {}}}, "condition"),
        ({"where": {"data.kind": {"above": 3}}}, "above"),
        ({"every": "3d"}, "every"),
    ],
)
def test_a_workflow_that_makes_no_sense_is_refused_with_the_reason(change: dict[str, Any], said: str) -> None:
    written = REMINDERS.model_dump(mode="json", by_alias=True)
    with pytest.raises(ValidationError, match=said):
        WorkflowDefinition.model_validate(written | change)
