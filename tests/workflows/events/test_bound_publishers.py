"""A publisher that is bound to tenants and sources is heard for those, whatever its events say."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.operations.dead_letters.letters import as_published, explain, topic_of
from shared.platform.errors import AllimError
from shared.platform.pubsub.publishers import ATTRIBUTE, Bound, bound_at
from tests.clock import NOON
from tests.endpoints import Endpoint, push_of, running
from tests.world import SOURCE, World, event_fields


@pytest.fixture(scope="module")
async def function(shared_world: World) -> AsyncIterator[Endpoint]:
    async with running("on_subscription_event", shared_world) as endpoint:
        yield endpoint


@pytest.fixture
def world(shared_world: World) -> World:
    shared_world.clock.moment = NOON
    return shared_world


async def _push_as(function: Endpoint, publisher: Bound, data: bytes, **attributes: str) -> int:
    answer = await function.post(push_of(data, **attributes), publisher.address, content_type="application/json")
    return answer.status_code


def _event(tenant: str, **change: Any) -> bytes:
    return json.dumps({**event_fields(tenant), **change}).encode()


def _reasons(world: World, tenant: str | None) -> list[str]:
    return [reason for reason, _ in world.dead_letters(tenant)]


@pytest.mark.parametrize(
    "sources",
    [
        pytest.param([], id="any source"),
        pytest.param(["//other", SOURCE], id="its source by name"),
        pytest.param([f"{SOURCE[:-2]}*"], id="its source by its beginning"),
        pytest.param(["*"], id="a star alone"),
    ],
)
async def test_what_it_may_say_is_taken_for_each_of_its_tenants(
    function: Endpoint, world: World, sources: list[str]
) -> None:
    tenants = [await world.tenant(), await world.tenant()]
    for tenant in tenants:
        assert await _push_as(function, Bound("app", tuple(tenants), tuple(sources)), _event(tenant)) == 204
        assert world.statuses(tenant) == [("queued", None)]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({}, id="a valid event"),
        pytest.param({"time": "yesterday"}, id="an invalid event, which a later release may take"),
    ],
)
async def test_another_tenants_event_is_a_dead_letter_of_the_publishers_own_tenant(
    function: Endpoint, world: World, change: dict[str, Any]
) -> None:
    own, victim = await world.tenant(), await world.tenant()
    assert await _push_as(function, Bound("app", (own,)), _event(victim, **change)) == 204
    assert _reasons(world, own) == ["publisher_not_allowed"]
    assert (_reasons(world, victim), world.statuses(victim)) == ([], [])


async def test_of_a_publisher_with_several_tenants_it_is_nobodys(function: Endpoint, world: World) -> None:
    victim = await world.tenant()
    several = Bound("agency", (await world.tenant(), await world.tenant()))
    assert await _push_as(function, several, _event(victim)) == 204
    letter = world.last_dead_letter()
    assert (letter["tenant"], letter["reason"]) == (None, "publisher_not_allowed")
    assert f"publisher agency spoke for tenant {victim}" in letter["detail"]


@pytest.mark.parametrize("sources", [["//app.example/event"], [f"{SOURCE}/*"], ["//APP.example/events"]])
async def test_another_source_is_refused(function: Endpoint, world: World, sources: list[str]) -> None:
    tenant = await world.tenant()
    assert await _push_as(function, Bound("app", (tenant,), tuple(sources)), _event(tenant)) == 204
    assert _reasons(world, tenant) == ["publisher_not_allowed"]
    assert world.statuses(tenant) == []


async def test_attributes_of_the_message_do_not_change_whose_it_is(function: Endpoint, world: World) -> None:
    own, victim = await world.tenant(), await world.tenant()
    event = event_fields(victim)
    data = json.dumps(event.pop("data")).encode()
    attributes = {f"ce-{name}": value for name, value in event.items()}
    assert await _push_as(function, Bound("app", (own,)), data, **attributes, **{ATTRIBUTE: "another"}) == 204
    assert _reasons(world, own) == ["publisher_not_allowed"]
    assert world.last_dead_letter()["attributes"][ATTRIBUTE] == "app"
    assert world.statuses(victim) == []


async def test_a_replay_goes_to_the_publishers_own_topic_and_is_taken_once_it_may_say_that(
    function: Endpoint, world: World
) -> None:
    own, other = await world.tenant(), await world.tenant()
    assert await _push_as(function, Bound("app", (own,)), _event(other)) == 204
    letter = world.last_dead_letter()
    assert topic_of(letter["source"], letter["reason"], letter["attributes"]) == "subscription-events-app"
    assert topic_of(letter["source"], letter["reason"], {}) is None
    again = as_published(str(letter["id"]), bytes(letter["body"]), letter["attributes"])
    assert await _push_as(function, Bound("app", (own,)), again.data, **again.attributes) == 204
    [count] = world.rows("select failures from dead_letters where id = %s", letter["id"])
    assert (count["failures"], world.statuses(other)) == (2, [])
    assert await _push_as(function, Bound("app", (own, other)), again.data, **again.attributes) == 204
    assert world.statuses(other) == [("queued", None)]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"{", id="no JSON"),
        pytest.param(b'{"tenant": 1}', id="a number for a tenant"),
        pytest.param(b'{"tenant": "\\ud800"}', id="half a pair for a tenant"),
        pytest.param(b'{"tenant": "\\u0000"}', id="NUL for a tenant"),
    ],
)
async def test_whatever_is_refused_of_it_goes_back_to_its_own_topic(
    function: Endpoint, world: World, data: bytes
) -> None:
    assert await _push_as(function, Bound("app", ("somebody",)), data) == 204
    letter = world.last_dead_letter()
    assert topic_of(letter["source"], letter["reason"], letter["attributes"]) == "subscription-events-app"


async def test_the_topic_of_all_is_open_to_every_tenant_and_names_no_publisher(
    function: Endpoint, world: World
) -> None:
    tenants = [await world.tenant(), await world.tenant()]
    for tenant in tenants:
        assert await function.push(_event(tenant)) == 204
        assert world.statuses(tenant) == [("queued", None)]
    assert await function.push(b"{", **{ATTRIBUTE: "app"}) == 204
    assert ATTRIBUTE not in world.last_dead_letter()["attributes"]


@pytest.mark.parametrize(
    "path",
    [
        "/tenants/{}",
        "/publishers/",
        "/publishers/a/b",
        "/publishers/a%2Fb?tenant={}",
        "/Publishers/app?tenant={}",
        "/publishers/app?tenant={}&source=",
        "/publishers/app?tenant={}&source=%2F%2Fother&source=",
        "/publishers/app?tenant={}&sources=%2F%2Fother",
        "/publishers/app?tenant={}&Source=%2F%2Fother",
    ],
)
async def test_an_address_that_is_not_understood_is_not_taken_for_one_without_bounds(
    function: Endpoint, world: World, path: str
) -> None:
    tenant = await world.tenant()
    answer = await function.post(push_of(_event(tenant)), path.format(tenant), content_type="application/json")
    assert answer.status_code == 404
    assert world.statuses(tenant) == []


async def test_an_address_without_tenants_speaks_for_nobody(function: Endpoint, world: World) -> None:
    tenant = await world.tenant()
    answer = await function.post(push_of(_event(tenant)), "/publishers/app", content_type="application/json")
    assert (answer.status_code, world.statuses(tenant)) == (204, [])
    assert world.last_dead_letter()["reason"] == "publisher_not_allowed"


names = st.from_regex(r"[a-z][a-z0-9-]{1,39}", fullmatch=True)


@given(names, st.lists(names, min_size=1), st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1)))
def test_an_address_says_what_was_written_into_it(name: str, tenants: list[str], sources: list[str]) -> None:
    bound = Bound(name, tuple(tenants), tuple(sources))
    path, _, query = bound.address.partition("?")
    assert bound_at(path, query) == bound


def test_what_to_do_is_said_in_both_languages() -> None:
    reason = explain("publisher_not_allowed")
    assert ("`publishers`" in reason.means, "`publishers`" in reason.means_ko, reason.helps) == (True, True, True)
    with pytest.raises(AllimError, match="unknown_address"):
        bound_at("/tenants/saas", "")
