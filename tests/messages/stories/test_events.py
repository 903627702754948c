"""What came in, as people see it."""

import datetime as dt

from shared.workflows.events.views import EventView, list_events
from tests.messages.stories.conftest import NOW, Sending


async def _events(sending: Sending, **options: str) -> list[EventView]:
    async with sending.operator.connection() as connection:
        return await list_events(connection, since=NOW - dt.timedelta(hours=1), limit=10, **options)


async def test_events_are_listed_newest_first_with_who_heard_them(sending: Sending) -> None:
    await sending.signs_up("c-1")
    await sending.signs_up("c-2")
    assert [(event.id, event.heard_by, event.note) for event in await _events(sending)] == [
        ("evt-c-2", ["welcome"], None),
        ("evt-c-1", ["welcome"], None),
    ]


async def test_events_are_narrowed_by_tenant_and_type(sending: Sending) -> None:
    await sending.signs_up("c-1")
    await sending.signs_up("c-2", tenant="other")
    assert [event.id for event in await _events(sending, tenant="other")] == ["evt-c-2"]
    assert [event.id for event in await _events(sending, type_="signup")] == ["evt-c-2", "evt-c-1"]
    assert await _events(sending, type_="cancel") == []


async def test_an_event_that_nobody_listens_to_says_so(sending: Sending) -> None:
    await sending.signs_up("c-1")
    async with sending.owner.transaction() as connection:
        await connection.execute("update workflows set active = false")
    [event] = await _events(sending)
    assert event.heard_by == []
