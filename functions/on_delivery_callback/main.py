"""What providers say of messages is recorded, and routes go on."""

import functions_framework.aio

from shared.bootstrap import database, reports
from shared.contracts import ReportBatch
from shared.platform.pubsub.push import push

callbacks = reports()


@functions_framework.aio.http
@push(ReportBatch, dead_letters=database)
async def on_delivery_callback(batch: ReportBatch) -> None:
    await callbacks.take(batch)
