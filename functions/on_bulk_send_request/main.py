"""The tickets of crowds, in turn: their messages go to their provider."""

import functions_framework.aio

from shared.bootstrap import Parts, bulk_sender, dead_letters
from shared.contracts.tickets import SendTicket
from shared.platform.pubsub.push import push

parts = Parts.of_this_process()
crowds = bulk_sender(parts)


@functions_framework.aio.http
@push(SendTicket, dead_letters=dead_letters(parts))
async def on_bulk_send_request(ticket: SendTicket) -> None:
    await crowds.send(ticket)
