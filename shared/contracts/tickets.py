"""Tickets: what travels between functions. A ticket names rows; it is never the only copy of anything."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.values import TenantId

MAX_TICKET_MESSAGES = 500


class SendTicket(BaseModel):
    """Asks for messages of one tenant to be sent. `id` is the outbox row that goes when the ticket is consumed. By the
    account `tried` they did not leave just now: another one has the first turn."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: UUID
    tenant: TenantId
    messages: Annotated[tuple[UUID, ...], Field(min_length=1, max_length=MAX_TICKET_MESSAGES)]
    tried: str | None = None
