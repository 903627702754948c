"""The law of status, and that reports come to the same end in whatever order and company they arrive."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.outcomes import Outcome
from shared.contracts.reports import ProviderReport
from shared.messages.reports.reporting import decide
from shared.messages.status import Standing, State, Status, merge, state_told_by
from tests.databases import Migrated

MESSAGE = UUID(int=1)
ROUTES = (("sms",), ("alimtalk",), ("alimtalk", "sms"), ("sms", "alimtalk"), ("brand", "alimtalk", "sms"))

SAID = [outcome for outcome in Outcome if outcome is not Outcome.EXPIRED]
"""What providers say. That nobody could be asked is our own word, and the last one but for a delivery."""

states = st.builds(State, attempt=st.integers(0, 4), status=st.sampled_from(Status))


@given(states, states)
def test_merge_is_commutative(one: State, other: State) -> None:
    assert merge(one, other) == merge(other, one)


@given(states, states, states)
def test_merge_is_associative(one: State, two: State, three: State) -> None:
    assert merge(merge(one, two), three) == merge(one, merge(two, three))


@given(states)
def test_merge_is_idempotent(state: State) -> None:
    assert merge(state, state) == state


@given(states, states)
def test_nothing_moves_backwards(one: State, other: State) -> None:
    joined = merge(one, other)
    assert joined.order >= max(one.order, other.order)
    assert joined.attempt >= min(one.attempt, other.attempt)
    if one.attempt == other.attempt:
        assert joined.status.rank == max(one.status.rank, other.status.rank)


@given(states, st.integers(0, 4), st.booleans())
def test_a_delivery_is_never_forgotten(state: State, attempt: int, goes_on: bool) -> None:
    delivered = merge(state, state_told_by(Outcome.DELIVERED, attempt, route_goes_on=goes_on))
    assert delivered.status.arrived
    for outcome in Outcome:
        for later in range(6):
            assert merge(delivered, state_told_by(outcome, later, route_goes_on=goes_on)).status.arrived


def test_the_order_of_the_law_is_that_of_the_database(module_database: Migrated) -> None:
    with psycopg.connect(module_database.url) as connection:
        rows = connection.execute("select unnest(enum_range(null::message_status))::text").fetchall()
    assert [name for (name,) in rows] == [status.value for status in Status]


@dataclass(frozen=True)
class Tale:
    """A message's route, the leg that each attempt takes (a retry repeats it), where it stands, and what is said."""

    route: tuple[str, ...]
    legs: tuple[int, ...]
    standing: Standing
    reports: tuple[ProviderReport, ...]


def _report(attempt: int, channel: str, outcome: Outcome) -> ProviderReport:
    return ProviderReport(
        message=MESSAGE,
        attempt=attempt,
        channel=channel,
        provider_message_id=f"M{attempt}",
        code=f"{attempt}-{outcome}",
        outcome=outcome,
    )


@st.composite
def tales(draw: st.DrawFn) -> Tale:
    route = draw(st.sampled_from(ROUTES))
    legs = [0]
    for goes_on in draw(st.lists(st.booleans(), max_size=4)):
        legs.append(min(legs[-1] + goes_on, len(route) - 1))
    attempt = draw(st.integers(0, len(legs) - 1))
    status = draw(st.sampled_from([Status.QUEUED, Status.SENDING, Status.SENT]))
    may_double = draw(st.booleans())
    standing = Standing("saas", MESSAGE, State(attempt, status), legs[attempt], route[legs[attempt]], route, may_double)
    said = st.tuples(st.integers(0, len(legs) - 1), st.sampled_from(SAID), st.booleans())
    reports = []
    for number, outcome, long in draw(st.lists(said, min_size=1, max_size=8)):
        channel = route[legs[number]]
        # A text message is reported as what it became.
        reports.append(_report(number, "lms" if channel == "sms" and long else channel, outcome))
    return Tale(route, tuple(legs), standing, tuple(reports))


def after(standing: Standing, batches: Sequence[Sequence[ProviderReport]]) -> Standing:
    """Where the message stands when its reports came in these batches."""
    for batch in batches:
        if change := decide(standing, batch):
            standing = standing._replace(state=change.state, position=change.position, channel=change.channel)
            _check_change_is_whole(standing, change.reason, change.requeued)
    return standing


def _check_change_is_whole(standing: Standing, reason: str | None, requeued: bool) -> None:
    """What the database demands of a row, and the sender of a message to send."""
    status = standing.state.status
    assert requeued == (status is Status.QUEUED)
    assert (reason is not None) == (status in (Status.FAILED, Status.UNKNOWN, Status.EXPIRED))
    assert 0 <= standing.position < len(standing.route)
    if requeued:
        assert standing.channel == standing.route[standing.position]


@given(tales(), st.data())
def test_reports_in_any_order_and_number_come_to_the_same_end(tale: Tale, data: st.DataObject) -> None:
    first = after(tale.standing, [[report] for report in tale.reports])
    again = data.draw(st.lists(st.sampled_from(tale.reports), max_size=6))
    shuffled = data.draw(st.permutations([*tale.reports, *again]))
    assert after(tale.standing, [[report] for report in shuffled]).state == first.state


