"""What providers say of messages is recorded, and routes go on."""

import functions_framework.aio

from shared.bootstrap import Parts, dead_letters, reports
from shared.contracts.reports import ReportBatch
from shared.platform.pubsub.push import push

parts = Parts.of_this_process()
callbacks = reports(parts)


@functions_framework.aio.http
@push(ReportBatch, dead_letters=dead_letters(parts))
async def on_delivery_callback(batch: ReportBatch) -> None:
    await callbacks.record_batch(batch)
