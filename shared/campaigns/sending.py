"""The bulk path: one template to every customer of a file.

Messages and outbox are one transaction of role `allim_api`, confined to the tenant; tickets are published once it is
committed. Rows are read and composed in a thread while Postgres works on those before them.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import islice
from uuid import UUID

from shared.campaigns.errors import BulkError
from shared.campaigns.plan import (
    Bulk,
    MessageIds,
    PlannedMessage,
    PlannedRow,
    Sample,
    Tally,
    check_columns,
    may_have_left,
    moment_of,
    plan_row,
)
from shared.campaigns.preflight import Preflight, preflight
from shared.campaigns.store import earlier_messages, sent_with_key, wait_for_turn
from shared.contracts import MAX_TICKET_MESSAGES
from shared.contracts.text import nearest
from shared.credits.errors import CreditError
from shared.credits.plans.quota import Quota, read_quota
from shared.credits.prices.estimates import check_prices
from shared.customers.files.people import CustomerFile, Recipient
from shared.customers.files.problems import RowProblem
from shared.customers.store import save_customers
from shared.messages.composing import usable_route
from shared.messages.lawful import forbidden
from shared.messages.outbox import PATIENCE, cut_tickets, publish_tickets
from shared.messages.routing import DEFAULT_ROUTE, Route
from shared.messages.status import Status
from shared.messages.store import queue_alike, queue_tickets
from shared.platform.clock import Clock
from shared.platform.database import Connection, Database
from shared.platform.ids import new_id
from shared.platform.pubsub import BULK_SEND_REQUESTS, Publisher
from shared.templates.errors import MessageError
from shared.templates.fit import Fit
from shared.templates.store import active_templates
from shared.templates.template import TemplateContent, TemplateVersion
from shared.tenants.store import is_suspended, tenant_exists

ROWS_A_STATEMENT = 5_000
TICKET_SPACING = dt.timedelta(seconds=0.5)
"""How much longer each ticket of a send may wait than the one before it, until the tick takes it for lost."""

MAX_KEY_LENGTH = 200

OnProgress = Callable[[int, float], None]
"""Called with the rows done and the share of the file read."""


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What a send came to, or would come to.

    asked: rows of the file that are not blank. Each was queued, made a message that failed (`failed`, by reason; once
        for a key, however often it is sent), made none (`refused`, by code), or has a message of an earlier send with
        the key, which may have left (`already`).
    route: the channels that messages take, in order; `left_out` those that were asked for and the template lacks.
    problems: rows with something wrong, the first thousand of them.
    preflight: what the queued messages may cost, and what stands in the way of them.
    tickets: how many carry them.
    samples: the first few messages in the words of their first channel.
    """

    tenant: str
    template: str
    template_version: int
    route: Sequence[str]
    left_out: Sequence[str]
    key: str | None
    asked: int
    queued: int
    already: int
    failed: Mapping[str, int]
    refused: Mapping[str, int]
    problems: Sequence[RowProblem]
    preflight: Preflight
    tickets: int
    samples: Sequence[Sample]


