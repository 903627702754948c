"""What a contract refuses is told in plain words of both languages, and in none of pydantic's."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from shared.contracts.events import SubscriptionEvent
from shared.platform.errors import misfits

GOOD: dict[str, Any] = {
    "specversion": "1.0",
    "id": "evt-1",
    "source": "//shop",
    "type": "subscription.signup",
    "time": "2026-11-21T10:00:00+09:00",
    "tenant": "saas",
    "data": {"customer": {"id": "c-1"}},
}


def _told(data: str) -> list[str]:
    with pytest.raises(ValidationError) as refused:
        SubscriptionEvent.model_validate_json(data)
    return [misfit.both for misfit in misfits(refused.value)]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"time": "soon"}, "time: is no RFC 3339 time; write for example 2026-11-21T10:00:00+09:00 (RFC 3339 시각이"),
        ({"time": "2026-11-21T10:00:00"}, "time: has no time zone; write for example 2026-11-21T10:00:00+09:00 ("),
        ({"time": "2026-13-41T10:00:00Z"}, "time: is no time that there is; write for example 2026-11-21T10"),
        ({"time": "0001-01-01T00:00:00Z"}, "time: the year must be between 1970 and 9989 (연도는"),
        ({"specversion": "0.3"}, "specversion: must be '1.0' (쓸 수 있는 값: '1.0')"),
        ({"id": ""}, "id: has no value (값이 비어"),
        ({"id": "x" * 201}, "id: is too long: 200 at most (너무 깁니다"),
        ({"id": 1}, "id: takes text, and has something else (글 자리입니다.)"),
        ({"tenant": "NOT OK"}, "tenant: 'NOT OK' won't do; write 2 to 40 of a-z, 0-9 and -, the first a letter (영문"),
        ({"data": {}}, "data.customer: is missing (빠졌습니다.)"),
        ({"data": None}, "data: takes keys and values, and has something else (`항목: 값` 자리입니다.)"),
        ({"subject": "a\x00b"}, "holds a NUL character, which cannot be stored (저장할 수 없는 NUL"),
        ({"data_base64": "e30="}, "has both data and data_base64; write one of them (data와 data_base64 중"),
    ],
    ids=[
        "no time",
        "no time zone",
        "no such day",
        "a year out of range",
        "another version",
        "nothing",
        "too long",
        "a number for text",
        "a bad tenant",
        "no customer",
        "no data",
        "a NUL",
        "both datas",
    ],
)
def test_each_fault_is_a_plain_sentence_in_both_languages(change: dict[str, Any], told: str) -> None:
    [found] = _told(json.dumps(GOOD | change))
    assert found.startswith(told)


@pytest.mark.parametrize("data", ["{}", "[]", "null", "{broken", "7", '{"data": [], "time": [], "id": {}}'])
def test_no_word_of_pydantic_is_told(data: str) -> None:
    for told in _told(data):
        assert not any(word in told for word in ("Value error", "Input should", "Field required", "Invalid JSON"))
        assert any("가" <= letter <= "힣" for letter in told)
