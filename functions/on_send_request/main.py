"""A ticket's messages go to their provider."""

import functions_framework.aio

from shared.bootstrap import Parts, dead_letters, sender
from shared.contracts.tickets import SendTicket
from shared.platform.pubsub.push import push

parts = Parts.of_this_process()
tickets = sender(parts)


@functions_framework.aio.http
@push(SendTicket, dead_letters=dead_letters(parts))
async def on_send_request(ticket: SendTicket) -> None:
    await tickets.send(ticket)
