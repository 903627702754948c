"""What came of events, for people and for programs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from shared.customers.knowing import check_customer
from shared.platform.database import Connection
from shared.platform.errors import AllimError
from shared.tenants.store import tenant_exists
from shared.workflows.events.store import StoredEvent, newest_events, spoken_at_once
from shared.workflows.events.telling import NOT_KEPT, UNHEARD, Sentences, told_of
from shared.workflows.outcomes import Outcome, outcome_of


@dataclass(frozen=True, slots=True)
class EventView:
    """An event that came in.

    customer: whom it is about, by id.
    outcomes: what it came to in each workflow that heard it, as it was decided then. Empty when none did.
    came_to, came_to_ko: the same in a sentence.
    """

    tenant: str
    source: str
    id: str
    type: str
    time: dt.datetime
    received_at: dt.datetime
    customer: str
    outcomes: Sequence[Outcome]
    came_to: str
    came_to_ko: str


async def list_events(
    connection: Connection,
    *,
    since: dt.datetime,
    tenant: str | None = None,
    type_: str | None = None,
    customer: str | None = None,
    limit: int,
) -> list[EventView]:
    """Events that came in since a moment, newest first.

    Args:
        connection: as role `allim_operator`.
        since: the moment.
        tenant, type_, customer: only these; None for all.
        limit: so many at most.

    Raises:
        AllimError: `unknown_tenant`; `unknown_customer` when nobody ever spoke of that customer.
    """
    if tenant is not None and not await tenant_exists(connection, tenant):
        raise AllimError(
            "unknown_tenant", f"there is no tenant {tenant!r}", "등록되지 않은 고객사입니다.", field="tenant"
        )
    if customer is not None:
        await check_customer(connection, tenant, customer)
    events = await newest_events(connection, since=since, tenant=tenant, type_=type_, customer=customer, limit=limit)
    at_once = await spoken_at_once(connection, [event for event in events if event.outcomes == []])
    return [_view(event, at_once.get((event.tenant, event.source, event.id), [])) for event in events]


def _view(event: StoredEvent, at_once: Sequence[tuple[str, int]]) -> EventView:
    outcomes = [outcome_of(kept) for kept in event.outcomes or ()]
    outcomes = outcomes or [Outcome(workflow, "started", spoke=messages) for workflow, messages in at_once]
    came_to, came_to_ko = _sentences(event, outcomes)
    return EventView(
        tenant=event.tenant,
        source=event.source,
        id=event.id,
        type=event.type,
        time=event.time,
        received_at=event.received_at,
        customer=event.customer,
        outcomes=outcomes,
        came_to=came_to,
        came_to_ko=came_to_ko,
    )


def _sentences(event: StoredEvent, outcomes: Sequence[Outcome]) -> Sentences:
    if outcomes:
        return told_of(outcomes)
    if event.outcomes is None:
        return (event.note, event.note) if event.note else NOT_KEPT
    return UNHEARD
