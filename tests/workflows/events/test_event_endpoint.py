"""on_subscription_event, given everything that may come: each has an end that can be seen, and holds up nothing."""

import asyncio
import base64
import datetime as dt
import io
import json
import logging
import unicodedata
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from shared.contracts.events import MAX_EVENT_BYTES
from shared.operations.dead_letters.letters import explain
from shared.platform.logs import JsonFormatter
from shared.platform.pubsub.push import MAX_PUSH_BYTES
from tests.clock import NOON
from tests.endpoints import Endpoint, running
from tests.world import World, event_fields

AGAIN = 503


@pytest.fixture(scope="module")
async def function(shared_world: World) -> AsyncIterator[Endpoint]:
    async with running("on_subscription_event", shared_world) as endpoint:
        yield endpoint


@pytest.fixture
async def tenant(world: World) -> str:
    return await world.tenant()


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What the product's logs say during the test, as they would stand in Cloud Logging."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(JsonFormatter())
    logging.getLogger("allim").addHandler(handler)
    yield text
    logging.getLogger("allim").removeHandler(handler)


def _count(world: World) -> int:
    count: int = world.rows("select count(*) as count from dead_letters")[0]["count"]
    return count


async def test_an_event_becomes_a_queued_message_and_a_ticket(function: Endpoint, world: World, tenant: str) -> None:
    assert await function.push(event_fields(tenant)) == 204
    [message] = world.messages(tenant)
    assert (message["status"], message["recipient"], message["variables"]) == (
        "queued",
        "01090004000",
        {"이름": "홍길동"},
    )
    [(topic, ticket)] = world.publisher.published
    assert (topic, ticket["messages"]) == ("send-requests", [str(message["id"])])
    assert world.dead_letters(tenant) == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not_json"),
        (b"hello", "not_json"),
        (b'{"specversion":"1.0",', "not_json"),
        (b"\xff\xfe\x00", "not_json"),
        ('{"id":"인코딩"}'.encode("cp949"), "not_json"),
        pytest.param(b'"\\ud800"', "not_json", id="half a letter-not_json"),
        (b"[" * 100_000, "not_json"),
        (b"null", "schema_violation"),
        (b"[]", "schema_violation"),
        (b"{}", "schema_violation"),
        (b'{"hello":"world"}', "schema_violation"),
    ],
)
async def test_what_is_no_cloud_event_is_a_dead_letter_with_the_reason(
    function: Endpoint, world: World, data: bytes, reason: str
) -> None:
    before = world.dead_letters(None)
    assert await function.push(data) == 204
    [(found, detail)] = world.dead_letters(None)[len(before) :]
    assert found == reason
    assert detail
    row = world.last_dead_letter()
    assert (row["body"], row["source"]) == (data, "on_subscription_event")


