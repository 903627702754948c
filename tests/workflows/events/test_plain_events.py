"""What an event comes to is the same whether it was known before anything was asked, or found step by step."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.events import SubscriptionEvent
from shared.customers.words import Untold, own_words, together
from shared.platform.clock import month_of
from shared.workflows.definition import WorkflowDefinition
from shared.workflows.events.fingerprints import fingerprint
from shared.workflows.events.intake import EventIntake
from shared.workflows.store import save_workflows
from tests.clock import NOON
from tests.faults.boundaries import WatchedDatabase
from tests.scratch import mostly
from tests.world import TEMPLATES, WELCOME, World, event

MINUTE = dt.timedelta(minutes=1)
SEATS = {
    "variables": {"좌석": "customer.attributes.seats", "이름": "customer.name"},
    "sms": {"text": "#{이름} #{좌석}"},
}
WORKFLOWS: Sequence[Mapping[str, Any]] = (
    WELCOME,
    {"name": "seats", "on": "plan.changed", "where": {"customer.plan": ["pro"]}, "steps": [{"send": "seats"}]},
    {
        "name": "any",
        "on": "plan.changed",
        "where": {"customer.attributes": {"exists": True}},
        "steps": [{"send": "no"}],
    },
    {"name": "later", "on": "trial.began", "steps": [{"at": "+1h", "send": "welcome"}]},
    {
        "name": "pickup",
        "on": "appointment.scheduled",
        "key": "data.id",
        "steps": [{"send": "welcome", "unless": "pickup.confirmed"}],
    },
)
KINDS = ("subscription.signup", "trial.began", "appointment.scheduled", "pickup.confirmed", "other")

told = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["하나", None]),
        "phone": st.sampled_from(["010-9000-4000", "12", None]),
        "plan": st.sampled_from(["pro", "free", None]),
        "locale": st.sampled_from(["en", None]),
        "attributes": st.none() | st.dictionaries(st.sampled_from(["seats", "동"]), st.sampled_from([1, None])),
    },
)
parts: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "id_": st.integers(0, 30).map("e-{}".format),
        "kind": mostly("plan.changed", *KINDS, times=4),
        "minute": st.integers(-1, 1),
        "customer": st.builds(lambda number, words: {"id": f"c-{number}", **words}, st.integers(0, 2), told),
    }
)
apart = st.lists(parts, min_size=1, max_size=3, unique_by=(lambda one: one["id_"], lambda one: one["customer"]["id"]))
stories = st.lists(apart | st.lists(parts, min_size=1, max_size=3), min_size=2, max_size=8)

_names = count(1)

_LOOKS: Mapping[str, str] = {
    "events": "select id, type, time, data, outcomes, note, received_at, month from events",
    "customers": "select id, name, phone, plan, locale, attributes, as_of, told_at, attributes_told_at from customers",
    "messages": "select customer, recipient, workflow, workflow_version, run_key, run_revision, step, unless,"
    " event_source, event_id, template, template_version, variables, route, deadlines, channel, status::text, reason,"
    " detail, due_at, expires_at, created_at from messages",
    "runs": "select workflow, key, version, customer, anchor_at, facts, data, revision from runs",
    "timers": "select workflow, key, step, due_at from timers",
    "outbox": "select topic, jsonb_array_length(body -> 'messages') as messages, publish_at from outbox",
}


def _intake(world: World) -> EventIntake:
    return EventIntake(world.as_role("allim_events"), world.publisher, world.clock)


async def _tenant(world: World, name: str) -> str:
    return await world.tenant(*WORKFLOWS, id_=name, templates={**TEMPLATES, "seats": SEATS}, account=False, credit=0)


def _told_of(world: World, tenant: str) -> dict[str, list[str]]:
    """All that is kept of a tenant, beside whose it is."""
    found = {
        name: sorted(str(row) for row in world.rows(f"{look} where tenant = %s", tenant))
        for name, look in _LOOKS.items()
        if name != "outbox"
    }
    queued = world.rows("select id from messages where tenant = %s and status = 'queued' order by id", tenant)
    carried = world.rows(
        "select jsonb_array_elements_text(body -> 'messages')::uuid as id from outbox where tenant = %s order by id",
        tenant,
    )
    assert carried == queued
    published = [
        id_ for _, ticket in world.publisher.published if ticket["tenant"] == tenant for id_ in ticket["messages"]
    ]
    assert sorted(published) == [str(row["id"]) for row in queued]
    return found


@given(stories)
async def test_who_remembers_the_definitions_writes_what_one_who_reads_them_writes(
    shared_world: World, story: list[list[dict[str, Any]]]
) -> None:
    world, number = shared_world, next(_names)
    world.clock.moment = NOON
    remembering, tenants = _intake(world), [await _tenant(world, f"t{number}-{who}") for who in ("quick", "slow")]
    ends = []
    for tenant, remembers in zip(tenants, (True, False), strict=True):
        answers = []
        await remembering.take([event(tenant, "e-first", "first", customer={"id": "first"})])
        for batch in story:
            events = [
                event(
                    tenant,
                    one["id_"],
                    one["kind"],
                    time=NOON + one["minute"] * MINUTE,
                    customer={"name": ..., "phone": ..., **one["customer"]},
                    id="a-1",
                )
                for one in batch
            ]
            refusals = await (remembering if remembers else _intake(world)).take(events)
            answers.append([refusal and refusal.code for refusal in refusals])
        ends.append((answers, _told_of(world, tenant)))
    assert ends[0] == ends[1]


@given(told, told)
def test_own_words_are_what_the_known_ones_come_to_or_are_not_told(
    known: dict[str, Any], words: dict[str, Any]
) -> None:
    known = {"id": "c-1", **known, "attributes": known.get("attributes") or {}}
    whole, own = together(known, words), own_words("c-1", words)
    for name in ("id", "name", "phone", "plan", "locale", "unknown"):
        try:
            assert own.get(name) == whole.get(name)
        except Untold:
            assert name not in words
    for name in ("seats", "동", "unknown"):
        try:
            assert own["attributes"].get(name) == whole["attributes"].get(name)
        except Untold:
            assert name not in (words.get("attributes") or {})


def test_whoever_looks_at_all_of_somebodys_own_words_is_told_that_it_is_not_all() -> None:
    own = own_words("c-1", {"attributes": {"seats": 1}})
    for look in (len, list, str, dict):
        for words in (own, own["attributes"]):
            with pytest.raises(Untold):
                look(words)


async def _crossed(world: World, *batches: Sequence[SubscriptionEvent]) -> list[list[str]]:
    """What one intake did at the database for each batch: its statements, and where it committed a transaction."""
    crossed: list[str] = []

    async def hook(boundary: str) -> None:
        if boundary.startswith("before "):
            crossed.append(boundary.removeprefix("before "))

    intake = EventIntake(WatchedDatabase(world.as_role("allim_events"), hook), world.publisher, world.clock)
    found = []
    for batch in batches:
        assert await intake.take(batch) == [None] * len(batch)
        found.append(crossed[:])
        crossed.clear()
    return found


async def test_an_event_that_speaks_at_once_is_one_statement_without_a_transaction(world: World) -> None:
    tenant = await world.tenant()
    first, later, again = ([event(tenant, id_)] for id_ in ("e-1", "e-2", "e-2"))
    assert (await _crossed(world, first, later, again))[1:] == [["a statement"], ["a statement"]]
    assert len(world.messages(tenant)) == 2


async def test_so_many_of_them_are_one_statement_too(world: World) -> None:
    tenant = await world.tenant()
    crowd = [event(tenant, f"e-{number}", customer={"id": f"c-{number}"}) for number in range(50)]
    assert (await _crossed(world, [event(tenant, "first")], crowd))[1] == ["a statement"]
    assert len(world.messages(tenant)) == 51
    assert sum(len(ticket["messages"]) for _, ticket in world.publisher.published) == 51


async def test_by_definitions_that_have_changed_since_nothing_is_made(world: World) -> None:
    tenant, intake = await world.tenant(), _intake(world)
    await intake.take([event(tenant, "e-1")])
    changed = {**WELCOME, "where": {"data.reason": ["new"]}}
    async with world.owner.transaction() as connection:
        await save_workflows(connection, tenant, [WorkflowDefinition.model_validate(changed)], now=NOON)
    batch = [event(tenant, "e-2"), event(tenant, "e-3", customer={"id": "c-2"}, reason="new")]
    for _ in range(2):
        assert await intake.take(batch) == [None, None]
    assert world.did(tenant) == {"e-1": [], "e-2": ["unmet"], "e-3": []}
    assert [row["event_id"] for row in world.messages(tenant)] == ["e-1", "e-3"]


async def test_of_a_tenant_that_was_suspended_since_it_is_told_that_its_messages_wait(world: World) -> None:
    tenant, intake = await world.tenant(), _intake(world)
    await intake.take([event(tenant, "e-1")])
    world.rows("update tenants set suspended_at = %s where id = %s", NOON, tenant)
    assert await intake.take([event(tenant, "e-2")]) == [None]
    assert [outcome.suspended for outcome in world.outcomes(tenant)["e-2"]] == [True]
    assert len(world.messages(tenant)) == 2


@pytest.mark.parametrize(("says", "refused"), [(1, None), (2, "conflicting_event")])
async def test_an_event_that_somebody_else_keeps_just_now_is_waited_for(
    world: World, says: int, refused: str | None
) -> None:
    tenant, intake = await world.tenant(), _intake(world)
    await intake.take([event(tenant, "e-1")])
    world.publisher.published.clear()
    first, mine = event(tenant, "e-2", says=1), event(tenant, "e-2", says=says)
    beside = event(tenant, "e-3", customer={"id": "c-3"})
    async with world.owner.transaction() as connection:
        await connection.execute(
            "insert into events (tenant, source, id, type, time, data, fingerprint, received_at, month)"
            " values (%s, %s, %s, %s, %s, '{}', %s, %s, %s)",
            [tenant, first.source, first.id, first.type, NOON, fingerprint(first), NOON, month_of(NOON)],
        )
        work = asyncio.create_task(intake.take([mine, beside]))
        await world.lock_waiters(1)
    taken = await work
    assert [refusal and refusal.code for refusal in taken] == [refused, None]
    assert [row["event_id"] for row in world.messages(tenant)] == ["e-1", "e-3"]
    assert [len(ticket["messages"]) for _, ticket in world.publisher.published] == [1]
