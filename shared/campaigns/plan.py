"""What a bulk send makes of its rows: decided here, from values, without a database."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from shared.campaigns.file import BulkError, CustomerFile, Recipient, RowProblem
from shared.contracts.channels import leg_of
from shared.messages.composing import NewMessage, Origin, compose
from shared.messages.routing import Route
from shared.messages.status import Status
from shared.platform.masking import mask_phone
from shared.templates.errors import ContentError
from shared.templates.fit import Fit
from shared.templates.rendering import render
from shared.templates.template import TemplateContent, TemplateVersion

VALID_FOR = dt.timedelta(days=1)
"""A message of a bulk send that could not be sent within this time expires."""

MAX_PROBLEMS = 1_000
"""Problems kept one by one; beyond that they are counted only."""

MAX_SAMPLES = 3

_EPOCH = dt.datetime.fromtimestamp(0, dt.UTC)


@dataclass(frozen=True, slots=True)
class Bulk:
    """All that the messages of one send have in common.

    route: the part of the route asked for that the template can be sent on.
    fit: the template's words on that route.
    id_of: the id of the message to a customer.
    """

    tenant: str
    template: TemplateVersion
    route: Route
    fit: Fit
    id_of: Callable[[str], UUID]
    now: dt.datetime


@dataclass(frozen=True, slots=True)
class Sample:
    """What one customer would read. `to` is masked."""

    line: int
    customer: str
    to: str
    channel: str
    subject: str | None
    text: str


@dataclass(frozen=True, slots=True)
class PlannedMessage:
    """A row's message, the channels that can carry it in the order of its route, and what the row tells of its
    customer."""

    line: int
    message: NewMessage
    channels: tuple[str, ...]
    customer: Mapping[str, str | None]


PlannedRow = PlannedMessage | RowProblem


@dataclass(slots=True)
class Tally:
    """What became of the rows so far.

    asked: rows that are not blank; each is in exactly one of the other counts.
    already: their messages were made by an earlier send with the same key.
    failed: messages that could be made but not sent, by reason.
    refused: rows that made no message, by code.
    ways: messages queued, by the channels that they may take, in order.
    """

    bulk: Bulk
    asked: int = 0
    queued: int = 0
    already: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    ways: Counter[tuple[str, ...]] = field(default_factory=Counter)
    problems: list[RowProblem] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)

    def refuse(self, problem: RowProblem) -> None:
        self.asked += 1
        self.refused[problem.code] += 1
        self._keep(problem)

    def skip(self) -> None:
        self.asked += 1
        self.already += 1

    def take(self, planned: PlannedMessage) -> None:
        self.asked += 1
        message = planned.message
        if message.reason is not None:
            self.failed[message.reason] += 1
            self._keep(RowProblem(planned.line, message.reason, message.detail or "", message.customer))
            return
        self.queued += 1
        self.ways[planned.channels] += 1
        if len(self.samples) < MAX_SAMPLES:
            self.samples.append(_sample(self.bulk.template.content, planned))

    def _keep(self, problem: RowProblem) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)


def check_columns(file: CustomerFile, template: TemplateVersion) -> None:
    """Raises BulkError `missing_column` when the template needs what no row of the file can have."""
    reached = {f"customer.{name}" for name in file.columns} | {f"data.{name}" for name in file.data_columns}
    missing = [field for field in template.content.fields if field.path not in reached]
    if missing:
        needs = ", ".join(f"#{{{field.name}}} from {field.path}" for field in missing)
        raise BulkError(
            "missing_column", f"template {template.name!r} needs {needs}: {file.path.name} has no such column"
        )


def moment_of(message: UUID) -> dt.datetime:
    """The moment that leads an id, in the middle of its millisecond so that it leads the next id as well."""
    return _EPOCH + dt.timedelta(milliseconds=message.int >> 80, microseconds=500)


def plan_row(bulk: Bulk, row: Recipient) -> PlannedMessage:
    """The message of a row. One that no channel of its route can carry has failed already."""
    message = compose(
        tenant=bulk.tenant,
        message_id=bulk.id_of(row.id),
        customer=row.customer,
        template_name=bulk.template.name,
        template=bulk.template,
        scope={"customer": row.customer, "data": row.data},
        route=bulk.route,
        due_at=bulk.now,
        expires_at=bulk.now + VALID_FOR,
        now=bulk.now,
        origin=_NO_ORIGIN,
    )
    if message.status is Status.FAILED:
        # A number that can't be one does not take the place of the one that is known.
        known = row.customer if message.recipient else {**row.customer, "phone": None}
        return PlannedMessage(row.line, message, (), known)
    try:
        channels = bulk.fit.channels(message.variables)
    except ContentError as error:
        message, channels = replace(message, status=Status.FAILED, reason=error.code, detail=error.detail), ()
    return PlannedMessage(row.line, message, channels, row.customer)


_NO_ORIGIN = Origin()


def _sample(content: TemplateContent, planned: PlannedMessage) -> Sample:
    message = planned.message
    words = render(
        content,
        leg_of(planned.channels[0]),
        message.variables,
        message=message.id,
        attempt=0,
        to=message.recipient or "",
    )
    return Sample(planned.line, message.customer, mask_phone(words.to), words.channel, words.subject, words.text)
