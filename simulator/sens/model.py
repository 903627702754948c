"""What the provider keeps: services, as it calls accounts, and their messages."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from simulator.clock import KST
from simulator.orders import Order

Digits = Annotated[str, Field(pattern=r"^\d{8,12}$")]


class ServiceSpec(Order):
    """An account of the provider. `senders`: registered numbers; an empty list lets any number send."""

    service_id: Annotated[str, Field(min_length=1)]
    access_key: Annotated[str, Field(min_length=1)]
    secret_key: Annotated[str, Field(min_length=1)]
    senders: Annotated[list[Digits], Field(default_factory=list)]


@dataclass(slots=True, eq=False)
class Message:
    """A message to one recipient.

    Attributes:
        text: as the recipient reads it: what is too long is cut.
        end: the result that awaits it; None until the control API says so.
    """

    message_id: str
    request: str
    type: str
    content_type: str
    sender: str
    to: str
    subject: str
    content: str
    text: str
    created: float
    end: str | None
    result: str | None = None
    completed: float | None = None

    @property
    def status_code(self) -> str:
        return self.result or "requested"

    def as_accepted(self) -> dict[str, Any]:
        """The message as the control API shows it."""
        return {
            "provider": "sens",
            "messageId": self.message_id,
            "requestId": self.request,
            "to": self.to,
            "from": self.sender,
            "type": self.type,
            "subject": self.subject or None,
            "text": self.text,
            "at": written(self.created),
            "status": self.status_code,
        }


@dataclass(eq=False)
class Service:
    """A customer's service; its messages in the order in which they came."""

    service_id: str
    access_key: str
    secret_key: str
    senders: frozenset[str]
    messages: list[Message] = field(default_factory=list)

    def view(self) -> dict[str, Any]:
        """Itself without its secrets."""
        return {
            "provider": "sens",
            "serviceId": self.service_id,
            "senders": sorted(self.senders),
            "messages": len(self.messages),
        }


def written(moment: float) -> str:
    """A moment as this provider writes one: Korean time that does not say so."""
    return datetime.fromtimestamp(moment, KST).strftime("%Y-%m-%d %H:%M:%S")
