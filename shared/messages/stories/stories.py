"""What became of a message: its whole story, as data."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from shared.contracts.channels import is_reported
from shared.credits.amounts import in_won
from shared.customers.knowing import check_customer
from shared.messages.reasons import ACCEPTED
from shared.messages.status import Status
from shared.messages.stories import store
from shared.platform.clock import SEOUL
from shared.platform.database import Connection
from shared.platform.ids import beginnings, first_id, ids_beginning
from shared.platform.masking import mask_phone
from shared.platform.plurals import counted
from shared.templates.errors import ContentError, MessageError
from shared.templates.rendering import render
from shared.templates.store import template_versions
from shared.templates.template import TemplateContent
from shared.tenants.store import tenant_exists

LOOKED_AT = 50_000
"""Messages that a list looks at for those of a status, the newest; calls that a story looks through."""

OPEN = frozenset({Status.QUEUED, Status.SENDING, Status.SENT, Status.UNKNOWN})
"""In these a message waits for something, and is found by what carries it."""

SHORTEST_PREFIX = 4
CANDIDATES_SHOWN = 5
DIGITS_SHOWN = 12
"""Of a short id at least: those of its millisecond."""
CLOCK_SKEW = dt.timedelta(minutes=1)
"""Two instances' clocks differ by less."""


class StoryError(MessageError):
    """There is no one message of that id: `bad_id`, `unknown_message`, `ambiguous_id`; or `unknown_tenant`."""


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message as people and programs see it. `recipient` is masked; `price` is in won, None until it is delivered.

    workflow, event: what made it; None for a bulk send.
    key: the run that it belongs to, or the key of its bulk send.
    """

    id: UUID
    tenant: str
    customer: str
    recipient: str | None
    workflow: str | None
    workflow_version: int | None
    step: int | None
    key: str | None
    event: str | None
    event_source: str | None
    template: str
    template_version: int
    route: Sequence[str]
    attempt: int
    channel: str
    status: str
    reason: str | None
    detail: str | None
    provider: str | None
    provider_message_id: str | None
    price: Decimal | None
    due_at: dt.datetime
    expires_at: dt.datetime
    created_at: dt.datetime
    updated_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Chapter:
    """Something that happened to a message.

    at: when.
    what: `event`, `composed`, `waiting`, `dispatch`, `report`, `credit` or `status`.
    sentence: for people.
    facts: for programs.
    """

    at: dt.datetime
    what: str
    sentence: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Words:
    """A message as one leg of its route would write it; `error` says why that can't be."""

    leg: str
    channel: str | None
    subject: str | None
    text: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Story:
    """A message, what happened to it in the order of time, and its words."""

    message: MessageView
    chapters: Sequence[Chapter]
    words: Sequence[Words]


async def list_messages(
    connection: Connection,
    *,
    tenant: str | None = None,
    status: Status | None = None,
    customer: str | None = None,
    limit: int,
) -> list[MessageView]:
    """Messages, newest first.

    To find those that ended in a status, only the newest 50,000 are looked at, of each tenant an equal part. What
    waits, and what a customer was sent, is found whenever it was made.

    Raises:
        AllimError: `unknown_tenant`, `unknown_customer`.
    """
    if tenant is not None and not await tenant_exists(connection, tenant):
        raise StoryError(
            "unknown_tenant", f"there is no tenant {tenant!r}", "등록되지 않은 고객사입니다.", field="tenant"
        )
    if customer is not None:
        await check_customer(connection, tenant, customer)
    if status in OPEN:
        rows = await store.open_messages(connection, tenant=tenant, status=status, customer=customer, limit=limit)
    else:
        rows = await store.newest_messages(
            connection, tenant=tenant, status=status, customer=customer, limit=limit, looked_at=max(limit, LOOKED_AT)
        )
    return [_view(row) for row in rows]


async def short_ids(connection: Connection, messages: Sequence[MessageView]) -> dict[UUID, str]:
    """Of each message the beginning of its id by which `story` finds it among its tenant's, until others are added."""
    near = await store.neighbours(connection, [(message.tenant, message.id) for message in messages])
    return beginnings([message.id for message in messages], near, least=DIGITS_SHOWN)


