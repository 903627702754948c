"""Where no ticket ever arrives, a message ends when its moment is over, and its ticket with it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from shared.contracts.tickets import SendTicket
from shared.messages.dispatch import unconsumed
from shared.messages.dispatch.reissuing import reissue
from shared.messages.dispatch.store import Claimed, decide_claims
from shared.messages.dispatch.unconsumed import Unconsumed
from shared.platform.database import Connection
from shared.workflows.events.intake import EventIntake
from tests.world import World, event

LATER: Mapping[str, Any] = {
    "name": "later",
    "on": "subscription.signup",
    "valid_for": "3h",
    "steps": [{"send": "welcome"}],
}
SOON: Mapping[str, Any] = {
    "name": "soon",
    "on": "subscription.signup",
    "valid_for": "1h",
    "steps": [{"send": "welcome"}],
}


async def _publish_in_vain(world: World, hours: float) -> None:
    """The tick publishes for so long, and nobody consumes; the sweeps look at it each time."""
    sweep = Unconsumed(world.as_role("allim_sweeper"), world.clock)
    for _ in range(int(hours * 12)):
        world.clock.moment += dt.timedelta(minutes=5)
        await reissue(world.as_role("allim_ticker"), world.publisher, world.clock)
        await sweep.end_some()


async def _queued(world: World, *workflows: Mapping[str, Any]) -> str:
    tenant = await world.tenant(*workflows)
    intake = EventIntake(world.as_role("allim_events"), world.publisher, world.clock)
    await intake.receive(event(tenant, time=world.clock.now()))
    return tenant


async def test_a_message_whose_ticket_is_lost_for_ever_ends_when_its_moment_is_over(world: World) -> None:
    tenant = await _queued(world, SOON)
    await _publish_in_vain(world, 0.9)
    assert world.statuses(tenant) == [("queued", None)]
    await _publish_in_vain(world, 0.5)
    assert world.statuses(tenant) == [("expired", "too_late")]
    assert world.rows("select 1 from outbox where tenant = %s", tenant) == []


async def test_what_is_still_in_time_keeps_its_ticket_and_is_sent_when_that_arrives(world: World) -> None:
    tenant = await _queued(world, SOON, LATER)
    await _publish_in_vain(world, 1.5)
    assert sorted(world.statuses(tenant)) == [("expired", "too_late"), ("queued", None)]
    [row] = world.rows("select body from outbox where tenant = %s", tenant)
    assert len(SendTicket.model_validate(row["body"]).messages) == 2
    assert len(await world.claim_waiting(tenant)) == 1
    assert world.rows("select 1 from outbox where tenant = %s", tenant) == []


async def test_a_ticket_that_names_nothing_which_waits_is_taken_away(world: World) -> None:
    tenant = await _queued(world, LATER)
    world.rows("update messages set status = 'cancelled', reason = 'run_changed' where tenant = %s", tenant)
    await _publish_in_vain(world, 1)
    assert world.rows("select 1 from outbox where tenant = %s", tenant) == []


async def test_those_behind_the_first_ones_have_their_turn_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unconsumed, "TICKETS_AT_A_TIME", 1)
    kept, over = await _queued(world, LATER), await _queued(world, SOON)
    await _publish_in_vain(world, 1.5)
    assert world.statuses(kept) == [("queued", None)]
    assert world.statuses(over) == [("expired", "too_late")]


async def test_a_crowd_of_which_nobody_took_a_ticket_is_ended_by_claims_no_larger_than_a_senders(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One claim of all of them would outlast its role's deadline each time, and those behind it would never end."""
    tenant, behind = await _crowd(world, tickets=8, each=20), await _queued(world, SOON)
    monkeypatch.setattr(unconsumed, "TICKETS_AT_A_TIME", 3)
    sizes = list[int]()

    async def counted(connection: Connection, tickets: Sequence[SendTicket], *args: Any, **names: Any) -> list[Claimed]:
        sizes.append(sum(len(ticket.messages) for ticket in tickets))
        return await decide_claims(connection, tickets, *args, **names)

    monkeypatch.setattr(unconsumed, "decide_claims", counted)
    world.clock.moment += dt.timedelta(hours=4)
    await Unconsumed(world.owner, world.clock).end_some()
    assert sizes == [20] * 8
    assert set(world.statuses(tenant)) == {("expired", "too_late")}
    assert world.statuses(behind) == [("queued", None)]
    assert world.rows("select 1 from outbox where tenant = %s", tenant) == []