async def send_bulk(
    database: Database,
    publisher: Publisher,
    clock: Clock,
    *,
    tenant: str,
    template: str,
    customers: CustomerFile,
    route: Route = DEFAULT_ROUTE,
    key: str | None = None,
    on_progress: OnProgress | None = None,
) -> BulkResult:
    """Queue one message to each customer of a file, and publish the tickets that carry them.

    The customers exist afterwards: what the file tells of them is kept.

    Args:
        database: as role `allim_api`.
        publisher: for the tickets. Should it fail, the tick publishes them.
        clock: the time.
        tenant: the sender.
        template: the name of a template; its active version is sent.
        customers: to whom.
        route: the channels asked for; those that the template has no approved words for are left out.
        key: names the send. A customer who has a message of an earlier send with the key that left, or may have, gets
            no second one; whose message never left gets another. Without it, every call is a new send.
        on_progress: is told how far it is.

    Raises:
        BulkError: nothing was written: `unknown_tenant`, `unknown_template`, `template_not_approved`,
            `missing_column`, `price_missing`, `bad_key`, `key_reused` (with another template), `quota_exceeded` (the
            plan has fewer messages left), and what the law says against advertising: `night_advertising`,
            `advertising_unmarked`, `opt_out_missing`.
    """
    queued: list[UUID] = []
    async with database.transaction(tenant=tenant) as connection:
        await wait_for_turn(connection, tenant)
        bulk, again = await _prepare(connection, clock.now(), tenant, template, customers, route, key)
        if (error := forbidden(bulk.template.content, bulk.route.channels, bulk.now)) is not None:
            raise BulkError(error.code, error.detail, error.detail_ko)
        quota = await read_quota(connection, tenant, bulk.now)
        tally = Tally(bulk)
        async with aclosing(_batches(bulk, customers)) as batches:
            async for batch in batches:
                fresh = _counted(await _sorted(connection, bulk, batch, again=again), tally)
                _stay_within(quota, tally)
                if fresh:
                    messages = [planned.message for planned in fresh]
                    customers_told = [planned.customer for planned in fresh]
                    await save_customers(connection, tenant, customers_told, as_of=bulk.now)
                    await queue_alike(connection, messages, key=key)
                    queued += [message.id for message in messages if message.status is Status.QUEUED]
                if on_progress:
                    on_progress(tally.asked, customers.share_read)
        result = await _result(connection, tally, route, key)
        now = clock.now()
        tickets = cut_tickets(((tenant, message) for message in queued), now)
        await queue_tickets(
            connection,
            tickets,
            topics={tenant: BULK_SEND_REQUESTS},
            now=now,
            publish_at=now + PATIENCE,
            spacing=TICKET_SPACING,
        )
    await publish_tickets(publisher, tickets, {tenant: BULK_SEND_REQUESTS})
    return result


async def preview_bulk(
    database: Database,
    clock: Clock,
    *,
    tenant: str,
    template: str,
    customers: CustomerFile,
    route: Route = DEFAULT_ROUTE,
    key: str | None = None,
    on_progress: OnProgress | None = None,
) -> BulkResult:
    """What `send_bulk` would do, with every message rendered; nothing is written.

    Arguments and errors as there, but for `quota_exceeded` and the law: the preflight says it, beside all else that is
    in the way.
    """
    async with database.transaction(tenant=tenant) as connection:
        bulk, again = await _prepare(connection, clock.now(), tenant, template, customers, route, key)
        tally = Tally(bulk)
        async with aclosing(_batches(bulk, customers)) as batches:
            async for batch in batches:
                _counted(await _sorted(connection, bulk, batch, again=again), tally)
                if on_progress:
                    on_progress(tally.asked, customers.share_read)
        return await _result(connection, tally, route, key)


async def _prepare(
    connection: Connection,
    now: dt.datetime,
    tenant: str,
    name: str,
    customers: CustomerFile,
    route: Route,
    key: str | None,
) -> tuple[Bulk, bool]:
    """What the messages have in common, and whether there was a send with the key before."""
    if key is not None and (not 0 < len(key) <= MAX_KEY_LENGTH or not key.isprintable()):
        raise BulkError("bad_key", f"a key has 1 to {MAX_KEY_LENGTH} printable characters")
    template = await _template(connection, tenant, name)
    try:
        usable = usable_route(route, template)
    except MessageError as error:
        raise BulkError(error.code, error.detail) from error
    check_columns(customers, template)
    if not customers.has_rows:
        raise BulkError(
            "empty_file",
            f"{customers.path.name} has a header and no rows",
            f"{customers.path.name}: 머리글만 있고 고객이 없습니다.",
        )
    try:
        await check_prices(connection, tenant, usable.channels, now)
    except CreditError as error:
        raise BulkError(error.code, error.detail, error.detail_ko) from error
    earlier = await sent_with_key(connection, tenant, key) if key is not None else None
    if earlier and earlier.template != name:
        raise BulkError("key_reused", f"the key {key!r} was used with template {earlier.template!r} before")
    # The ids of a key's messages begin with the moment of its first send, so that they come out the same again.
    moment = moment_of(earlier.message) if earlier else now
    ids = MessageIds(moment, tenant, new_id(now) if key is None else key)
    bulk = Bulk(tenant, template, usable, Fit(template.content, usable.channels), ids, now)
    return bulk, earlier is not None