async def story(connection: Connection, message_id: UUID | str) -> Story:
    """The story of a message.

    Args:
        connection: as role `allim_operator`.
        message_id: its id, or the beginning of it that no other message shares.

    Raises:
        StoryError: `bad_id`, `unknown_message`, `ambiguous_id`.
    """
    tenant, found = await _find(connection, str(message_id))
    row = await store.message(connection, tenant, found)
    since = first_id(row.created_at - CLOCK_SKEW)
    until = first_id(row.updated_at + CLOCK_SKEW)
    # While its attempt is the first, its newest call is the only one.
    called = (since, until) if row.attempt else (row.dispatch or until,) * 2
    event = None
    if row.event_source is not None and row.event_id is not None:
        event = await store.event(connection, tenant, row.event_source, row.event_id)
    waiting = await store.waiting_tickets(connection, tenant, found, since)
    calls = await store.dispatches(connection, tenant, found, since=called[0], until=called[1], looked_at=LOOKED_AT)
    reports = await store.reports(connection, tenant, found)
    entries = await store.entries(connection, tenant, found)
    versions = await template_versions(connection, [(tenant, row.template, row.template_version)])
    # In this order where the moment is the same: held and handed over in one, reported and settled in another.
    happened = [_credit(entry, row) for entry in entries if entry.kind == "hold"]
    happened += [_dispatch(call) for call in calls] + [_report(report) for report in reports]
    happened += [_credit(entry, row) for entry in entries if entry.kind != "hold"]
    happened.sort(key=lambda chapter: chapter.at)
    beginning = [_event(event)] if event else []
    return Story(
        _view(row),
        [*beginning, _composed(row), *happened, *(_waiting(ticket) for ticket in waiting), _status(row)],
        _words(row, TemplateContent.model_validate(versions[0].content)) if versions else [],
    )


async def _find(connection: Connection, given: str) -> tuple[str, UUID]:
    meant = ids_beginning(given.strip(), least=SHORTEST_PREFIX)
    if meant is None:
        raise StoryError("bad_id", f"{given!r} is not a message id, nor {SHORTEST_PREFIX} or more of its first digits")
    found = await store.messages_between(connection, *meant, CANDIDATES_SHOWN + 1)
    if not found:
        raise StoryError("unknown_message", f"there is no message {given}")
    if len(found) > 1:
        shown = ", ".join(str(message) for _, message in found[:CANDIDATES_SHOWN])
        more = " and more" if len(found) > CANDIDATES_SHOWN else ""
        raise StoryError("ambiguous_id", f"several messages begin with {given}: {shown}{more}")
    return found[0]


def _view(row: store.StoredMessage) -> MessageView:
    return MessageView(
        key=row.run_key,
        event=row.event_id,
        recipient=mask_phone(row.recipient) if row.recipient else None,
        **{name: getattr(row, name) for name in MessageView.__slots__ if name not in ("key", "event", "recipient")},
    )


def _event(row: store.StoredEvent) -> Chapter:
    told = f"{row.type} {row.id} came from {row.source}, of {row.time.astimezone(SEOUL):%m-%d %H:%M:%S}"
    return Chapter(row.received_at, "event", told, asdict(row))


def _composed(row: store.StoredMessage) -> Chapter:
    if row.workflow:
        step = "" if row.step is None else f", step {row.step + 1}"
        by = f"workflow {row.workflow} (version {row.workflow_version}){step},"
    else:
        by = f"a bulk send with key {row.run_key}" if row.run_key else "a bulk send"
    told = f"{by} made it from template {row.template} (version {row.template_version})"
    facts = _facts(
        row,
        "workflow",
        "workflow_version",
        "run_key",
        "run_revision",
        "step",
        "template",
        "template_version",
        "route",
        "due_at",
        "expires_at",
    )
    return Chapter(row.created_at, "composed", f"{told} for {' then '.join(row.route)}", facts)


