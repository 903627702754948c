"""What a SaaS tells Allim: a subscription event, as CloudEvents 1.0 JSON."""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from shared.contracts.text import clean, clean_id, cleaned
from shared.contracts.values import Identifier, Moment, TenantId, refused, storable

MAX_EVENT_BYTES = 256 * 1024
"""A larger event is a dead letter: data of that size belongs in storage, with its address in the event."""

FUTURE_TOLERANCE = dt.timedelta(hours=1)
"""An event from further ahead is refused: as the newest word on its run it would silence every true one after it."""

CustomerId = Annotated[Identifier, BeforeValidator(lambda given: clean_id(given) if isinstance(given, str) else given)]


def _blank_is_none(text: str | None) -> str | None:
    return text if text and clean_id(text) else None


MOST_DEVICES, LONGEST_TOKEN = 50, 4_096
"""Of a customer, and characters of one; nobody has more in use, and no maker's is longer."""

_BETWEEN_TOKENS = re.compile(r"[\s,;|]+")


def tokens_of(given: Any) -> Any:
    """The tokens in a cell of a file; what is no text stays as it is. Each once."""
    if isinstance(given, str):
        given = [token for token in _BETWEEN_TOKENS.split(given) if token]
    if isinstance(given, list) and all(isinstance(token, str) for token in given):
        return list(dict.fromkeys(clean_id(token) for token in given))
    return given


Token = Annotated[str, Field(min_length=1, max_length=LONGEST_TOKEN), AfterValidator(storable)]


class CustomerSnapshot(BaseModel):
    """A customer as the source knew them when the event happened. What is absent says nothing; null clears.

    `phone` is taken in any Korean notation; it is normalised when a message needs it, so that an event with a bad
    number is still an event; a blank one is null. Each of the `attributes` is a word of its own. `devices` are the push
    tokens of all the customer's devices. `id` is clean, so that a customer is one however the id was typed.
    """

    model_config = ConfigDict(extra="ignore")

    id: CustomerId
    name: str | None = Field(default=None, max_length=200)
    phone: Annotated[str | None, AfterValidator(_blank_is_none)] = Field(default=None, max_length=60)
    email: str | None = Field(default=None, max_length=320)
    company: str | None = Field(default=None, max_length=200)
    status: str | None = Field(default=None, max_length=60)
    plan: str | None = Field(default=None, max_length=60)
    locale: str | None = Field(default=None, max_length=20)
    attributes: dict[str, Any] | None = None
    devices: Annotated[Annotated[list[Token], Field(max_length=MOST_DEVICES)] | None, BeforeValidator(tokens_of)] = None

    @cached_property
    def told(self) -> dict[str, Any]:
        """What the source says, null included, and nothing of what it leaves out; every text and name in it clean.
        Of devices see `told_devices`."""
        said = self.model_fields_set - {"id", "devices"}
        return {name: cleaned(value) for name, value in self.__dict__.items() if name in said}

    @property
    def told_devices(self) -> list[str] | None:
        """All the customer's devices; None where the source says nothing of them."""
        return (self.devices or []) if "devices" in self.model_fields_set else None


class EventData(BaseModel):
    """`customer` and whatever else the source wants workflows to see."""

    model_config = ConfigDict(extra="allow")

    customer: CustomerSnapshot


class SubscriptionEvent(BaseModel):
    """CloudEvents 1.0 in JSON (https://github.com/cloudevents/spec), with `tenant` as an extension attribute.

    An unknown `type` is a legal event that matches no workflow.
    """

    model_config = ConfigDict(extra="ignore")

    specversion: Literal["1.0"]
    id: Identifier
    source: Identifier
    type: Identifier
    time: Moment = Field(description="When it happened, RFC 3339 with an offset; naive times are refused.")
    tenant: TenantId
    subject: str | None = Field(default=None, max_length=500)
    data: Annotated[EventData, BeforeValidator(storable)]

    @model_validator(mode="before")
    @classmethod
    def _open_base64(cls, event: Any) -> Any:
        """CloudEvents' JSON format, section 3.1.1: data that were bytes come as `data_base64`; ours are JSON."""
        if not isinstance(event, dict) or "data_base64" not in event:
            return event
        if "data" in event:
            raise refused("has both data and data_base64; write one of them", "data와 data_base64 중 하나만 쓰세요.")
        try:
            data = json.loads(base64.b64decode(event["data_base64"], validate=True))
        except (TypeError, ValueError, RecursionError) as error:
            raise refused(
                f"data_base64 is no JSON in base64: {error}", "data_base64가 base64로 쓴 JSON이 아닙니다."
            ) from error
        return {name: value for name, value in event.items() if name != "data_base64"} | {"data": data}

    @model_validator(mode="after")
    def _check_names(self) -> SubscriptionEvent:
        for value in (self.id, self.source, self.type, self.subject):
            storable(value)
        return self

    @property
    def customer(self) -> CustomerSnapshot:
        return self.data.customer

    @cached_property
    def fields(self) -> dict[str, Any]:
        """`data` without the customer: what the paths `data.…` of workflows and templates reach, every text and name in
        it clean. (The event itself is kept as it came, but for its customer's id.)"""
        return {clean(name): cleaned(value) for name, value in (self.data.model_extra or {}).items()}

    @cached_property
    def time_utc(self) -> dt.datetime:
        return self.time.astimezone(dt.UTC)
