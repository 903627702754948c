"""An event is the same event in a push, as a CloudEvent of its own, or in one that Eventarc wraps around a push."""

import base64
import codecs
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.endpoints import Endpoint, push_of, running
from tests.world import SOURCE, World, event_fields


@pytest.fixture(scope="module")
async def function(shared_world: World) -> AsyncIterator[Endpoint]:
    async with running("on_subscription_event", shared_world) as endpoint:
        yield endpoint


@pytest.fixture
async def tenant(shared_world: World) -> str:
    return await shared_world.tenant()


def _structured(fields: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    return json.dumps(fields).encode(), {"content_type": "application/cloudevents+json; charset=utf-8"}


def _binary(fields: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    attributes = {f"ce_{name}": quote(value, safe="/:+#") for name, value in fields.items() if name != "data"}
    return json.dumps(fields["data"]).encode(), attributes | {"content_type": "application/json"}


def _pubsub_binary(fields: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    attributes = {f"ce-{name}": value for name, value in fields.items() if name != "data"}
    return push_of(json.dumps(fields["data"]).encode(), **attributes, **{"content-type": "application/json"}), {}


def _base64(fields: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    data = base64.b64encode(json.dumps(fields["data"]).encode()).decode()
    return _structured({name: value for name, value in fields.items() if name != "data"} | {"data_base64": data})


def _eventarc_binary(fields: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    headers = {"ce_id": "1", "ce_source": "//pubsub.googleapis.com/projects/p/topics/t", "ce_specversion": "1.0"}
    kind = {"ce_type": "google.cloud.pubsub.topic.v1.messagePublished", "content_type": "application/json"}
    return push_of(json.dumps(fields).encode()), headers | kind


def _eventarc_structured(fields: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    wrapped = {
        "specversion": "1.0",
        "id": "1",
        "source": "//pubsub.googleapis.com/projects/p/topics/t",
        "type": "google.cloud.pubsub.topic.v1.messagePublished",
        "data": {"message": {"data": base64.b64encode(json.dumps(fields).encode()).decode()}},
    }
    return json.dumps(wrapped).encode(), {"content_type": "Application/CloudEvents+JSON"}


@pytest.mark.parametrize(
    "wrap", [_structured, _binary, _base64, _pubsub_binary, _eventarc_binary, _eventarc_structured]
)
async def test_an_event_is_the_same_however_it_is_wrapped(
    function: Endpoint, shared_world: World, tenant: str, wrap: Any
) -> None:
    other = await shared_world.tenant()
    data: dict[str, Any] = {"count": 10**30 + 1, "ratio": 0.1, "글": "내용", "list": [1, None, {"x": 2.0}]}
    assert await function.push(event_fields(tenant, "이벤트 1%", **data)) == 204
    body, headers = wrap(event_fields(other, "이벤트 1%", **data))
    assert (await function.post(body, **headers)).status_code == 204
    kept = "select id, source, type, time, data::text from events where tenant = %s"
    assert shared_world.rows(kept, other) == shared_world.rows(kept, tenant) != []
    assert shared_world.statuses(other) == shared_world.statuses(tenant) == [("queued", None)]
    assert shared_world.rows(kept, other)[0]["source"] == SOURCE


def _marked_in_push(fields: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    return push_of(codecs.BOM_UTF8 + json.dumps(fields).encode()), {}


def _marked_in_pubsub_binary(fields: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    attributes = {f"ce-{name}": value for name, value in fields.items() if name != "data"}
    return push_of(codecs.BOM_UTF8 + json.dumps(fields["data"]).encode(), **attributes), {}


def _marked_in_base64(fields: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    data = base64.b64encode(codecs.BOM_UTF8 + json.dumps(fields["data"]).encode()).decode()
    return _structured({name: value for name, value in fields.items() if name != "data"} | {"data_base64": data})


@pytest.mark.parametrize("wrap", [_structured, _binary, _eventarc_binary, _eventarc_structured])
async def test_a_byte_order_mark_is_no_part_of_a_request(
    function: Endpoint, shared_world: World, tenant: str, wrap: Any
) -> None:
    body, headers = wrap(event_fields(tenant, "이벤트 1%"))
    assert (await function.post(codecs.BOM_UTF8 + body, **headers)).status_code == 204
    assert shared_world.statuses(tenant) == [("queued", None)]


@pytest.mark.parametrize("wrap", [_marked_in_push, _marked_in_pubsub_binary, _marked_in_base64])
async def test_a_byte_order_mark_is_no_part_of_an_event(
    function: Endpoint, shared_world: World, tenant: str, wrap: Any
) -> None:
    body, headers = wrap(event_fields(tenant, "이벤트 1%"))
    assert (await function.post(body, **headers)).status_code == 204
    assert shared_world.statuses(tenant) == [("queued", None)]


@pytest.mark.parametrize("wrap", [_structured, _binary])
async def test_a_malformed_native_cloud_event_is_a_dead_letter_too(
    function: Endpoint, shared_world: World, tenant: str, wrap: Any
) -> None:
    body, headers = wrap(event_fields(tenant) | {"time": "2026-11-21T12:00:00"})
    assert (await function.post(body, **headers)).status_code == 204
    assert [reason for reason, _ in shared_world.dead_letters(tenant)] == ["schema_violation"]
    before = len(shared_world.rows("select 1 from dead_letters"))
    assert (await function.post(b"{nonsense", **headers)).status_code == 204
    assert len(shared_world.rows("select 1 from dead_letters")) == before + 1


@pytest.mark.parametrize(
    "wrong", [{"data_base64": "%%"}, {"data_base64": "bm8="}, {"data_base64": 1}, {"data_base64": "e30="}]
)
async def test_data_that_can_not_be_opened_is_a_dead_letter_that_says_so(
    function: Endpoint, shared_world: World, tenant: str, wrong: dict[str, Any]
) -> None:
    fields = event_fields(tenant)
    told = {**fields, **wrong} if wrong["data_base64"] == "e30=" else {**fields, **wrong, "data": ...}
    assert await function.push({name: value for name, value in told.items() if value is not ...}) == 204
    [(reason, detail)] = shared_world.dead_letters(tenant)
    assert reason == "schema_violation"
    assert "data_base64" in detail


async def test_a_dead_letter_in_binary_mode_is_the_whole_event_and_can_be_replayed(
    function: Endpoint, shared_world: World, tenant: str
) -> None:
    body, headers = _pubsub_binary(event_fields(tenant) | {"time": "2026-11-21T12:00:00"})
    assert (await function.post(body, **headers)).status_code == 204
    letter = shared_world.last_dead_letter()
    assert (letter["tenant"], letter["reason"]) == (tenant, "schema_violation")
    mended = json.loads(letter["body"]) | {"time": "2026-11-21T12:00:00+09:00"}
    assert await function.push(mended, **letter["attributes"]) == 204
    assert shared_world.statuses(tenant) == [("queued", None)]