@given(tales(), st.data())
def test_reports_come_to_the_same_end_one_by_one_and_in_batches(tale: Tale, data: st.DataObject) -> None:
    one_by_one = after(tale.standing, [[report] for report in tale.reports])
    assert after(tale.standing, [tale.reports]) == one_by_one
    cut = data.draw(st.integers(0, len(tale.reports)))
    assert after(tale.standing, [tale.reports[:cut], tale.reports[cut:]]) == one_by_one


@given(tales())
def test_the_end_is_the_join_of_all_that_was_said(tale: Tale) -> None:
    expected = tale.standing.state
    for report in tale.reports:
        goes_on = tale.legs[report.attempt] + 1 < len(tale.route)
        told = state_told_by(report.outcome, report.attempt, route_goes_on=goes_on, may_double=tale.standing.may_double)
        expected = merge(expected, told)
    assert after(tale.standing, [tale.reports]).state == expected


def _standing(*route: str, attempt: int = 0, position: int = 0, status: Status = Status.SENT) -> Standing:
    return Standing("saas", MESSAGE, State(attempt, status), position, route[position], route)


def test_a_failure_sends_the_message_to_the_next_channel_of_its_route() -> None:
    change = decide(_standing("alimtalk", "sms"), [_report(0, "alimtalk", Outcome.FAILED)])
    assert change is not None
    assert change.requeued
    assert (change.state, change.position, change.channel) == (State(1, Status.QUEUED), 1, "sms")
    assert change.reason is None


def test_a_failure_on_the_last_channel_is_the_messages_own() -> None:
    change = decide(_standing("alimtalk", "sms", attempt=1, position=1), [_report(1, "lms", Outcome.FAILED)])
    assert change is not None
    assert change.state == State(1, Status.FAILED)
    assert change.reason == "1-failed"
    assert not change.requeued


def test_a_failure_told_again_after_the_fallback_changes_nothing() -> None:
    standing = _standing("alimtalk", "sms", attempt=1, position=1)
    assert decide(standing, [_report(0, "alimtalk", Outcome.FAILED)]) is None


def test_an_unconfirmed_alimtalk_does_not_fall_back_for_it_may_still_arrive() -> None:
    change = decide(_standing("alimtalk", "sms"), [_report(0, "alimtalk", Outcome.UNCONFIRMED)])
    assert change is not None
    assert change.state == State(0, Status.UNKNOWN)
    assert not change.requeued


def test_a_delivery_known_only_after_the_fallback_was_queued_stops_the_fallback() -> None:
    change = decide(
        _standing("alimtalk", "sms", attempt=1, position=1, status=Status.QUEUED),
        [_report(0, "alimtalk", Outcome.DELIVERED)],
    )
    assert change is not None
    assert change.state == State(0, Status.DELIVERED)
    assert change.settles == "capture"
    assert not change.requeued


def test_the_failures_of_two_attempts_in_one_batch_end_the_route() -> None:
    both = [_report(0, "alimtalk", Outcome.FAILED), _report(1, "sms", Outcome.FAILED)]
    change = decide(_standing("alimtalk", "sms"), both)
    assert change is not None
    assert change.state == State(1, Status.FAILED)
    assert change.reason == "1-failed"


@given(tales(), st.data())
def test_what_ended_because_nobody_could_be_asked_sets_out_no_more_and_a_delivery_still_counts(
    tale: Tale, data: st.DataObject
) -> None:
    before = data.draw(st.integers(0, len(tale.reports)))
    standing = after(tale.standing, [tale.reports[:before]])
    ended = after(standing, [[_report(standing.state.attempt, standing.channel, Outcome.EXPIRED)]])
    assert ended.state.status.final
    later = after(ended, [[report] for report in tale.reports[before:]])
    assert later.state.status.final
    delivered = any(report.outcome in (Outcome.DELIVERED, Outcome.READ) for report in tale.reports)
    assert later.state.status.arrived == delivered


def test_what_may_still_arrive_goes_on_only_where_the_customer_may_be_told_twice() -> None:
    patient = _standing("alimtalk", "sms")
    may_still_arrive = [_report(0, "alimtalk", Outcome.UNCONFIRMED)]
    assert after(patient, [may_still_arrive]).state == State(0, Status.UNKNOWN)
    hasty = after(patient._replace(may_double=True), [may_still_arrive])
    assert (hasty.state, hasty.channel) == (State(1, Status.QUEUED), "sms")
    arrived = after(hasty, [[_report(0, "alimtalk", Outcome.DELIVERED)]])
    assert arrived.state == State(0, Status.DELIVERED)


def test_on_its_last_channel_nothing_goes_on_though_it_might() -> None:
    last = _standing("alimtalk", "sms", attempt=1, position=1)._replace(may_double=True)
    assert after(last, [[_report(1, "sms", Outcome.UNCONFIRMED)]]).state == State(1, Status.UNKNOWN)