async def test_a_dead_letter_tells_in_plain_words_what_was_wrong_first(function: Endpoint, world: World) -> None:
    assert await function.push(b"{}") == 204
    assert world.dead_letters(None)[-1] == ("schema_violation", "specversion: is missing (and 6 more)")
    assert await function.push(b"hello") == 204
    assert world.dead_letters(None)[-1][1].startswith("the data is not JSON: expected value at line 1")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"null",
        b"[]",
        b"{}",
        b'{"message":null}',
        b'{"message":"text"}',
        b'{"message":{"data":"%%%"}}',
        b'{"message":{"data":7}}',
        b'{"message":{"data":{"a":1}}}',
        b"\x00",
        b"\xff",
        b"[" * 100_000,
    ],
)
async def test_what_is_no_push_is_a_dead_letter_and_acknowledged(function: Endpoint, world: World, body: bytes) -> None:
    before = _count(world)
    assert (await function.post(body)).status_code == 204
    assert _count(world) == before + 1
    row = world.last_dead_letter()
    assert row["body"] == body
    assert row["reason"] in ("not_json", "not_a_push")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"time": "2026-11-21T12:00:00"}, "time"),
        ({"time": "yesterday"}, "time"),
        ({"time": 1_763_686_800}, "time"),
        ({"time": "0001-01-01T00:00:00+09:00"}, "time"),
        ({"id": ""}, "id"),
        ({"id": "x" * 201}, "id"),
        ({"id": "a\x00b"}, ""),
        ({"type": None}, "type"),
        ({"data": None}, "data"),
        ({"data": {"customer": None}}, "data.customer"),
        ({"data": {"customer": {"id": "c-1", "name": "a\x00b"}}}, "data"),
        ({"data": {"customer": {"id": " \u200b"}}}, "data.customer.id"),
    ],
)
async def test_a_malformed_event_is_a_dead_letter_of_its_tenant_that_names_the_field(
    function: Endpoint, world: World, tenant: str, change: dict[str, Any], field: str
) -> None:
    assert await function.push(event_fields(tenant) | change) == 204
    [(reason, detail)] = world.dead_letters(tenant)
    assert reason == "schema_violation"
    assert detail.startswith(field)
    assert world.rows("select 1 from events where tenant = %s", tenant) == []


async def test_a_customer_is_one_however_the_id_was_typed(function: Endpoint, world: World, tenant: str) -> None:
    for number, id_ in enumerate(["홍-1", unicodedata.normalize("NFD", "홍-1"), " 홍-1\u200b", "홍-1\xa0"]):
        assert await function.push(event_fields(tenant, f"e-{number}", customer={"id": id_})) == 204
    assert world.rows("select id from customers where tenant = %s", tenant) == [{"id": "홍-1"}]
    told = "select distinct data #>> '{customer,id}' as id from events where tenant = %s"
    assert world.rows(told, tenant) == [{"id": "홍-1"}]


async def test_an_unknown_tenant_is_a_dead_letter(function: Endpoint, world: World) -> None:
    assert await function.push(event_fields("nobody")) == 204
    [(reason, detail)] = world.dead_letters("nobody")
    assert (reason, "nobody" in detail) == ("unknown_tenant", True)
    assert world.rows("select 1 from events where tenant = 'nobody'") == []


async def test_an_event_from_the_future_is_a_dead_letter_and_one_a_little_ahead_is_taken(
    function: Endpoint, world: World, tenant: str
) -> None:
    assert await function.push(event_fields(tenant, "e-1", time=NOON + dt.timedelta(hours=2))) == 204
    [(reason, _)] = world.dead_letters(tenant)
    assert reason == "future_time"
    assert await function.push(event_fields(tenant, "e-2", time=NOON + dt.timedelta(minutes=5))) == 204
    assert list(world.outcomes(tenant)) == ["e-2"]
    assert len(world.rows("select 1 from timers where tenant = %s", tenant)) == 1


async def test_an_event_from_long_ago_is_kept_and_its_message_expires(
    function: Endpoint, world: World, tenant: str
) -> None:
    assert await function.push(event_fields(tenant, time="1971-01-01T00:00:00Z")) == 204
    assert await world.claim_waiting(tenant) == []
    assert world.statuses(tenant) == [("expired", "too_late")]


async def test_an_event_of_an_unknown_type_is_legal_and_makes_nothing(
    function: Endpoint, world: World, tenant: str
) -> None:
    assert await function.push(event_fields(tenant, kind="planet.discovered")) == 204
    assert list(world.outcomes(tenant)) == ["e-1"]
    assert world.messages(tenant) == []
    assert world.dead_letters(tenant) == []


