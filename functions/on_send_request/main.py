"""A ticket's messages go to their provider."""

import functions_framework.aio

from shared.bootstrap import database, sender
from shared.contracts import SendTicket
from shared.platform.pubsub.push import push

tickets = sender()


@functions_framework.aio.http
@push(SendTicket, dead_letters=database)
async def on_send_request(ticket: SendTicket) -> None:
    await tickets.take(ticket)
