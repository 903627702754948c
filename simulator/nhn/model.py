"""What the provider keeps: apps, as it calls accounts, and their messages."""

import zlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, NamedTuple

import orjson
from pydantic import Field

from simulator.clock import KST
from simulator.orders import Order

Digits = Annotated[str, Field(pattern=r"^\d{8,12}$")]


class AppSpec(Order):
    """An account of the provider.

    Attributes:
        app_key: identifies it; registering it again changes only the fields that are given.
        secret_key: opens it.
        senders: registered sender numbers, digits only; an empty list lets any number send.
        monthly_quota: messages a month of Korea.
        blocks_duplicates: whether an identical message within an hour fails, which is a setting of a project.
        webhook_url: where results go; null for none.
        webhook_secret: the text that each call carries as it is.
    """

    app_key: Annotated[str, Field(min_length=1)]
    secret_key: Annotated[str, Field(min_length=1)]
    senders: Annotated[list[Digits], Field(default_factory=list)]
    monthly_quota: Annotated[int, Field(ge=0)] = 1_000_000_000
    blocks_duplicates: bool = False
    webhook_url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    webhook_secret: str = ""


@dataclass(eq=False, kw_only=True)
class Customer:
    """Whom a service calls.

    Attributes:
        product, event: as its calls name them.
    """

    app_key: str
    secret_key: str
    webhook_url: str | None = None
    webhook_secret: str = ""
    product: str = "SMS"
    event: str = "MESSAGE_RESULT_UPDATE"
    hooks: int = 0

    def webhook_headers(self) -> dict[str, str]:
        """The text in the header is the same at every call, and signs no body."""
        return {
            "Content-Type": "application/json;charset=UTF-8",
            "X-Toast-Webhook-Signature": self.webhook_secret,
        }

    def webhook_body(self, reports: list[dict[str, Any]], retry_count: int) -> bytes:
        """An envelope of its own for each call, also for one that is made again."""
        self.hooks += 1
        return orjson.dumps(
            {
                "hooksId": f"{self.hooks:020d}",
                "webhookConfigId": f"{zlib.crc32(self.app_key.encode()):08x}",
                "productName": self.product,
                "appKey": self.app_key,
                "event": self.event,
                "hooks": reports,
            }
        )


@dataclass(slots=True, eq=False)
class Message:
    """A message to one recipient.

    Attributes:
        kind: `sms`, or `mms` for all that is longer.
        text: as the recipient reads it: what is too long is cut.
        status: `msgStatus` of lists.
        result: the carrier's code, once there is one.
        end: the result that awaits it; None until the control API says so.
        files: the names of its pictures.
    """

    app: "App"
    request: str
    seq: int
    kind: str
    to: str
    send_no: str
    title: str
    text: str
    sender_key: str
    recipient_key: str
    created: float
    end: str | None
    files: tuple[str, ...] = ()
    updated: float = 0
    status: str = "1"
    result: str | None = None

    @property
    def type(self) -> str:
        return "SMS" if self.kind == "sms" else "MMS" if self.files else "LMS"

    @property
    def message_id(self) -> str:
        return f"{self.request}/{self.seq}"

    @property
    def status_code(self) -> str:
        return self.result or "requested"

    def as_accepted(self) -> dict[str, Any]:
        """The message as the control API shows it."""
        return {
            "provider": "nhn",
            "messageId": self.message_id,
            "to": self.to,
            "from": self.send_no,
            "type": self.type,
            "subject": self.title or None,
            "text": self.text,
            "files": list(self.files),
            "senderGroupingKey": self.sender_key,
            "recipientGroupingKey": self.recipient_key,
            "at": written(self.created),
            "status": self.status_code,
        }


class File(NamedTuple):
    """A picture that was brought: its name, and until when it stays."""

    name: str
    until: float


@dataclass(eq=False, kw_only=True)
class App(Customer):
    """A customer of the SMS. Messages are in the order in which they came; `sent_in` counts them by month."""

    senders: frozenset[str] = frozenset()
    monthly_quota: int = 0
    blocks_duplicates: bool = False
    messages: list[Message] = field(default_factory=list)
    by_request: dict[str, list[Message]] = field(default_factory=dict)
    sent_in: Counter[str] = field(default_factory=Counter)
    files: dict[int, File] = field(default_factory=dict)


def register(apps: dict[str, App], spec: AppSpec) -> App:
    """Add an app, or change the given fields of the one that has this key."""
    app = apps.get(spec.app_key)
    given = spec.model_fields_set if app else AppSpec.model_fields.keys()
    if app is None:
        app = apps[spec.app_key] = App(app_key=spec.app_key, secret_key=spec.secret_key)
    for name in given:
        value = getattr(spec, name)
        setattr(app, name, frozenset(value) if name == "senders" else value)
    return app


def app_view(app: App) -> dict[str, Any]:
    """An app without its secrets."""
    return {
        "provider": "nhn",
        "appKey": app.app_key,
        "senders": sorted(app.senders),
        "monthlyQuota": app.monthly_quota,
        "webhookUrl": app.webhook_url,
        "messages": len(app.messages),
    }


def written(moment: float, form: str = "%Y-%m-%d %H:%M:%S.0") -> str:
    """A moment as this provider writes one: Korean time that does not say so."""
    return datetime.fromtimestamp(moment, KST).strftime(form)
