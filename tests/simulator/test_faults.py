"""Faults on demand, and what they leave behind."""

from typing import Any

import httpx
import pytest

from tests.simulator.client import Caller, Json, sms

SEND = "/messages/v4/send"
ONE: Json = {"message": sms("01011112222")}


async def outcome(solapi: Caller) -> int | str:
    try:
        return (await solapi.request("POST", SEND, ONE)).status_code
    except (httpx.RemoteProtocolError, httpx.NetworkError):
        return "dropped"


async def test_a_dropped_connection_may_leave_an_accepted_message(solapi: Caller) -> None:
    await solapi.control("PUT", "faults", {"accept_then_drop": {"count": 1, "on": "POST .*/send$"}})
    assert await outcome(solapi) == "dropped"
    assert len(await solapi.accepted()) == 1
    assert await outcome(solapi) == 200
    assert len(await solapi.accepted()) == 2


async def test_a_connection_dropped_before_leaves_nothing(solapi: Caller) -> None:
    await solapi.control("PUT", "faults", {"drop_before": {"count": 2}})
    assert [await outcome(solapi) for _ in range(3)] == ["dropped", "dropped", 200]
    assert len(await solapi.accepted()) == 1


async def test_a_drop_strikes_only_where_it_is_told_to(solapi: Caller) -> None:
    await solapi.control("PUT", "faults", {"accept_then_drop": {"count": 1, "on": "/groups/[^/]+/send$"}})
    group = await solapi.group(sms("01011112222"))
    with pytest.raises((httpx.RemoteProtocolError, httpx.NetworkError)):
        await solapi.request("POST", f"/messages/v4/groups/{group}/send")
    shown = await solapi.call("GET", f"/messages/v4/groups/{group}")
    assert shown["dateSent"]
    assert len(await solapi.accepted()) == 1


async def test_what_is_left_of_a_count_is_shown(solapi: Caller) -> None:
    await solapi.control("PUT", "faults", {"drop_before": {"count": 2}})
    await outcome(solapi)
    assert (await solapi.control("GET", "faults"))["drop_before"]["count"] == 1


async def test_an_outage_refuses_everything_but_the_control_api(solapi: Caller) -> None:
    await solapi.control("PUT", "faults", {"outage": True})
    assert await outcome(solapi) == 503
    await solapi.control("PUT", "faults", {})
    assert await solapi.accepted() == []


async def test_errors_come_at_their_rate_and_repeatably(solapi: Caller) -> None:
    async def outcomes() -> list[int | str]:
        await solapi.control("PUT", "faults", {"error_rate": 0.5, "seed": 3})
        return [await outcome(solapi) for _ in range(20)]

    first = await outcomes()
    assert set(first) == {200, 500}
    assert await outcomes() == first
    await solapi.control("PUT", "faults", {})
    assert len(await solapi.accepted()) == 2 * first.count(200)


async def test_drops_come_at_their_rate(solapi: Caller) -> None:
    await solapi.control("PUT", "faults", {"accept_then_drop": {"rate": 0.5}, "seed": 3})
    outcomes = [await outcome(solapi) for _ in range(20)]
    await solapi.control("PUT", "faults", {})
    assert set(outcomes) == {200, "dropped"}
    assert len(await solapi.accepted()) == 20


async def test_latency_delays_the_answer(solapi: Caller) -> None:
    await solapi.control("PUT", "faults", {"latency_ms": 60_000})
    with pytest.raises(httpx.ReadTimeout):
        await solapi.http.get("/cash/v1/balance", timeout=0.2)
    await solapi.control("GET", "health")


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        ({"error_rate": 2}, "error_rate"),
        ({"latency_ms": -1}, "latency_ms"),
        ({"errors": 1}, "errors"),
        ({"outage": "perhaps"}, "outage"),
        ({"drop_before": {}}, "drop_before"),
        ({"drop_before": {"rate": 0.5, "count": 1}}, "drop_before"),
        ({"drop_before": {"rate": 0.5, "on": "("}}, "drop_before.on"),
    ],
)
async def test_a_plan_that_does_not_fit_is_refused_with_the_field(solapi: Caller, plan: Any, field: str) -> None:
    answer = await solapi.http.put("/control/faults", json=plan)
    assert answer.status_code == 422
    assert [detail["field"] for detail in answer.json()["details"]] == [field]
    assert (await solapi.control("GET", "faults"))["error_rate"] == 0
