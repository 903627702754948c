"""What the service keeps: customers, their channels' templates, and their messages."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from simulator.nhn.model import Customer, written
from simulator.orders import Order

Status = Literal["TSC01", "TSC02", "TSC03", "TSC04"]
"""Of a template: asked for, looked at, approved, rejected."""

TYPES = {"alimtalk": "ALIMTALK", "brand": "BRAND_MESSAGE"}


class TemplateSpec(Order):
    """A template that exists already."""

    template_code: Annotated[str, Field(min_length=1, max_length=20)]
    sender_key: Annotated[str, Field(min_length=1)]
    content: Annotated[str, Field(min_length=1)]
    name: str = ""
    status: Status = "TSC03"
    buttons: Annotated[list[dict[str, Any]], Field(default_factory=list)]


class KakaoVerdict(Order):
    """What Kakao thinks of a template. `comment`: what its inspector writes."""

    app_key: str
    template_code: Annotated[str, Field(min_length=1)]
    status: Status
    comment: str | None = None


class KakaoSpec(Order):
    """An account of the service.

    Attributes:
        app_key: identifies it; registering it again changes only the fields that are given.
        secret_key: opens it.
        sender_keys: its channels; an empty list lets any be used.
        templates: added to those it has.
        is_new: what it fills in may be 14 characters longer than its variable at most.
        resends: whether the console says that texts take the place of what failed.
        webhook_url: where results go; null for none.
        webhook_secret: the text that each call carries as it is.
    """

    app_key: Annotated[str, Field(min_length=1)]
    secret_key: Annotated[str, Field(min_length=1)]
    sender_keys: Annotated[list[str], Field(default_factory=list)]
    templates: Annotated[list[TemplateSpec], Field(default_factory=list)]
    is_new: bool = False
    resends: bool = False
    webhook_url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    webhook_secret: str = ""


@dataclass(slots=True, eq=False)
class Message:
    """A message to one recipient.

    Attributes:
        kind: `alimtalk` or `brand`.
        text: as the recipient reads it.
        resends: whether a text takes its place where it fails.
        result: what became of it, once that is known.
        end: the result that awaits it; None until the control API says so.
    """

    app: "KakaoApp"
    request: str
    seq: int
    kind: str
    to: str
    sender_key: str
    template_code: str | None
    text: str
    image: str | None
    group_key: str
    recipient_key: str
    created: float
    end: str | None
    resends: bool = False
    updated: float = 0
    result: str | None = None

    @property
    def type(self) -> str:
        return TYPES[self.kind]

    @property
    def message_id(self) -> str:
        return f"{self.request}/{self.seq}"

    @property
    def status_code(self) -> str:
        return self.result or "requested"

    def as_accepted(self) -> dict[str, Any]:
        """The message as the control API shows it."""
        return {
            "provider": "nhn_kakao",
            "messageId": self.message_id,
            "to": self.to,
            "from": self.sender_key,
            "type": self.type,
            "text": self.text,
            "templateCode": self.template_code,
            "imageUrl": self.image,
            "senderGroupingKey": self.group_key,
            "recipientGroupingKey": self.recipient_key,
            "at": written(self.created),
            "status": self.status_code,
        }


@dataclass(frozen=True)
class Resent:
    """A text in place of a message that failed, which nobody asked for here: a customer is told twice by it."""

    of: Message

    type = "SMS"
    status_code = "1000"

    def as_accepted(self) -> dict[str, Any]:
        """The text as the control API shows it."""
        return {**self.of.as_accepted(), "type": self.type, "messageId": f"{self.of.message_id}/resent"}


@dataclass(eq=False)
class Template:
    """A template as the service has it. `wire`: as it was registered; `comments`: as lists show them."""

    sender_key: str
    code: str
    wire: dict[str, Any]
    status: Status
    updated: float
    comments: list[dict[str, Any]] = field(default_factory=list)

    @property
    def content(self) -> str:
        return str(self.wire.get("templateContent") or "")

    def shown(self) -> dict[str, Any]:
        """As lists show it."""
        return {
            "senderKey": self.sender_key,
            "plusFriendType": "NORMAL",
            "templateCode": self.code,
            "kakaoTemplateCode": f"k{self.code}",
            **self.wire,
            "status": self.status,
            "comments": self.comments,
            "updateDate": written(self.updated, "%Y-%m-%d %H:%M:%S"),
        }


@dataclass(eq=False, kw_only=True)
class KakaoApp(Customer):
    """A customer of the service.

    Attributes:
        keys: when each idempotency key was used.
        images: by address, the SHA-256 of what was brought.
        of_templates: who is told of those.
    """

    sender_keys: frozenset[str] = frozenset()
    is_new: bool = False
    resends: bool = False
    product: str = "KakaoTalk Bizmessage"
    templates: dict[tuple[str, str], Template] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    by_request: dict[str, list[Message]] = field(default_factory=dict)
    keys: dict[str, float] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    of_templates: Customer = field(default_factory=lambda: Customer(app_key="", secret_key=""))


def register(apps: dict[str, KakaoApp], spec: KakaoSpec, now: float) -> KakaoApp:
    """Add an app, or change the given fields of the one that has this key."""
    app = apps.get(spec.app_key)
    given = set(spec.model_fields_set if app else KakaoSpec.model_fields) - {"templates"}
    if app is None:
        app = apps[spec.app_key] = KakaoApp(app_key=spec.app_key, secret_key=spec.secret_key)
    for name in given:
        value = getattr(spec, name)
        setattr(app, name, frozenset(value) if name == "sender_keys" else value)
    for each in spec.templates:
        wire = {
            "templateName": each.name or each.template_code,
            "templateContent": each.content,
            "templateMessageType": "BA",
            "templateEmphasizeType": "NONE",
            "buttons": each.buttons,
        }
        template = Template(each.sender_key, each.template_code, wire, each.status, now)
        app.templates[each.sender_key, each.template_code] = template
    told = app.of_templates
    told.app_key, told.product, told.event = app.app_key, app.product, "TEMPLATE_STATUS_UPDATE"
    told.webhook_url, told.webhook_secret = app.webhook_url, app.webhook_secret
    return app


def app_view(app: KakaoApp) -> dict[str, Any]:
    """An app without its secrets."""
    return {
        "provider": "nhn_kakao",
        "appKey": app.app_key,
        "senderKeys": sorted(app.sender_keys),
        "templates": [template.shown() for template in app.templates.values()],
        "webhookUrl": app.webhook_url,
        "messages": len(app.messages),
    }
