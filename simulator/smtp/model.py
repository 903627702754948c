"""What the mail server keeps: who may send, and what it has taken."""

from dataclasses import dataclass
from email.message import EmailMessage
from typing import Annotated, Any

from pydantic import Field

from simulator.clock import iso
from simulator.orders import Order

REFUSALS = {
    "no-such-user": "550 5.1.1 The email account does not exist",
    "closed": "550 5.2.1 The mailbox takes no mail any more",
    "blocked": "550 5.7.1 Message rejected as spam",
    "full": "452 4.2.2 The mailbox is full",
}
"""What becomes of a recipient: the part before the @, up to a `+` or a digit, chooses it. All others are taken."""


class UserSpec(Order):
    """Who may send. `senders`: the addresses that may be; an empty list lets any be."""

    username: Annotated[str, Field(min_length=1)]
    password: Annotated[str, Field(min_length=1)]
    senders: Annotated[list[str], Field(default_factory=list)]


@dataclass(frozen=True, slots=True)
class Mail:
    """A message that was taken for one recipient."""

    sender: str
    to: str
    whole: EmailMessage
    at: float

    type = "EMAIL"
    status_code = "250"

    def as_accepted(self) -> dict[str, Any]:
        """The message as the control API shows it."""
        return {
            "provider": "smtp",
            "messageId": str(self.whole["message-id"]),
            "to": self.to,
            "from": self.sender,
            "type": self.type,
            "subject": str(self.whole["subject"]),
            "text": self._part("plain") or "",
            "html": self._part("html"),
            "headers": {name.lower(): str(value) for name, value in self.whole.items()},
            "at": iso(self.at),
            "status": self.status_code,
        }

    def _part(self, kind: str) -> str | None:
        part = self.whole.get_body((kind,))
        return str(part.get_content()).replace("\r\n", "\n").rstrip("\n") if part is not None else None