def _dispatch(row: store.StoredDispatch) -> Chapter:
    batch = f" as batch {row.provider_batch_id}" if row.provider_batch_id else ""
    told = f"handed to {row.provider} through account {row.account}{batch}{_others(row.messages)}"
    why = f" ({row.error})" if row.error else ""
    became = _BECAME_OF_DISPATCH[row.state] if batch else _WITHOUT_A_NAME.get(row.state, _BECAME_OF_DISPATCH[row.state])
    return Chapter(row.created_at, "dispatch", f"{told}; {became}{why}", asdict(row))


def _report(row: store.StoredReport) -> Chapter:
    detail = f" “{row.detail}”" if row.detail else ""
    if row.code == ACCEPTED and row.channel is not None and not is_reported(row.channel):
        told = f"{row.provider} has taken attempt {row.attempt + 1} on {row.channel}, and {_NO_MORE}"
        return Chapter(row.received_at, "report", told, asdict(row))
    told = f"{row.provider} says {row.outcome} ({row.code}{detail}) of attempt {row.attempt + 1}"
    return Chapter(row.received_at, "report", f"{told}, on {row.channel}", asdict(row))


_NO_MORE = "nobody tells more than that: it counts as delivered"

_BECAME_OF_DISPATCH = {
    "open": "not yet taken",
    "prepared": "taken, and not yet told to send",
    "sent": "sent",
    "closed": "sent, and reported in full",
    "abandoned": "given up before sending",
}

_NOBODY_KNOWS = "nobody can say whether it was sent"
_WITHOUT_A_NAME = {
    "prepared": "being handed over, or the answer to that was lost",
    "sent": _NOBODY_KNOWS,
    "closed": _NOBODY_KNOWS,
}
"""What a call came to that has no name at its provider."""

_DONE_TO_CREDIT = {
    "hold": "{held} won are held",
    "capture": "{price} of the {held} won held are captured",
    "release": "the {held} won held are given back",
    "hold_expiry": "the {held} won held are given back: nothing more was heard",
}


def _credit(entry: store.StoredEntry, message: store.StoredMessage) -> Chapter:
    amounts = {"held": message.held, "price": message.price}
    told = _DONE_TO_CREDIT[entry.kind].format(
        **{name: "?" if amount is None else in_won(amount) for name, amount in amounts.items()}
    )
    told += f"{_others(entry.messages)} (entry {entry.id})"
    return Chapter(entry.created_at, "credit", told, asdict(entry))


def _others(messages: int) -> str:
    """Of something that covers so many messages, this one among them."""
    return f", with {counted(messages - 1, 'other')}" if messages > 1 else ""


def _waiting(row: store.WaitingTicket) -> Chapter:
    times = "once" if row.attempts == 1 else f"{row.attempts} times"
    again = f", published again {times}" if row.attempts else ""
    return Chapter(row.created_at, "waiting", f"ticket {row.id} waits for {row.topic}{again}", asdict(row))


def _status(row: store.StoredMessage) -> Chapter:
    why = f": {row.reason}, {row.detail}" if row.reason else ""
    price = f" for {in_won(row.price)} won" if row.price is not None else ""
    facts = _facts(row, "status", "channel", "reason", "detail", "price", "attempt", "position")
    is_taken = row.status == Status.DELIVERED and not is_reported(row.channel)
    meaning = ", which means here that its provider has taken it" if is_taken else ""
    return Chapter(row.updated_at, "status", f"{row.status} on {row.channel}{meaning}{price}{why}", facts)


def _facts(row: store.StoredMessage, *names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _words(row: store.StoredMessage, content: TemplateContent) -> list[Words]:
    return [_written(row, content, leg) for leg in row.route]


def _written(row: store.StoredMessage, content: TemplateContent, leg: str) -> Words:
    variables = row.variables
    missing = [name for name in content.names if name not in variables]
    if missing:
        return Words(leg, None, None, None, f"no value for {', '.join(missing)}")
    try:
        words = render(content, leg, variables, message=row.id, attempt=row.attempt, to="")
    except ContentError as error:
        return Words(leg, None, None, None, f"{error.code}: {error.detail}")
    return Words(leg, words.channel, words.subject, words.text, None)
