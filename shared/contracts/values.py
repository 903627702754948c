"""What several contracts hold: names, moments, and what can be stored at all."""

from __future__ import annotations

import datetime as dt
import math
import re
from itertools import filterfalse
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field
from pydantic_core import PydanticCustomError

NUL = "\x00"
YEARS = range(1970, 9_990)
"""Those of a usable moment: years of steps and time zones fit on either side, in Python and in Postgres."""

_HALF_A_PAIR = re.compile("[\ud800-\udfff]")
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d", re.ASCII)


def refused(detail: str, korean: str) -> PydanticCustomError:
    """What a validator raises, in both languages: `shared.platform.errors` tells it."""
    return PydanticCustomError("refused", "{detail}", {"detail": detail, "ko": korean})


TENANT_ID = r"^[a-z][a-z0-9-]{1,39}$"
TenantId = Annotated[str, Field(pattern=TENANT_ID)]
Identifier = Annotated[str, Field(min_length=1, max_length=200)]


def _rfc_3339(value: Any) -> Any:
    """A bare number could be seconds or milliseconds, and is what CloudEvents does not allow."""
    if isinstance(value, dt.datetime) or (isinstance(value, str) and _RFC_3339.match(value)):
        return value
    raise refused(
        "is no RFC 3339 time; write for example 2026-11-21T10:00:00+09:00",
        "RFC 3339 시각이 아닙니다. 예: 2026-11-21T10:00:00+09:00",
    )


def _in_range(moment: dt.datetime) -> dt.datetime:
    if moment.year not in YEARS:
        raise refused(
            f"the year must be between {YEARS[0]} and {YEARS[-1]}",
            f"연도는 {YEARS[0]}년부터 {YEARS[-1]}년까지 쓸 수 있습니다.",
        )
    return moment


Moment = Annotated[AwareDatetime, BeforeValidator(_rfc_3339), AfterValidator(_in_range)]


def _plain(value: Any) -> bool:
    """Whether it is a text of printable ASCII, as most are: nothing is wrong with it."""
    return isinstance(value, str) and value.isascii() and value.isprintable()


MOST_LEVELS = 195
"""Of brackets within brackets: who reads JSON reads no more than 200, those around `data` among them."""


def storable(value: Any, levels: int = MOST_LEVELS) -> Any:
    """Postgres stores no NUL and no half of a surrogate pair in text or jsonb, and JSON has no word for a number that
    is none: an event that holds one could never be kept whole. Nor one that is deeper than `levels`."""
    if not levels and isinstance(value, (dict, list)):
        raise refused(f"has more than {MOST_LEVELS} brackets within brackets", "괄호가 너무 깊습니다.")
    if isinstance(value, str):
        if NUL in value:
            raise refused("holds a NUL character, which cannot be stored", "저장할 수 없는 NUL 문자가 있습니다.")
        if not value.isascii() and _HALF_A_PAIR.search(value):
            raise refused(
                "holds half of a surrogate pair, which is no character and cannot be stored",
                "저장할 수 없는 깨진 문자가 있습니다.",
            )
    elif isinstance(value, dict):
        for item in filterfalse(_plain, (*value, *value.values())):
            storable(item, levels - 1)
    elif isinstance(value, list):
        for item in filterfalse(_plain, value):
            storable(item, levels - 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise refused(
            "holds a number that is infinite or none at all, which cannot be stored",
            "무한대이거나 숫자가 아닌 값은 저장할 수 없습니다.",
        )
    return value
