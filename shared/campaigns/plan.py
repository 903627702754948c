"""What a bulk send makes of its rows: decided here, from values, without a database."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from shared.campaigns.errors import BulkError
from shared.campaigns.store import EarlierMessage
from shared.contracts.channels import leg_of
from shared.customers.files.columns import folded
from shared.customers.files.people import CustomerFile, Recipient
from shared.customers.files.problems import RowProblem
from shared.customers.phones import InvalidPhone, normalise_mobile
from shared.customers.words import ATTRIBUTES
from shared.messages.composing import NewMessage, Origin, compose
from shared.messages.routing import Route
from shared.messages.status import Status
from shared.platform.ids import derived_ids
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


class MessageIds:
    """The ids of a send's messages: the same for whoever sends it again.

    Args:
        moment: of the first send; it leads them.
        tenant: the sender.
        key: of the send.
    """

    def __init__(self, moment: dt.datetime, tenant: str, key: str) -> None:
        self.moment = moment
        self._parts = (moment, "bulk", tenant, key)
        self.first: Callable[[str], UUID] = derived_ids(*self._parts)

    def after(self, customer: str, earlier: int) -> UUID:
        """The id of a customer's next message, after so many `earlier` ones that never left."""
        return derived_ids(*self._parts, earlier)(customer) if earlier else self.first(customer)


@dataclass(frozen=True, slots=True)
class Bulk:
    """All that the messages of one send have in common.

    route: the part of the route asked for that the template can be sent on.
    fit: the template's words on that route.
    ids: of the message to a customer, and of those that take its place when it never left.
    """

    tenant: str
    template: TemplateVersion
    route: Route
    fit: Fit
    ids: MessageIds
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
    already: they have a message of an earlier send with the same key, which may have left.
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

    def skip(self, rows: int) -> None:
        self.asked += rows
        self.already += rows

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
    missing = [field for field in template.content.fields if field.path not in file.paths]
    if missing:
        needs = ", ".join(f"#{{{field.name}}} from {field.path}" for field in missing)
        needs_ko = ", ".join(f"#{{{field.name}}}({field.path})" for field in missing)
        hint, hint_ko = _respelled(file, [field.path for field in missing])
        raise BulkError(
            "missing_column",
            f"template {template.name!r} needs {needs}: {file.path.name} has no such column{hint}",
            f"{template.name} 템플릿에 필요한 열이 {file.path.name}에 없습니다: {needs_ko}{hint_ko}",
        )


def _respelled(file: CustomerFile, paths: Sequence[str]) -> tuple[str, str]:
    """What a column that is missing may be called there."""
    ends = {folded(path.rpartition(".")[2]): path.rpartition(".")[2] for path in paths}
    for name in file.columns:
        wanted = ends.get(folded(name.rpartition(".")[2]))
        if wanted and wanted != name:
            return (
                f"; its column {name} would have to be called {wanted}",
                f". {name} 열의 이름을 {wanted}(으)로 바꿔 주세요.",
            )
    return "", ""


def moment_of(message: UUID) -> dt.datetime:
    """The moment that leads an id, in the middle of its millisecond so that it leads the next id as well."""
    return _EPOCH + dt.timedelta(milliseconds=message.int >> 80, microseconds=500)


_ENDED_UNHEARD = frozenset({Status.EXPIRED, Status.CANCELLED, Status.SUPPRESSED, Status.FAILED})


def may_have_left(earlier: EarlierMessage) -> bool:
    """Whether a provider has, or may have, an earlier message, or may get it yet: then there is no second one.

    None has one that has ended and that no provider ever spoke of, when its last attempt was given to none, and it went
    from channel to channel for refusals of our own alone. (That a deadline was over says nothing.)
    """
    if earlier.status not in _ENDED_UNHEARD or earlier.told or earlier.position > earlier.refusals:
        return True
    return earlier.dispatched and not earlier.refused


def plan_row(bulk: Bulk, row: Recipient) -> PlannedMessage:
    """The message of a row. One that no channel of its route can carry has failed already."""
    message = compose(
        tenant=bulk.tenant,
        message_id=bulk.ids.first(row.id),
        customer=row.customer,
        template_name=bulk.template.name,
        template=bulk.template,
        scope={"customer": {**row.customer, ATTRIBUTES: row.attributes}, "data": row.data},
        route=bulk.route,
        due_at=bulk.now,
        expires_at=bulk.now + VALID_FOR,
        now=bulk.now,
        origin=_NO_ORIGIN,
    )
    known = row.customer if message.recipient or _is_phone(row) else {**row.customer, "phone": None}
    if message.status is Status.FAILED:
        return PlannedMessage(row.line, message, (), known)
    try:
        channels = bulk.fit.channels(message.variables, message.route.channels)
    except ContentError as error:
        message, channels = message._replace(status=Status.FAILED, reason=error.code, detail=error.detail), ()
    return PlannedMessage(row.line, message, channels, known)


def _is_phone(row: Recipient) -> bool:
    """A number that can't be one does not take the place of the one that is known."""
    try:
        return bool(normalise_mobile(row.customer["phone"] or ""))
    except InvalidPhone:
        return False


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
