import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from pydantic import ValidationError

from shared.contracts.events import SubscriptionEvent
from shared.contracts.export import CONTRACTS, FOLDER, render

EXAMPLE: dict[str, Any] = {
    "specversion": "1.0",
    "id": "evt-1",
    "source": "//shop.example/billing",
    "type": "subscription.signup",
    "time": "2026-11-21T10:00:00+09:00",
    "tenant": "saas",
    "data": {
        "customer": {
            "id": "c-1",
            "name": "홍길동",
            "phone": "010-9000-4000",
            "email": None,
            "company": "길동상회",
            "status": "active",
            "plan": "premium",
            "locale": "ko",
            "attributes": {},
        },
        "coupon": {"code": "WELCOME", "won": 5000},
    },
}


class Missing:
    """Stands for the value of a field that is not there."""


def _schema(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return schema


def _changed(path: str, value: Any) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(json.dumps(EXAMPLE))
    *parents, last = path.split(".")
    holder = event
    for parent in parents:
        holder = holder[parent]
    if value is Missing:
        del holder[last]
    else:
        holder[last] = value
    return event


@pytest.mark.parametrize("name", CONTRACTS)
def test_the_written_schema_is_current(name: str) -> None:
    assert (FOLDER / f"{name}.json").read_text() == render(name), "run: python -m shared.contracts.export"


def test_no_schema_is_left_over() -> None:
    assert sorted(path.stem for path in FOLDER.iterdir()) == sorted(CONTRACTS)


@pytest.mark.parametrize("name", CONTRACTS)
def test_the_written_schema_is_valid_json_schema_with_a_name_and_a_title(name: str) -> None:
    schema = _schema(name)
    assert jsonschema.validators.validator_for(schema) is jsonschema.Draft202012Validator
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"{name}.json"
    assert schema["title"]
    assert schema["description"]


def test_the_example_satisfies_the_schema_and_the_code() -> None:
    jsonschema.Draft202012Validator(_schema("subscription-event")).validate(EXAMPLE)
    event = SubscriptionEvent.model_validate_json(json.dumps(EXAMPLE))
    assert event.customer.name == "홍길동"
    assert event.fields == {"coupon": {"code": "WELCOME", "won": 5000}}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("specversion", "0.3"),
        ("id", ""),
        ("id", Missing),
        ("id", "x" * 201),
        ("source", Missing),
        ("type", None),
        ("tenant", Missing),
        ("tenant", "Saas"),
        ("tenant", "saas "),
        ("time", Missing),
        ("time", 1_763_686_800),
        ("data", Missing),
        ("data", "{}"),
        ("data.customer", Missing),
        ("data.customer.id", Missing),
        ("data.customer.id", 7),
        ("data.customer.phone", "0" * 61),
        ("data.customer.attributes", []),
    ],
)
def test_what_the_schema_refuses_the_code_refuses_too(path: str, value: Any) -> None:
    event = _changed(path, value)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(_schema("subscription-event")).validate(event)
    with pytest.raises(ValidationError):
        SubscriptionEvent.model_validate_json(json.dumps(event))


@pytest.mark.parametrize(
    "time",
    [
        "2026-11-21T10:00:00",  # naive: nobody knows which moment
        "2026-11-21",
        "1763686800",
        "today",
        "0001-01-01T00:00:00+09:00",  # in UTC it is before the first year that there is
        "1969-12-31T23:59:59Z",
        "9999-12-31T23:59:59-12:00",
    ],
)
def test_an_event_without_a_usable_moment_is_refused(time: str) -> None:
    with pytest.raises(ValidationError) as refused:
        SubscriptionEvent.model_validate(_changed("time", time))
    assert [error["loc"] for error in refused.value.errors()] == [("time",)]


@pytest.mark.parametrize("written", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_a_number_that_json_has_no_word_for_is_refused(written: str) -> None:
    text = json.dumps(EXAMPLE).replace("5000", written)
    with pytest.raises(ValidationError, match="number"):
        SubscriptionEvent.model_validate_json(text)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", "a\0b"),
        ("source", "a\0b"),
        ("type", "a\0b"),
        ("data.customer.name", "a\0b"),
        ("data.coupon", {"a\0b": 1}),
        ("data.coupon", [["a\0b"]]),
    ],
)
def test_a_nul_which_postgres_cannot_store_is_refused_wherever_it_stands(path: str, value: Any) -> None:
    with pytest.raises(ValidationError, match="NUL"):
        SubscriptionEvent.model_validate_json(json.dumps(_changed(path, value)))


@pytest.mark.parametrize("digits", [19, 60, 4_000])
def test_a_whole_number_of_any_length_is_kept_exactly(digits: int) -> None:
    number = int("9" * digits)
    event = SubscriptionEvent.model_validate_json(json.dumps(_changed("data.coupon", number)))
    assert json.loads(event.data.model_dump_json())["coupon"] == number
