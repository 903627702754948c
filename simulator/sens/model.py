"""What the provider keeps: projects with their services, and their messages."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from simulator.clock import KST
from simulator.orders import Order

Digits = Annotated[str, Field(pattern=r"^\d{8,12}$")]
Text = Annotated[str, Field(min_length=1)]


class TemplateSpec(Order):
    """An approved AlimTalk template. `sms_failover`: what the console says of calls that say nothing."""

    template_code: Text
    content: Text
    buttons: Annotated[list[dict[str, Any]], Field(default_factory=list)]
    sms_failover: bool = True


class ServiceSpec(Order):
    """A project: its service of texts, that of AlimTalk, or both.

    senders: registered numbers; an empty list lets any number send.
    channels, templates: of AlimTalk; no other channel and template can be sent by.
    """

    service_id: Text | None = None
    kakao_service_id: Text | None = None
    access_key: Text
    secret_key: Text
    senders: Annotated[list[Digits], Field(default_factory=list)]
    channels: Annotated[list[Text], Field(default_factory=list)]
    templates: Annotated[list[TemplateSpec], Field(default_factory=list)]

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if self.service_id is None and self.kakao_service_id is None:
            raise ValueError("give serviceId, kakaoServiceId, or both")
        return self


@dataclass(slots=True, eq=False)
class Message:
    """A message to one recipient.

    Attributes:
        type: SMS, LMS, MMS, or ALIMTALK.
        text: as the recipient reads it: what is too long is cut.
        end: the result that awaits it; None until the control API says so.
        channel, template: of an AlimTalk.
        refusal: of an AlimTalk that was not taken, the code that says so.
        failover: by whom an SMS goes to the recipient where the AlimTalk fails; None: by nobody.
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
    channel: str | None = None
    template: str | None = None
    refusal: str | None = None
    failover: str | None = None

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
class File:
    """A picture, kept for some days by its name and size."""

    file_id: str
    size: int
    expires: float


@dataclass(eq=False)
class Service:
    """A customer's project; its messages in the order in which they came."""

    spec: ServiceSpec
    messages: list[Message] = field(default_factory=list)
    files: dict[tuple[str, int], File] = field(default_factory=dict)

    def template(self, code: object) -> TemplateSpec | None:
        return next((each for each in self.spec.templates if each.template_code == code), None)

    def view(self) -> dict[str, Any]:
        """Itself without its secrets."""
        return {
            "provider": "sens",
            "serviceId": self.spec.service_id,
            "kakaoServiceId": self.spec.kakao_service_id,
            "senders": sorted(self.spec.senders),
            "channels": self.spec.channels,
            "templates": [each.template_code for each in self.spec.templates],
            "messages": len(self.messages),
        }


def written(moment: float) -> str:
    """A moment as this provider writes one: Korean time that does not say so."""
    return datetime.fromtimestamp(moment, KST).strftime("%Y-%m-%d %H:%M:%S")
