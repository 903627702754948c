"""What crosses a boundary. These models import nothing of ours; `schemas/events/` holds them as JSON Schema."""

from shared.contracts.events import (
    FUTURE_TOLERANCE,
    MAX_EVENT_BYTES,
    TENANT_ID,
    YEARS,
    CustomerSnapshot,
    EventData,
    SubscriptionEvent,
)
from shared.contracts.reports import MAX_REPORTS, Outcome, ProviderReport, ReportBatch
from shared.contracts.tickets import MAX_TICKET_MESSAGES, SendTicket, Tick

__all__ = [
    "FUTURE_TOLERANCE",
    "MAX_EVENT_BYTES",
    "MAX_REPORTS",
    "MAX_TICKET_MESSAGES",
    "TENANT_ID",
    "YEARS",
    "CustomerSnapshot",
    "EventData",
    "Outcome",
    "ProviderReport",
    "ReportBatch",
    "SendTicket",
    "SubscriptionEvent",
    "Tick",
]