@pytest.mark.parametrize(
    ("customer", "reason"),
    [
        ({"phone": ...}, "missing_phone"),
        ({"phone": None}, "missing_phone"),
        ({"phone": ""}, "missing_phone"),
        pytest.param({"phone": "  "}, "missing_phone", id="blank"),
        pytest.param({"phone": "\u200b\xa0\u3000"}, "missing_phone", id="blank of another kind"),
        ({"phone": "없음"}, "invalid_phone"),
        ({"phone": "02-123-4567"}, "invalid_phone"),
        ({"phone": "010-9000-4000 / 010-9000-4001"}, "invalid_phone"),
        ({"name": None}, "missing_variable"),
        ({"name": ""}, "missing_variable"),
    ],
)
async def test_a_customer_who_cannot_be_told_has_a_failed_message_with_the_reason(
    function: Endpoint, world: World, tenant: str, customer: dict[str, Any], reason: str
) -> None:
    assert await function.push(event_fields(tenant, customer=customer)) == 204
    assert world.statuses(tenant) == [("failed", reason)]
    assert world.messages(tenant)[0]["detail"]
    assert world.rows("select 1 from outbox where tenant = %s", tenant) == []
    assert world.publisher.published == []


async def test_a_blank_phone_clears_the_one_that_was_known(function: Endpoint, world: World, tenant: str) -> None:
    assert await function.push(event_fields(tenant, "e-1", time=NOON)) == 204
    later = NOON + dt.timedelta(seconds=1)
    assert await function.push(event_fields(tenant, "e-2", time=later, customer={"phone": " "})) == 204
    assert world.rows("select phone from customers where tenant = %s", tenant) == [{"phone": None}]


@pytest.mark.parametrize(
    "phone",
    [
        "01090004000",
        "010 9000 4000",
        "+82-10-9000-4000",
        "0082 10 9000 4000",
        "０１０－９０００－４０００",
        "(010)9000.4000",
    ],
)
async def test_a_phone_in_any_korean_notation_is_understood(
    function: Endpoint, world: World, tenant: str, phone: str
) -> None:
    assert await function.push(event_fields(tenant, customer={"phone": phone})) == 204
    assert [row["recipient"] for row in world.messages(tenant)] == ["01090004000"]


async def test_words_that_carriers_cannot_write_are_taken_for_kakao_may(
    function: Endpoint, world: World, tenant: str
) -> None:
    assert await function.push(event_fields(tenant, customer={"name": "뷁😀₩"})) == 204
    assert world.statuses(tenant) == [("queued", None)]


@pytest.mark.parametrize(
    "named",
    [pytest.param("\ud800", id="half a pair"), pytest.param("\x00", id="NUL"), pytest.param("a" * 41, id="too long")],
)
async def test_too_large_an_event_of_what_can_be_no_tenant_is_nobodys_dead_letter(
    function: Endpoint, world: World, named: str
) -> None:
    large = json.dumps({"tenant": named, "note": "a" * MAX_EVENT_BYTES})
    assert await function.push(large.encode()) == 204
    letter = world.last_dead_letter()
    assert (letter["reason"], letter["tenant"]) == ("too_large", None)


async def test_data_over_256_kib_is_a_dead_letter_and_below_it_is_kept(
    function: Endpoint, world: World, tenant: str
) -> None:
    large = event_fields(tenant, "e-large", note="가" * 350_000)
    assert await function.push(large) == 204
    assert [reason for reason, _ in world.dead_letters(tenant)] == ["too_large"]
    assert world.outcomes(tenant) == {}
    assert await function.push(event_fields(tenant, "e-fits", note="가" * 80_000)) == 204
    assert list(world.outcomes(tenant)) == ["e-fits"]


async def test_a_body_that_no_push_has_is_refused_before_it_is_read(function: Endpoint) -> None:
    assert (await function.post(b"x" * (MAX_PUSH_BYTES + 1))).status_code == 413

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1_000_000

    assert (await function.client.post("/", content=endless())).status_code == 413


