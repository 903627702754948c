"""What a SaaS tells Allim: a subscription event, as CloudEvents 1.0 JSON."""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from shared.contracts.text import clean, clean_id, cleaned

MAX_EVENT_BYTES = 256 * 1024
"""A larger event is a dead letter: data of that size belongs in storage, with its address in the event."""

FUTURE_TOLERANCE = dt.timedelta(hours=1)
"""An event from further ahead is refused: as the newest word on its run it would silence every true one after it."""

NUL = "\x00"
YEARS = range(1970, 9_990)
"""Those of a usable moment: years of steps and time zones fit on either side, in Python and in Postgres."""

_HALF_A_PAIR = re.compile("[\ud800-\udfff]")
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d", re.ASCII)


def _refused(detail: str, korean: str) -> PydanticCustomError:
    """What a validator raises, in both languages: `shared.platform.errors` tells it."""
    return PydanticCustomError("refused", "{detail}", {"detail": detail, "ko": korean})


TENANT_ID = r"^[a-z][a-z0-9-]{1,39}$"
TenantId = Annotated[str, Field(pattern=TENANT_ID)]
Identifier = Annotated[str, Field(min_length=1, max_length=200)]
CustomerId = Annotated[Identifier, BeforeValidator(lambda given: clean_id(given) if isinstance(given, str) else given)]


def _rfc_3339(value: Any) -> Any:
    """A bare number could be seconds or milliseconds, and is what CloudEvents does not allow."""
    if isinstance(value, dt.datetime) or (isinstance(value, str) and _RFC_3339.match(value)):
        return value
    raise _refused(
        "is no RFC 3339 time; write for example 2026-11-21T10:00:00+09:00",
        "RFC 3339 시각이 아닙니다. 예: 2026-11-21T10:00:00+09:00",
    )


def _in_range(moment: dt.datetime) -> dt.datetime:
    if moment.year not in YEARS:
        raise _refused(
            f"the year must be between {YEARS[0]} and {YEARS[-1]}",
            f"연도는 {YEARS[0]}년부터 {YEARS[-1]}년까지 쓸 수 있습니다.",
        )
    return moment


Moment = Annotated[AwareDatetime, BeforeValidator(_rfc_3339), AfterValidator(_in_range)]


def _blank_is_none(text: str | None) -> str | None:
    return text if text and clean_id(text) else None


MOST_LEVELS = 195
"""Of brackets within brackets: who reads JSON reads no more than 200, those around `data` among them."""


def storable(value: Any, levels: int = MOST_LEVELS) -> Any:
    """Postgres stores no NUL and no half of a surrogate pair in text or jsonb, and JSON has no word for a number that
    is none: an event that holds one could never be kept whole. Nor one that is deeper than `levels`."""
    if not levels and isinstance(value, (dict, list)):
        raise _refused(f"has more than {MOST_LEVELS} brackets within brackets", "괄호가 너무 깊습니다.")
    if isinstance(value, str):
        if NUL in value:
            raise _refused("holds a NUL character, which cannot be stored", "저장할 수 없는 NUL 문자가 있습니다.")
        if not value.isascii() and _HALF_A_PAIR.search(value):
            raise _refused(
                "holds half of a surrogate pair, which is no character and cannot be stored",
                "저장할 수 없는 깨진 문자가 있습니다.",
            )
    elif isinstance(value, dict):
        for key, item in value.items():
            storable(key)
            storable(item, levels - 1)
    elif isinstance(value, list):
        for item in value:
            storable(item, levels - 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise _refused(
            "holds a number that is infinite or none at all, which cannot be stored",
            "무한대이거나 숫자가 아닌 값은 저장할 수 없습니다.",
        )
    return value


class CustomerSnapshot(BaseModel):
    """A customer as the source knew them when the event happened. What is absent says nothing; null clears.

    `phone` is taken in any Korean notation; it is normalised when a message needs it, so that an event with a bad
    number is still an event; a blank one is null. Each of the `attributes` is a word of its own. `id` is clean, so
    that a customer is one however the id was typed.
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

    @property
    def told(self) -> dict[str, Any]:
        """What the source says, null included, and nothing of what it leaves out; every text and name in it clean."""
        said = self.model_fields_set - {"id"}
        return {name: cleaned(value) for name, value in self.__dict__.items() if name in said}


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
            raise _refused("has both data and data_base64; write one of them", "data와 data_base64 중 하나만 쓰세요.")
        try:
            data = json.loads(base64.b64decode(event["data_base64"], validate=True))
        except (TypeError, ValueError, RecursionError) as error:
            raise _refused(
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

    def fields(self) -> dict[str, Any]:
        """`data` without the customer: what the paths `data.…` of workflows and templates reach, every text and name in
        it clean. (The event itself is kept as it came, but for its customer's id.)"""
        return {clean(name): cleaned(value) for name, value in (self.data.model_extra or {}).items()}

    @property
    def time_utc(self) -> dt.datetime:
        return self.time.astimezone(dt.UTC)
