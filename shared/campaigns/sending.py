"""The bulk path: one template to every customer of a file.

The file is read, and its rows are planned, outside any transaction; what can be known to stand in the way is asked
before the first row is written. Then each batch is a short transaction of role `allim_api`, confined to the tenant.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import secrets
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Literal

from shared.campaigns.batches import planned_batches, sort_out, unasked
from shared.campaigns.errors import BrokenOffError, BulkError
from shared.campaigns.plan import Bulk, MessageIds, PlannedRow, Sample, Tally, check_columns, moment_of
from shared.campaigns.preflight import Preflight, Standing, preflight, read_standing
from shared.campaigns.store import KnownSend, begin_send, read_queued, read_send, sent_with_key
from shared.campaigns.writing import BatchWriter
from shared.contracts.text import nearest
from shared.contracts.tickets import MAX_TICKET_MESSAGES
from shared.credits.errors import CreditError
from shared.credits.plans.quota import Quota
from shared.credits.prices.estimates import check_prices
from shared.customers.files.people import CustomerFile
from shared.customers.files.problems import RowProblem
from shared.messages.composing import usable_route
from shared.messages.lawful import forbidden
from shared.messages.routing import DEFAULT_ROUTE, Route
from shared.platform.clock import SEOUL, Clock
from shared.platform.database import PASSING_ERRORS, Connection, Database
from shared.platform.loops.room import Room
from shared.platform.pubsub import Publisher
from shared.templates.errors import MessageError
from shared.templates.fit import Fit
from shared.templates.store import active_templates
from shared.templates.template import TemplateContent, TemplateVersion
from shared.tenants.store import is_suspended, tenant_exists

MAX_KEY_LENGTH = 200

LAST_BATCH_SECONDS = 10.0
"""So long a send that is called off waits for the batch that is under way, to know what is queued."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a send is.

    doing: counting what would be queued, of which nothing is written, or queueing it.
    key: of the send; None while it has none.
    asked, queued: rows done, and messages of them that are, or would be, queued.
    share: of the file that is read, 0 to 1.
    """

    doing: Literal["counting", "queueing"]
    key: str | None
    asked: int
    queued: int
    share: float


_MAY_PASS: tuple[type[BaseException], ...] = (*PASSING_ERRORS, OSError)
"""What says nothing of the send itself."""

OnProgress = Callable[[Progress], None]
"""Called when a send begins to do something, and after each batch."""


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What a send came to, or would come to.

    asked: rows of the file that are not blank. Each was queued, made a message that failed (`failed`, by reason; once
        for a key, however often it is sent), made none (`refused`, by code), or has a message of an earlier send with
        the key, which may have left (`already`).
    route: the channels that messages take, in order; `left_out` those that were asked for and the template lacks.
    problems: rows with something wrong, the first thousand of them.
    key: of the send: the one given, or one of its own. None of a preview without one.
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

    The customers exist afterwards: what the file tells of them is kept. Wherever it is interrupted, the same file with
    the same key goes on.

    Args:
        database: as role `allim_api`.
        publisher: for the tickets. Should it fail, the tick publishes them.
        clock: the time.
        tenant: the sender.
        template: the name of a template; its active version is sent.
        customers: to whom.
        route: the channels asked for; those that the template has no approved words for are left out.
        key: names the send. A customer who has a message of an earlier send with the key that left, or may have, gets
            no second one; whose message never left gets another. Without it, every call is a new send with a key of its
            own.
        on_progress: is told how far it is.

    Raises:
        BrokenOffError: it stopped on its way: `quota_exceeded` (another send has used what was left, or the plan
            has ended) or `send_interrupted` (the database or the file is away).
        BulkError: nothing was written: `unknown_tenant`, `unknown_template`, `template_not_approved`,
            `missing_column`, `price_missing`, `bad_key`, `key_reused` (with another template), `quota_exceeded` (the
            plan has fewer messages left), and what the law says against advertising: `night_advertising`,
            `advertising_unmarked`, `opt_out_missing`.
    """
    tell = on_progress or _untold
    now = clock.now()
    key = _new_key(now) if key is None else key
    lines, has_rows = await asyncio.to_thread(lambda: (customers.count_lines(), customers.has_rows))
    async with database.transaction(tenant=tenant) as connection:
        bulk, again = await _prepare(connection, now, tenant, template, customers, route, key, has_rows=has_rows)
        if (error := forbidden(bulk.template.content, bulk.route.channels, bulk.now)) is not None:
            raise BulkError(error.code, error.detail, error.detail_ko)
        counted = await read_queued(connection, tenant)  # before the quota: what comes in between is counted twice
        standing = await read_standing(connection, tenant, template, now)
    quota = standing.quota
    if lines > quota.left:
        await _foresee(database, bulk, customers, again=again, key=key, quota=quota, tell=tell)
    async with database.transaction(tenant=tenant) as connection:
        bulk, again = await _begin(connection, bulk, key, again=again)
    writer = BatchWriter(database, publisher, clock, bulk, key, again=again, counted=counted, left=quota.left)
    tally, room = writer.tally, Room(clock)
    async with _stopping(writer, key):
        tell(Progress("queueing", key, 0, 0, 0.0))

        async def write(batch: Sequence[PlannedRow]) -> None:
            begun, before = clock.now(), tally.queued
            await writer.write(batch)
            room.took((clock.now() - begun).total_seconds(), len(batch), written=tally.queued - before)
            tell(Progress("queueing", key, tally.asked, tally.queued, customers.share_read))

        async with aclosing(planned_batches(bulk, customers)) as batches:
            async for batch in batches:
                await room.make()
                await _to_its_end(write(batch))
        await writer.published()
        return await _result(database, tally, route, key, writer.tickets, standing)


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
    tell = on_progress or _untold
    now = clock.now()
    named = _new_key(now) if key is None else key
    has_rows = await asyncio.to_thread(lambda: customers.has_rows)
    async with database.transaction(tenant=tenant) as connection:
        bulk, again = await _prepare(connection, now, tenant, template, customers, route, named, has_rows=has_rows)
    tally = await _foresee(database, bulk, customers, again=again, key=key, quota=None, tell=tell)
    return await _result(database, tally, route, key, -(-tally.queued // MAX_TICKET_MESSAGES), None)


def _untold(_: Progress) -> None:
    """Nobody asked."""


def _new_key(now: dt.datetime) -> str:
    """A key that nobody has used, and that a person can give again."""
    return f"send-{now.astimezone(SEOUL):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"


async def _prepare(
    connection: Connection,
    now: dt.datetime,
    tenant: str,
    name: str,
    customers: CustomerFile,
    route: Route,
    key: str,
    *,
    has_rows: bool,
) -> tuple[Bulk, bool]:
    """What the messages have in common, and whether there was a send with the key before."""
    if not 0 < len(key) <= MAX_KEY_LENGTH or not key.isprintable():
        raise BulkError("bad_key", f"a key has 1 to {MAX_KEY_LENGTH} printable characters")
    template = await _template(connection, tenant, name)
    try:
        usable = usable_route(route, template)
    except MessageError as error:
        raise BulkError(error.code, error.detail) from error
    check_columns(customers, template)
    if not has_rows:
        raise BulkError(
            "empty_file",
            f"{customers.path.name} has a header and no rows",
            f"{customers.path.name}: 머리글만 있고 고객이 없습니다.",
        )
    try:
        await check_prices(connection, tenant, usable.channels, now)
    except CreditError as error:
        raise BulkError(error.code, error.detail, error.detail_ko) from error
    earlier = await _known(connection, tenant, key)
    _check_template(earlier, name, key)
    # The ids of a key's messages begin with the moment of its first send, so that they come out the same again.
    ids = MessageIds(earlier.begun_at if earlier else now, tenant, key)
    return Bulk(tenant, template, usable, Fit(template.content, usable.channels), ids, now), earlier is not None


async def _known(connection: Connection, tenant: str, key: str) -> KnownSend | None:
    """What a key stands for. Of one that was used before keys were kept, its messages tell."""
    if (send := await read_send(connection, tenant, key)) is not None:
        return send
    old = await sent_with_key(connection, tenant, key)
    return KnownSend(old.template, moment_of(old.message)) if old else None


def _check_template(earlier: KnownSend | None, name: str, key: str) -> None:
    if earlier and earlier.template != name:
        raise BulkError("key_reused", f"the key {key!r} was used with template {earlier.template!r} before")


async def _begin(connection: Connection, bulk: Bulk, key: str, *, again: bool) -> tuple[Bulk, bool]:
    """From now on the key stands for this send, or for that of whoever was faster: then the ids are those of that."""
    name, tenant = bulk.template.name, bulk.tenant
    if await begin_send(connection, tenant, key, KnownSend(name, bulk.ids.moment)):
        return bulk, again
    earlier = await read_send(connection, tenant, key)
    _check_template(earlier, name, key)
    return replace(bulk, ids=MessageIds(earlier.begun_at if earlier else bulk.now, tenant, key)), True


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


async def _foresee(
    database: Database,
    bulk: Bulk,
    customers: CustomerFile,
    *,
    again: bool,
    key: str | None,
    quota: Quota | None,
    tell: OnProgress,
) -> Tally:
    """Count what a send would come to. Raises BulkError `quota_exceeded` when that is more than a quota has left."""
    tally = Tally(bulk)
    tell(Progress("counting", key, 0, 0, 0.0))
    async with aclosing(planned_batches(bulk, customers)) as batches:
        async for batch in batches:
            await _foreseen(database, bulk, batch, tally, again=again)
            if quota is not None and (error := quota.shortage(tally.queued)) is not None:
                raise BulkError(error.code, error.detail, error.detail_ko)
            tell(Progress("counting", key, tally.asked, tally.queued, customers.share_read))
    return tally


async def _foreseen(database: Database, bulk: Bulk, batch: Sequence[PlannedRow], tally: Tally, *, again: bool) -> None:
    found, rows = unasked(batch)
    if again:
        async with database.transaction(tenant=bulk.tenant) as connection:
            await sort_out(connection, bulk, rows, found)
    else:
        found.fresh = rows
    found.count(tally)


@asynccontextmanager
async def _stopping(writer: BatchWriter, key: str) -> AsyncGenerator[None]:
    """Whatever ends a send on its way, it says how far it came, and leaves no task behind."""
    try:
        yield
    except _MAY_PASS as error:
        why = f"the send was interrupted: {str(error).strip() or type(error).__name__}"
        told = BrokenOffError("send_interrupted", why, "발송이 중단되었습니다.", key=key, queued=writer.tally.queued)
        raise told from error
    finally:
        await writer.stop()


async def _to_its_end(batch: Coroutine[None, None, None]) -> None:
    """Write a batch. Who is called off meanwhile stops after it, so that what is queued is known."""
    writing = asyncio.create_task(batch)
    writing.add_done_callback(lambda done: done.cancelled() or done.exception())  # it may end when nobody listens
    try:
        await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.wait([writing], timeout=LAST_BATCH_SECONDS)
        writing.cancel()
        raise


async def _result(
    database: Database, tally: Tally, asked_route: Route, key: str | None, tickets: int, standing: Standing | None
) -> BulkResult:
    bulk = tally.bulk
    async with database.transaction(tenant=bulk.tenant) as connection:
        checked = await preflight(
            connection,
            bulk.tenant,
            template=bulk.template.name,
            route=asked_route.channels,
            ways=tally.ways,
            refused=sum(tally.failed.values()) + sum(tally.refused.values()),
            now=bulk.now,
            standing=standing,
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
        tickets=tickets,
        samples=tally.samples,
    )
