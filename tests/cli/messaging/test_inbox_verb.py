"""`allim inbox`: what a customer is shown in the app, and what was read."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from uuid import uuid4

import pytest

from local.stack import Stack
from shared.inbox.keeping import Shelf
from shared.platform.ids import new_id
from shared.providers import OutboundMessage
from tests.cli.conftest import Run
from tests.world import World


@pytest.fixture
async def tenant(stack: Stack, world: World, monkeypatch: pytest.MonkeyPatch) -> str:
    opens = stack.model_copy(update={"encryption_key": b64encode(bytes(32)).decode()})
    monkeypatch.setattr(Stack, "load", lambda home=None: opens)
    tenant = await world.tenant(account=False)
    now = world.clock.now()
    world.rows("insert into customers (tenant, id, as_of) values (%s, 'c-1', %s)", tenant, now)
    return tenant


async def test_an_inbox_is_listed_and_marked(run: Run, tenant: str, world: World) -> None:
    message = new_id(world.clock.now())
    outbound = OutboundMessage(message, 0, "inapp", "c-1", "도착했습니다.", subject="주문", link="myshop://orders/1")
    await Shelf(world.owner, world.clock).keep(tenant, [outbound])
    options = ("inbox", "--tenant", tenant, "--customer", "c-1")
    shown = await asyncio.to_thread(run, *options)
    assert [word in shown.stdout for word in (str(message), "주문", "도착했습니다.", "no")] == [True] * 4
    done = await asyncio.to_thread(run, "inbox", "read", message)
    assert done.exit_code == 0, done.output
    [entry] = json.loads((await asyncio.to_thread(run, *options, "--json")).stdout)
    assert (entry["message"], entry["link"]) == (str(message), "myshop://orders/1")
    assert entry["read_at"] is not None


@pytest.mark.parametrize("which", ["no id", "of nobody"])
async def test_what_no_inbox_has_is_told(run: Run, tenant: str, which: str) -> None:
    done = await asyncio.to_thread(run, "inbox", "read", uuid4() if which == "of nobody" else "x")
    assert done.exit_code == 1
    assert ("no_message" if which == "of nobody" else "bad_message") in done.stderr


async def test_whose_inbox_is_to_be_listed_is_asked_for(run: Run, tenant: str) -> None:
    done = await asyncio.to_thread(run, "inbox", "--tenant", tenant)
    assert "no_customer" in done.stderr