async def test_an_event_is_kept_as_it_came_and_understood_as_it_was_meant(function: Endpoint, world: World) -> None:
    pieces = unicodedata.normalize("NFD", "픽업")
    rule = {
        "name": "greet",
        "on": "subscription.signup",
        "where": {"data.종류": "픽업"},
        "steps": [{"send": "welcome", "route": "sms_only"}],
    }
    tenant = await world.tenant(rule)
    customer = {"name": unicodedata.normalize("NFD", "홍") + "\xa0길동\u200b"}
    told = event_fields(tenant, customer=customer, **{unicodedata.normalize("NFD", "종류"): pieces})
    assert await function.push(told) == 204
    [message] = world.messages(tenant)
    assert (message["status"], message["variables"]) == ("queued", {"이름": "홍 길동"})
    [kept] = world.rows("select data from events where tenant = %s", tenant)
    assert kept["data"][unicodedata.normalize("NFD", "종류")] == pieces
    [person] = world.rows("select name from customers where tenant = %s", tenant)
    assert person["name"] == "홍 길동"


async def test_half_of_a_pair_in_base64_is_a_dead_letter_and_not_tried_for_ever(
    function: Endpoint, world: World, tenant: str
) -> None:
    told = event_fields(tenant)
    told["data_base64"] = base64.b64encode(json.dumps({**told.pop("data"), "note": "\ud83d"}).encode()).decode()
    assert await function.push(told) == 204
    assert world.messages(tenant) == []
    [(reason, detail)] = world.dead_letters(tenant)
    assert reason == "schema_violation"
    assert "surrogate pair" in detail


@pytest.mark.parametrize("levels", [180, 195, 300, 900, 5_000])
@pytest.mark.parametrize("in_base64", [False, True])
async def test_brackets_within_brackets_are_kept_or_refused_and_not_tried_for_ever(
    function: Endpoint, world: World, tenant: str, levels: int, in_base64: bool
) -> None:
    told = event_fields(tenant)
    deep = "[" * levels + "]" * levels
    data = json.dumps(told.pop("data"))[:-1] + f', "deep": {deep}}}'
    field = f'"data_base64": "{base64.b64encode(data.encode()).decode()}"' if in_base64 else f'"data": {data}'
    letters = len(world.rows("select 1 from dead_letters"))
    assert await function.push(f"{json.dumps(told)[:-1]}, {field}}}".encode()) == 204
    assert len(world.messages(tenant)) == (levels < 190)
    assert len(world.rows("select 1 from dead_letters")) - letters == (levels >= 190)


@pytest.mark.parametrize(
    "value",
    [
        10**60,
        -(10**4_000),
        0.1,
        pytest.param("\\u0000 as six characters", id="the escape of U+0000 as six characters"),
        "'; drop table messages; --",
        '{"quoted": "\\"}',
        "𝒳 가 \u200b \u202e \ufeff",
        {"": {"": [[], {}, [None, True]]}},
        ["[" * 50],
    ],
)
async def test_strange_but_legal_data_is_kept_as_it_is(
    function: Endpoint, world: World, tenant: str, value: Any
) -> None:
    await world.tenant()
    assert await function.push(event_fields(tenant, strange=value)) == 204
    assert world.dead_letters(tenant) == []
    [row] = world.rows("select data -> 'strange' as strange from events where tenant = %s", tenant)
    assert row["strange"] == value
    assert world.statuses(tenant) == [("queued", None)]


async def test_data_nested_as_deep_as_json_readers_go_is_kept(function: Endpoint, world: World, tenant: str) -> None:
    fields = json.dumps(event_fields(tenant, deep="HERE")).replace('"HERE"', "[" * 190 + "]" * 190)
    assert await function.push(fields.encode()) == 204
    assert world.statuses(tenant) == [("queued", None)]


async def test_attributes_of_any_kind_are_kept_with_a_dead_letter(function: Endpoint, world: World) -> None:
    strange = {"nul": "a\x00b", "six": "\\u0000", "quote": '"\\', "korean": "가", "number": 7}
    before = world.dead_letters(None)
    assert await function.push(b"nonsense", **strange) == 204
    assert len(world.dead_letters(None)) == len(before) + 1
    row = world.last_dead_letter()
    assert row["attributes"] == strange | {"nul": "a\\0b", "number": "7"}