async def _template(connection: Connection, tenant: str, name: str) -> TemplateVersion:
    if not await tenant_exists(connection, tenant):
        raise BulkError("unknown_tenant", f"there is no tenant {tenant!r}", "등록되지 않은 고객사입니다.")
    if await is_suspended(connection, tenant):
        told = f"{tenant} is suspended: nothing is sent until it is resumed"
        raise BulkError("tenant_suspended", told, "발송이 중지된 고객사입니다. 운영자에게 문의해 주세요.")
    found = await active_templates(connection, [tenant], name)
    if not found:
        meant = nearest(name, [template.name for template in await active_templates(connection, [tenant])])
        raise BulkError(
            "unknown_template",
            f"{tenant} has no template {name}" + (f"; did you mean {meant}?" if meant else ""),
            f"{name} 템플릿이 없습니다." + (f" {meant}인가요?" if meant else ""),
        )
    [stored] = found
    return TemplateVersion(name, stored.version, TemplateContent.model_validate(stored.content), stored.approval)


async def _batches(bulk: Bulk, customers: CustomerFile) -> AsyncGenerator[list[PlannedRow]]:
    """The file's rows, planned. The next batch is made in a thread while the caller works with one."""
    rows = iter(customers)
    coming = asyncio.create_task(asyncio.to_thread(_plan, bulk, rows))
    try:
        while batch := await coming:
            coming = asyncio.create_task(asyncio.to_thread(_plan, bulk, rows))
            yield batch
    finally:
        await asyncio.wait([coming])


def _plan(bulk: Bulk, rows: Iterator[Recipient | RowProblem]) -> list[PlannedRow]:
    return [plan_row(bulk, row) if isinstance(row, Recipient) else row for row in islice(rows, ROWS_A_STATEMENT)]


@dataclass(frozen=True, slots=True)
class _Sorted:
    """The rows of a batch: those that make a message now, those that have one, and those that are as bad as before."""

    fresh: list[PlannedMessage]
    already: int
    bad: list[PlannedRow]


async def _sorted(connection: Connection, bulk: Bulk, batch: Sequence[PlannedRow], *, again: bool) -> _Sorted:
    """Tell the rows of a batch apart by what an earlier send with the key made of them.

    Who has a message that never left gets another, with the next id: ids that come out the same for everybody are why
    there are no two, however often and by how many it is sent.
    """
    found = _Sorted([], 0, [row for row in batch if isinstance(row, RowProblem)])
    asking = [row for row in batch if isinstance(row, PlannedMessage)]
    if not again:
        return replace(found, fresh=asking)
    already = earlier = 0
    while asking:
        known = await earlier_messages(connection, bulk.tenant, [row.message.id for row in asking])
        unheard = []
        for row in asking:
            message = known.get(row.message.id)
            if message is None:
                as_before = earlier and row.message.status is Status.FAILED
                (found.bad if as_before else found.fresh).append(row)
            elif may_have_left(message):
                already += 1
            else:
                unheard.append(row)
        earlier += 1
        asking = [
            replace(row, message=replace(row.message, id=bulk.ids.after(row.message.customer, earlier)))
            for row in unheard
        ]
    return replace(found, already=already)


def _counted(found: _Sorted, tally: Tally) -> list[PlannedMessage]:
    """Count a batch, in the order of its lines; gives the messages of it that are new."""
    tally.skip(found.already)
    for row in sorted([*found.fresh, *found.bad], key=lambda row: row.line):
        if isinstance(row, RowProblem):
            tally.refuse(row)
        else:
            tally.take(row)
    return found.fresh


def _stay_within(quota: Quota, tally: Tally) -> None:
    if (error := quota.shortage(tally.queued)) is not None:
        raise BulkError(error.code, error.detail, error.detail_ko)


async def _result(connection: Connection, tally: Tally, asked_route: Route, key: str | None) -> BulkResult:
    bulk = tally.bulk
    checked = await preflight(
        connection,
        bulk.tenant,
        template=bulk.template.name,
        route=asked_route.channels,
        ways=tally.ways,
        refused=sum(tally.failed.values()) + sum(tally.refused.values()),
        now=bulk.now,
    )
    return BulkResult(
        tenant=bulk.tenant,
        template=bulk.template.name,
        template_version=bulk.template.version,
        route=bulk.route.channels,
        left_out=[channel for channel in asked_route.channels if channel not in bulk.route.channels],
        key=key,
        asked=tally.asked,
        queued=tally.queued,
        already=tally.already,
        failed=dict(tally.failed.most_common()),
        refused=dict(tally.refused.most_common()),
        problems=tally.problems,
        preflight=checked,
        tickets=-(-tally.queued // MAX_TICKET_MESSAGES),
        samples=tally.samples,
    )
