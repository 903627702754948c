"""A provider calls because something became of a template: its account is looked at now."""

import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from shared.providers import ProviderAccount
from shared.providers.nhn.sms import Nhn
from shared.tenants.accounts import register_account
from tests.endpoints import Endpoint, running
from tests.world import KEYS, World

HOOK = {
    "senderKey": "s" * 40,
    "templateCode": "order-paid",
    "kakaoTemplateCode": "K1",
    "status": "TSC03",
    "comments": [{"id": 1, "content": "승인되었습니다.", "userName": "kakao", "status": "APR"}],
    "hookId": "H1",
}
DAY = dt.timedelta(days=1)


def _call(*hooks: Any) -> bytes:
    body = {"hooksId": "1", "productName": "KakaoTalk Bizmessage", "event": "TEMPLATE_STATUS", "hooks": list(hooks)}
    return orjson.dumps(body)


@pytest.fixture(scope="module")
async def function(shared_world: World) -> AsyncIterator[Endpoint]:
    async with running("provider_webhook", shared_world) as endpoint:
        yield endpoint


@pytest.fixture
async def tenant(noon_world: World) -> str:
    """One with an account at NHN Cloud, whose templates were looked at and are due tomorrow."""
    tenant, now = await noon_world.tenant(), noon_world.clock.now()
    secrets = {"app_key": f"app of {tenant}", "secret_key": "secret", "webhook_secret": "hook"}
    async with noon_world.owner.transaction() as connection:
        account = ProviderAccount(tenant, "nhn", "nhn", "0212345678", "pf", secrets)
        await register_account(connection, KEYS, account, now=now)
    noon_world.rows("insert into template_looks values (%s, 'nhn', %s, 3)", tenant, now + DAY)
    return tenant


def _due(world: World, tenant: str) -> dt.timedelta:
    [row] = world.rows("select look_at from template_looks where tenant = %s", tenant)
    due: dt.timedelta = row["look_at"] - world.clock.now()
    return due


async def test_the_account_is_looked_at_now(function: Endpoint, noon_world: World, tenant: str) -> None:
    answer = await function.post(_call(HOOK), f"/nhn/{tenant}/nhn", x_toast_webhook_signature="hook")
    assert answer.status_code == 200
    assert _due(noon_world, tenant) <= dt.timedelta()
    assert noon_world.publisher.published == []
    assert noon_world.dead_letters(tenant) == []


async def test_who_proves_nothing_hastens_nothing(function: Endpoint, noon_world: World, tenant: str) -> None:
    answer = await function.post(_call(HOOK), f"/nhn/{tenant}/nhn", x_toast_webhook_signature="another")
    assert answer.status_code == 401
    assert _due(noon_world, tenant) == DAY


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (_call(HOOK), True),
        (_call({"requestId": "R1", "recipientSeq": 1, "templateCode": "order-paid", "resultCode": "1000"}), False),
        (_call(), False),
        (_call("order-paid"), False),
        (b"[]", False),
        (b"{", False),
    ],
    ids=["a template", "a message by a template", "nothing", "a text", "a list", "no JSON"],
)
def test_what_is_about_templates(body: bytes, expected: bool) -> None:
    assert Nhn("http://nhn").tells_of_templates(body) is expected