async def test_an_event_that_comes_twice_speaks_once(function: Endpoint, world: World, tenant: str) -> None:
    for _ in range(3):
        assert await function.push(event_fields(tenant)) == 204
    assert len(world.messages(tenant)) == 1
    assert len(world.publisher.published) == 1


async def test_an_event_that_comes_twice_at_once_speaks_once(function: Endpoint, world: World, tenant: str) -> None:
    statuses = await asyncio.gather(*(function.push(event_fields(tenant)) for _ in range(20)))
    assert statuses == [204] * 20
    assert len(world.messages(tenant)) == 1
    published = [id_ for _, ticket in world.publisher.published for id_ in ticket["messages"]]
    assert published == [str(world.messages(tenant)[0]["id"])]


async def test_bad_events_do_not_hold_up_good_ones_that_come_with_them(
    function: Endpoint, world: World, tenant: str
) -> None:
    good = [event_fields(tenant, f"e-{number}", customer={"id": f"c-{number}"}) for number in range(10)]
    bad: list[Any] = [
        b"nonsense",
        event_fields("nobody"),
        event_fields(tenant, "bad-1", time=NOON + dt.timedelta(days=1)),
        event_fields(tenant, "bad-2", customer={"phone": "x"}),
        event_fields(tenant, "bad-3") | {"data": {}},
    ]
    mixed = [each for pair in zip(good, bad * 2, strict=True) for each in pair]
    assert await asyncio.gather(*map(function.push, mixed)) == [204] * 20
    statuses = [status for status, _ in world.statuses(tenant)]
    assert statuses.count("queued") == 10
    assert statuses.count("failed") == 1


async def test_without_pubsub_the_message_waits_in_the_outbox(function: Endpoint, world: World, tenant: str) -> None:
    world.publisher.away = True
    assert await function.push(event_fields(tenant)) == 204
    assert len(world.rows("select 1 from outbox where tenant = %s", tenant)) == 1


async def test_while_the_database_is_away_an_event_is_asked_for_again_and_then_taken(
    function: Endpoint, world: World, tenant: str
) -> None:
    with world.out_of_reach("allim_events"):
        assert await function.push(event_fields(tenant)) == AGAIN
        assert await function.push(b"nonsense") == AGAIN
    assert await function.push(event_fields(tenant)) == 204
    assert len(world.messages(tenant)) == 1


async def test_no_log_tells_whom_or_what(function: Endpoint, world: World, tenant: str, logged: io.StringIO) -> None:
    bad = event_fields(tenant, "e-2") | {"time": "never"}
    for data in (
        event_fields(tenant),
        bad,
        event_fields("nobody"),
        event_fields(tenant, "e-3", customer={"name": None}),
    ):
        assert await function.push(data) == 204
    with world.out_of_reach("allim_events"):
        assert await function.push(event_fields(tenant, "e-4")) == AGAIN
    told = logged.getvalue()
    assert "schema_violation" in told
    assert "asking for it again" in told
    for private in ("9000", "홍길동"):
        assert private not in told


async def test_the_same_id_with_other_contents_is_kept_for_a_person_and_the_first_event_stays(
    function: Endpoint, world: World, tenant: str
) -> None:
    first = event_fields(tenant, count=1)
    assert [await function.push(each) for each in (first, event_fields(tenant, count=2), first)] == [204] * 3
    assert [reason for reason, _ in world.dead_letters(tenant)] == ["conflicting_event"]
    assert [row["data"]["count"] for row in world.rows("select data from events where tenant = %s", tenant)] == [1]
    assert len(world.messages(tenant)) == 1
    explained = explain("conflicting_event")
    assert ("under a new id" in explained.means, "새 id로" in explained.means_ko, explained.helps) == (
        True,
        True,
        False,
    )
