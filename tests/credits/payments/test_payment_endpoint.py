"""payment_webhook, given what anybody may send."""

from collections.abc import AsyncIterator

import orjson
import pytest

from tests.endpoints import Endpoint, running
from tests.world import World


@pytest.fixture(scope="module")
async def function(shared_world: World) -> AsyncIterator[Endpoint]:
    async with running("payment_webhook", shared_world) as endpoint:
        yield endpoint


@pytest.mark.parametrize(
    ("order_id", "event_type"),
    [
        ("saas_\0abcdef", "PAYMENT_STATUS_CHANGED"),
        ("s" * 65, "PAYMENT_STATUS_CHANGED"),
        ("saas_abcdef", "PAYMENT\0"),
        ("saas_abcdef", "P" * 51),
    ],
)
async def test_junk_in_a_call_is_refused_before_it_reaches_the_database(
    function: Endpoint, order_id: str, event_type: str
) -> None:
    body = orjson.dumps({"eventType": event_type, "data": {"orderId": order_id}})
    answer = await function.post(body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed")


async def test_an_order_that_nobody_made_is_unknown(function: Endpoint) -> None:
    answer = await function.post(orjson.dumps({"eventType": "X", "data": {"orderId": "saas_abcdef"}}))
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_order")
