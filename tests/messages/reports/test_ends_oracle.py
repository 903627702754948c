"""When a dispatch is closed by what was found out about its messages, against the rule in Python.

The oracle of `deciding_ends`, through the statement that it is a part of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.messages.reports.store import record_reports_and_decide_charges
from shared.messages.status import Change, State, Status
from tests.clock import NOON
from tests.credits.ledger.bookkeeping import BEFORE, message_row, rows_of
from tests.credits.ledger.model import Bill, Books
from tests.scratch import Row, Scratch, mostly, rows

TENANTS = ("cafe", "shop")
DISPATCHES = [UUID(int=2_000_000 + at) for at in range(2)]
OPEN = ("sending", "sent", "unknown")
BECOMES = ("queued", "sent", "unknown", "failed", "delivered", "read")
"""What a report may make of a message."""


@dataclass(frozen=True)
class Dispatch:
    """A call. `listed`: the messages that it says it carries."""

    state: str
    listed: Sequence[UUID]


@dataclass(frozen=True)
class Business:
    """A tenant's calls and messages, and what each of some messages becomes."""

    dispatches: Mapping[UUID, Dispatch]
    messages: Mapping[UUID, tuple[str, UUID | None]]
    changes: Mapping[UUID, str]

    def state_after(self, id_: UUID) -> str:
        """A dispatch that was sent is closed by the change after which none of its messages is on its way with it."""
        dispatch = self.dispatches[id_]
        before = {each for each in dispatch.listed if self.messages.get(each, ("", None))[1] == id_}
        were_open = {each for each in before if self.messages[each][0] in OPEN}
        still_open = {each for each in were_open if self.changes.get(each, "sent") in ("sent", "unknown")}
        return "closed" if dispatch.state == "sent" and were_open and not still_open else dispatch.state


@st.composite
def businesses(draw: st.DrawFn) -> Business:
    messages = {
        UUID(int=number): (draw(mostly("sent", "sending", "unknown", "failed", "delivered")), draw(carriers))
        for number in range(draw(st.integers(1, 6)))
    }
    changes = {id_: draw(mostly("delivered", *BECOMES)) for id_ in messages if draw(mostly(True, False))}
    dispatches = {
        id_: Dispatch(
            draw(mostly("sent", "prepared", "closed", "open")),
            [each for each, (_, carrier) in messages.items() if carrier == id_] or [UUID(int=99)],
        )
        for id_ in DISPATCHES
    }
    return Business(dispatches, messages, changes)


carriers = mostly(DISPATCHES[0], DISPATCHES[1], None, times=3)


def _rows_of(cases: Mapping[str, Business]) -> dict[str, list[Row]]:
    bills = {
        tenant: {
            id_: Bill(id_, ("sms",), expires_at=NOON, run_revision=None, status=status, reason="3010", dispatch=carrier)
            for id_, (status, carrier) in case.messages.items()
        }
        for tenant, case in cases.items()
    }
    return {
        **rows_of({tenant: Books({}, bills=each) for tenant, each in bills.items()}),
        "messages": [message_row(tenant, bill) for tenant, each in bills.items() for bill in each.values()],
        "dispatches": [
            {
                "tenant": tenant,
                "id": id_,
                "provider": "solapi",
                "account": "main",
                "messages": dispatch.listed,
                "state": dispatch.state,
                "check_at": NOON,
                **dict.fromkeys(("lease_until", "created_at", "updated_at"), BEFORE),
            }
            for tenant, case in cases.items()
            for id_, dispatch in case.dispatches.items()
        ],
    }


def _change(tenant: str, id_: UUID, status: str) -> Change:
    return Change(
        tenant=tenant,
        id=id_,
        state=State(1, Status(status)),
        position=0,
        channel="sms",
        provider_message_id=None,
        reason="3010",
        detail=None,
        requeued=status == "queued",
        settles=None,
    )


@given(st.fixed_dictionaries({tenant: businesses() for tenant in TENANTS}))
async def test_a_dispatch_is_closed_with_the_last_of_its_messages(
    scratch: Scratch, cases: Mapping[str, Business]
) -> None:
    after = [
        {"tenant": tenant, "id": id_, "state": (state := case.state_after(id_)), "looked_at": state == dispatch.state}
        for tenant, case in sorted(cases.items())
        for id_, dispatch in sorted(case.dispatches.items())
    ]
    async with scratch.holding(**_rows_of(cases)) as connection:
        await record_reports_and_decide_charges(
            connection,
            reports=[],
            changes=[
                _change(tenant, id_, status) for tenant, case in cases.items() for id_, status in case.changes.items()
            ],
            tickets=[],
            topics={},
            now=NOON,
            publish_at=NOON,
        )
        assert after == await rows(
            connection,
            "select tenant, id, state::text, check_at is not null as looked_at from dispatches order by tenant, id",
        )
