"""Of plain events that are new, and planned as their tenant is, all is written; of the others nothing.

The oracle of `take_plain_events_and_decide_fresh`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.events import SubscriptionEvent
from shared.customers.words import Telling
from shared.messages.composing import NewMessage, Origin
from shared.messages.outbox import PATIENCE, cut_tickets, topics_of
from shared.messages.routing import parse_route
from shared.messages.status import Status
from shared.platform.clock import month_of
from shared.platform.ids import derived_id
from shared.workflows.events.fingerprints import fingerprint
from shared.workflows.events.plain_store import PlainEvent, Taken, take_plain_events_and_decide_fresh
from shared.workflows.outcomes import Outcome
from tests.clock import NOON
from tests.scratch import Row, Scratch, mostly, rows
from tests.world import SOURCE, event

REVISION = 3
TENANTS: Mapping[str, dt.datetime | None] = {"cafe": None, "shop": NOON}
"""When each was suspended."""
A_MONTH = dt.timedelta(days=30)
OUTCOME = Outcome("welcome", "unmet")


class Given(NamedTuple):
    tenant: str
    number: int
    says: int
    planned_by: int
    spoken: Sequence[Status]
    outcomes: Sequence[Outcome]

    @property
    def key(self) -> tuple[str, str]:
        return self.tenant, f"e-{self.number}"

    @property
    def event(self) -> SubscriptionEvent:
        return event(self.tenant, f"e-{self.number}", customer={"id": f"c-{self.number}"}, says=self.says)

    @property
    def telling(self) -> Telling:
        return Telling(self.tenant, f"c-{self.number}", NOON, {"name": f"{self.says}"})

    @property
    def messages(self) -> list[NewMessage]:
        return [self._message(step, status) for step, status in enumerate(self.spoken)]

    def _message(self, step: int, status: Status) -> NewMessage:
        return NewMessage(
            tenant=self.tenant,
            id=derived_id(NOON, *self.key, step),
            customer=f"c-{self.number}",
            recipient="01090004000",
            template="welcome",
            template_version=1,
            variables={},
            route=parse_route("sms_only"),
            status=status,
            reason=None if status is Status.QUEUED else "missing_variable",
            detail=None,
            due_at=NOON,
            expires_at=NOON,
            created_at=NOON,
            origin=Origin(workflow="welcome", step=step, event_source=SOURCE, event_id=f"e-{self.number}"),
        )


given_events = st.builds(
    Given,
    mostly("cafe", "shop", "nobody"),
    st.integers(0, 3),
    st.integers(0, 1),
    mostly(REVISION, REVISION - 1),
    st.lists(st.sampled_from([Status.QUEUED, Status.FAILED]), max_size=2),
    st.sampled_from([(), (OUTCOME,)]),
)
batches = st.lists(given_events, min_size=1, max_size=5, unique_by=lambda one: one.key)


@st.composite
def rows_from_before(draw: st.DrawFn) -> list[Row]:
    """Events that are kept; under the same time, or under one in a month beside, and some from before fingerprints."""
    kept = draw(st.lists(st.tuples(st.sampled_from(list(TENANTS)), st.integers(0, 3)), unique=True, max_size=3))
    return [
        {
            "tenant": tenant,
            "source": SOURCE,
            "id": f"e-{number}",
            "type": "subscription.signup",
            "time": NOON,
            "data": {},
            "fingerprint": draw(st.none() | st.integers(0, 1).map(lambda says: _mark(tenant, number, says))),  # noqa: B023
            "received_at": NOON - dt.timedelta(days=1),
            "month": draw(st.sampled_from([month_of(NOON - A_MONTH), month_of(NOON), month_of(NOON + A_MONTH)])),
        }
        for tenant, number in kept
    ]


def _mark(tenant: str, number: int, says: int) -> bytes:
    return fingerprint(Given(tenant, number, says, REVISION, (), ()).event)


def _expected(kept: dict[tuple[str, str], bytes | None], batch: Sequence[Given]) -> list[Taken]:
    found = []
    for one in batch:
        if one.tenant not in TENANTS:
            found.append(Taken(one.tenant, None, fresh=False, conflicting=False, open=False))
            continue
        mark, seen = fingerprint(one.event), one.key in kept
        conflicting = seen and kept[one.key] is not None and kept[one.key] != mark
        fresh = not seen and one.planned_by == REVISION and TENANTS[one.tenant] is None
        if fresh:
            kept[one.key] = mark
        found.append(Taken(one.tenant, REVISION, fresh=fresh, conflicting=conflicting, open=not seen and not fresh))
    return found


@given(rows_from_before(), st.lists(batches, min_size=1, max_size=3))
async def test_what_is_new_and_planned_as_its_tenant_is_is_written_whole_and_nothing_of_the_others(
    scratch: Scratch, before: list[Row], story: list[list[Given]]
) -> None:
    tenants = [
        {"id": tenant, "name": tenant, "revision": REVISION, "suspended_at": suspended_at}
        for tenant, suspended_at in TENANTS.items()
    ]
    kept: dict[tuple[str, str], bytes | None] = {(row["tenant"], row["id"]): row["fingerprint"] for row in before}
    written: list[Given] = []
    async with scratch.holding(tenants=tenants, events=before) as connection:
        for batch in story:
            messages = [message for one in batch for message in one.messages]
            tickets = cut_tickets(((each.tenant, each.id) for each in messages if each.status is Status.QUEUED), NOON)
            taken = await take_plain_events_and_decide_fresh(
                connection,
                [PlainEvent(one.event, one.planned_by, one.telling, one.outcomes) for one in batch],
                messages,
                tickets,
                topics=topics_of(tickets),
                now=NOON,
                publish_at=NOON + PATIENCE,
            )
            assert taken == _expected(kept, batch)
            written += [one for one, became in zip(batch, taken, strict=True) if became.fresh]
        events = "select tenant, id, data ->> 'says' as says, outcomes from events where received_at = %(now)s"
        assert _sorted(await rows(connection, events, now=NOON)) == _sorted(
            {"tenant": one.tenant, "id": one.key[1], "says": f"{one.says}", "outcomes": _kept(one)} for one in written
        )
        heard = {(one.tenant, f"c-{one.number}"): f"{one.says}" for one in written}
        assert _sorted(await rows(connection, "select tenant, id, name from customers")) == _sorted(
            {"tenant": tenant, "id": id_, "name": name} for (tenant, id_), name in heard.items()
        )
        made = [message for one in written for message in one.messages]
        assert _sorted(await rows(connection, "select tenant, id, status::text from messages")) == _sorted(
            {"tenant": message.tenant, "id": message.id, "status": message.status.value} for message in made
        )
        carried = "select tenant, jsonb_array_elements_text(body -> 'messages')::uuid as id from outbox"
        assert _sorted(await rows(connection, carried)) == _sorted(
            {"tenant": message.tenant, "id": message.id} for message in made if message.status is Status.QUEUED
        )


def _kept(one: Given) -> list[dict[str, Any]]:
    return [outcome.fields() for outcome in one.outcomes]


def _sorted(found: Any) -> list[Row]:
    return sorted(found, key=str)
