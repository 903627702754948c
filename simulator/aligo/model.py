"""What the provider keeps: accounts, and the calls by which they sent."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from simulator.clock import KST
from simulator.orders import Order

Digits = Annotated[str, Field(pattern=r"^\d{8,12}$")]
Text = Annotated[str, Field(min_length=1)]


class TemplateSpec(Order):
    """An approved AlimTalk template."""

    tpl_code: Text
    content: Text
    buttons: Annotated[list[dict[str, Any]], Field(default_factory=list)]


class AccountSpec(Order):
    """An account of the provider.

    senders: registered numbers; an empty list lets any number send.
    sender_keys, templates: of AlimTalk; nothing else can be sent by.
    remaining: so many messages it can pay for.
    """

    api_key: Text
    user_id: Text
    senders: Annotated[list[Digits], Field(default_factory=list)]
    sender_keys: Annotated[list[Text], Field(default_factory=list)]
    templates: Annotated[list[TemplateSpec], Field(default_factory=list)]
    remaining: Annotated[int, Field(ge=0)] = 1_000_000


@dataclass(slots=True, eq=False)
class Message:
    """A message to one recipient.

    Attributes:
        type: SMS, LMS, MMS or AT.
        text: as the recipient reads it: what EUC-KR lacks is a question mark.
        end: the result that awaits it; None until the control API says so.
        failover: the text that goes in place of an AlimTalk that fails.
    """

    message_id: str
    mid: int
    type: str
    sender: str
    to: str
    subject: str
    text: str
    created: float
    end: str | None
    template: str | None = None
    sender_key: str | None = None
    failover: str | None = None
    result: str | None = None
    completed: float | None = None

    @property
    def status_code(self) -> str:
        return self.result or "requested"

    def as_accepted(self) -> dict[str, Any]:
        """The message as the control API shows it."""
        return {
            "provider": "aligo",
            "messageId": self.message_id,
            "mid": str(self.mid),
            "to": self.to,
            "from": self.sender,
            "type": self.type,
            "subject": self.subject or None,
            "text": self.text,
            "at": written(self.created),
            "status": self.status_code,
        }


@dataclass(eq=False)
class Call:
    """What was sent by one call. `msg`: its words, or the first of them."""

    mid: int
    type: str
    sender: str
    msg: str
    created: float
    messages: list[Message]
    errors: int = 0


@dataclass(eq=False)
class Account:
    """A customer's account; its calls in the order in which they came."""

    spec: AccountSpec
    remaining: int
    calls: list[Call] = field(default_factory=list)
    answers: int = 0

    def template(self, code: object) -> TemplateSpec | None:
        return next((each for each in self.spec.templates if each.tpl_code == code), None)

    def view(self) -> dict[str, Any]:
        """Itself without its secrets."""
        return {
            "provider": "aligo",
            "userId": self.spec.user_id,
            "senders": sorted(self.spec.senders),
            "senderKeys": self.spec.sender_keys,
            "templates": [each.tpl_code for each in self.spec.templates],
            "remaining": self.remaining,
            "messages": sum(len(call.messages) for call in self.calls),
        }


def written(moment: float) -> str:
    """A moment as this provider writes one: Korean time that does not say so."""
    return datetime.fromtimestamp(moment, KST).strftime("%Y-%m-%d %H:%M:%S")
