"""What a statement does for a batch grows with the batch: no part of it is compared with each row of another, and of
what else is under way nothing is looked at."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from shared.contracts.outcomes import Outcome
from shared.contracts.reports import ProviderReport
from shared.contracts.tickets import SendTicket
from shared.messages.dispatch.store import decide_claims
from shared.messages.dispatch.submit_store import mark_prepared, mark_sent
from shared.messages.reports.store import record_reports_and_decide_charges
from shared.messages.status import Change, State, Status
from shared.platform.database import Connection, fetch_all
from shared.platform.ids import new_id
from shared.platform.pubsub import BULK_SEND_REQUESTS
from tests.clock import NOON
from tests.world import World

LEASE = NOON + dt.timedelta(minutes=1)

QUEUED = """
insert into messages (
  tenant, id, customer, recipient, template, template_version, route, deadlines, channel, status,
  due_at, expires_at, created_at, updated_at
)
select %s, id, 'somebody', '01090004000', 'reminder', 1, '{sms}', '{60}', 'sms', 'queued', %s, %s, %s, %s
from unnest(%s::uuid[]) as id
"""


class Explaining:
    """A connection on which each statement is done, and gives its plan and no rows."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.plan: Mapping[str, Any] = {}
        self.description = None

    def cursor(self, **_: Any) -> Explaining:
        return self

    async def execute(self, statement: str, parameters: dict[str, Any]) -> None:
        explained = f"explain (analyze, timing off, format json) {statement}"
        self.plan = (await fetch_all(self._connection, explained, parameters))[0]["QUERY PLAN"][0]["Plan"]

    async def fetchall(self) -> list[Any]:
        return []

    @property
    def as_connection(self) -> Connection:
        return cast(Connection, self)

    @property
    def most_rows(self) -> float:
        """Of the step of the plan that looked at most rows."""
        return max(map(_rows, _steps(self.plan)))


def _steps(plan: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [plan, *(step for part in plan.get("Plans", ()) for step in _steps(part))]


def _rows(step: Mapping[str, Any]) -> float:
    looked_at = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter")
    return float(step["Actual Loops"] * sum(step.get(kind, 0) for kind in looked_at))


async def _queued(world: World, number: int) -> tuple[str, list[UUID]]:
    tenant = await world.tenant()
    ids = [new_id(NOON) for _ in range(number)]
    world.rows(QUEUED, tenant, NOON, NOON + dt.timedelta(days=1), NOON, NOON, ids)
    world.rows("analyze messages")
    return tenant, ids


async def _sent(world: World, tenant: str, ids: Sequence[UUID]) -> UUID:
    ticket, dispatch = SendTicket(id=new_id(NOON), tenant=tenant, messages=tuple(ids)), new_id(NOON)
    accepted = [(id_, "sms", f"M{id_}") for id_ in ids]
    async with world.owner.connection() as connection:
        await decide_claims(
            connection, [ticket], {tenant: dispatch}, topic=BULK_SEND_REQUESTS, now=NOON, lease_until=LEASE
        )
        await mark_prepared(connection, tenant, dispatch, batch=str(dispatch), now=NOON, lease_until=LEASE)
        await mark_sent(connection, tenant, dispatch, accepted, now=NOON, check_at=LEASE)
    return dispatch


async def test_a_claim_of_many_compares_none_with_each_other(world: World) -> None:
    tenant, ids = await _queued(world, 300)
    ticket = SendTicket(id=new_id(NOON), tenant=tenant, messages=tuple(ids))
    async with world.owner.connection() as connection:
        claim = Explaining(connection)
        await decide_claims(
            claim.as_connection,
            [ticket],
            {tenant: new_id(NOON)},
            topic=BULK_SEND_REQUESTS,
            now=NOON,
            lease_until=LEASE,
        )
    assert {row["status"] for row in world.rows("select status::text from messages")} == {"sending"}
    assert claim.most_rows < 4 * 300, claim.plan


async def test_reports_on_one_dispatch_look_at_no_other(world: World) -> None:
    tenant, ids = await _queued(world, 600)
    for start in range(0, 600, 30):
        await _sent(world, tenant, ids[start : start + 30])
    async with world.owner.connection() as connection:
        await fetch_all(connection, "analyze dispatches", {})
        recording = Explaining(connection)
        await record_reports_and_decide_charges(
            recording.as_connection,
            [(tenant, "solapi", _delivered(id_)) for id_ in ids[:30]],
            [_change(tenant, id_) for id_ in ids[:30]],
            [],
            topics={},
            now=NOON,
            publish_at=NOON,
        )
    assert [row["state"] for row in world.rows("select state::text from dispatches")].count("closed") == 1
    assert recording.most_rows < 4 * 30, recording.plan


def _delivered(id_: UUID) -> ProviderReport:
    return ProviderReport(
        message=id_, attempt=0, channel="sms", provider_message_id=f"M{id_}", code="4000", outcome=Outcome.DELIVERED
    )


def _change(tenant: str, id_: UUID) -> Change:
    return Change(
        tenant=tenant,
        id=id_,
        state=State(0, Status.DELIVERED),
        position=0,
        channel="sms",
        provider_message_id=f"M{id_}",
        reason=None,
        detail=None,
        requeued=False,
        settles="capture",
    )
