import datetime as dt
from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.tickets import MAX_TICKET_MESSAGES, SendTicket
from shared.messages.outbox import CROWD, cut_tickets, publish_tickets, topics_of
from shared.platform.pubsub import BULK_SEND_REQUESTS, SEND_REQUESTS, Outgoing

NOON = dt.datetime(2026, 11, 21, 3, tzinfo=dt.UTC)

crowds = st.dictionaries(st.sampled_from(["saas", "learning", "childcare"]), st.integers(0, 1_203), max_size=3)


def _messages(crowd: dict[str, int]) -> list[tuple[str, UUID]]:
    by_turns = [(number, tenant) for tenant, count in crowd.items() for number in range(count)]
    return [(tenant, UUID(int=number)) for number, tenant in sorted(by_turns)]


@given(crowds)
def test_every_message_is_on_just_one_ticket_of_its_tenant(crowd: dict[str, int]) -> None:
    tickets = cut_tickets(_messages(crowd), NOON)
    assert Counter((ticket.tenant, id_) for ticket in tickets for id_ in ticket.messages) == Counter(_messages(crowd))


@given(st.dictionaries(st.sampled_from(["saas", "learning", "childcare"]), st.integers(1, 3 * CROWD)))
def test_a_crowd_goes_by_a_topic_of_its_own_and_whoever_has_few_messages_never_does(crowd: dict[str, int]) -> None:
    """Whatever the others have at the same moment."""
    topics = topics_of(cut_tickets(_messages(crowd), NOON))
    assert topics == {tenant: BULK_SEND_REQUESTS if count > CROWD else SEND_REQUESTS for tenant, count in crowd.items()}
    for tenant, count in crowd.items():
        assert topics_of(cut_tickets(_messages({tenant: count}), NOON)) == {tenant: topics[tenant]}


@given(crowds)
def test_there_are_as_few_tickets_as_can_be_and_each_is_one_that_its_reader_takes(crowd: dict[str, int]) -> None:
    tickets = cut_tickets(_messages(crowd), NOON)
    assert len(tickets) == sum(-(-count // MAX_TICKET_MESSAGES) for count in crowd.values())
    assert len({ticket.id for ticket in tickets}) == len(tickets)
    for ticket in tickets:
        assert SendTicket.model_validate_json(ticket.model_dump_json()) == ticket


async def test_a_ticket_that_cannot_be_published_is_no_error_for_its_row_is_safe() -> None:
    class Away:
        async def publish(self, topic: str, messages: Sequence[Outgoing]) -> None:
            raise ConnectionError("Pub/Sub is away")

    tickets = cut_tickets([("saas", UUID(int=1))], NOON)
    await publish_tickets(Away(), tickets, topics_of(tickets))