async def test_a_ticket_whose_claim_fails_keeps_no_other_message_from_its_end(world: World) -> None:
    poisoned, sound = await _crowd(world, tickets=1, each=2), await _crowd(world, tickets=1, each=2)
    world.rows(
        "create function refuse() returns trigger language plpgsql as"
        f" $$ begin if new.tenant = '{poisoned}' then raise 'poison'; end if; return new; end $$"
    )
    world.rows("create trigger refuse before update on messages for each row execute function refuse()")
    world.clock.moment += dt.timedelta(hours=4)
    await Unconsumed(world.owner, world.clock).end_some()
    assert set(world.statuses(poisoned)) == {("queued", None)}
    assert set(world.statuses(sound)) == {("expired", "too_late")}


async def test_what_waits_for_its_accounts_rate_ends_with_its_moment_and_not_when_its_turn_comes(world: World) -> None:
    """A crowd of a million at one a second would wait for days; of a ticket that is put off, only what is over ends."""
    tenant = await _queued(world, SOON, LATER)
    until = world.clock.now() + dt.timedelta(days=3)
    world.rows("update outbox set publish_at = %s, held_until = %s where tenant = %s", until, until, tenant)
    sweep = Unconsumed(world.as_role("allim_sweeper"), world.clock)
    world.clock.moment += dt.timedelta(minutes=55)
    await sweep.end_some()
    assert world.statuses(tenant) == [("queued", None)] * 2
    world.clock.moment += dt.timedelta(minutes=10)
    await sweep.end_some()
    assert sorted(world.statuses(tenant)) == [("expired", "too_late"), ("queued", None)]
    assert world.rows("select publish_at from outbox where tenant = %s", tenant) == [{"publish_at": until}]
    world.clock.moment += dt.timedelta(hours=2)
    await sweep.end_some()
    assert world.statuses(tenant) == [("expired", "too_late")] * 2
    assert world.rows("select 1 from outbox where tenant = %s", tenant) == []


async def _crowd(world: World, tickets: int, each: int) -> str:
    """A tenant with tickets that were published in vain."""
    tenant = await _queued(world, LATER)
    world.rows(
        "insert into messages select (copy).* from ("
        " select jsonb_populate_record(m, jsonb_build_object('id', gen_random_uuid())) as copy"
        " from messages m cross join generate_series(1, %s) where tenant = %s) as copies",
        tickets * each,
        tenant,
    )
    world.rows(
        "with numbered as (select id, row_number() over (order by id) as number from messages where tenant = %(tenant)s"
        "  and id <> all (select (body -> 'messages' ->> 0)::uuid from outbox where tenant = %(tenant)s))"
        "insert into outbox (tenant, id, topic, body, publish_at, created_at, attempts)"
        " select %(tenant)s, ticket, 'bulk-send-requests',"
        "  jsonb_build_object('id', ticket, 'tenant', %(tenant)s::text, 'messages', messages), %(now)s, %(now)s, 9"
        " from (select gen_random_uuid() as ticket, jsonb_agg(id) as messages from numbered"
        "  group by number %% %(tickets)s) as cut",
        tenant=tenant,
        tickets=tickets,
        now=world.clock.now(),
    )
    world.rows("delete from outbox where tenant = %s and attempts = 0", tenant)
    world.rows(
        "delete from messages where tenant = %(tenant)s and not exists (select from outbox o"
        " where o.tenant = %(tenant)s and o.body -> 'messages' ? messages.id::text)",
        tenant=tenant,
    )
    return tenant
