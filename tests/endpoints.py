"""The functions as they are deployed: main.py under functions-framework, each with its own database role.

And what a stranger's server may answer that nobody can use.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from functions_framework.aio import create_asgi_app

from local.functions import FUNCTIONS, OPEN_CREDENTIALS, ROLE_OF
from shared.bootstrap import Parts, database
from shared.platform.logs import configure_logs
from shared.platform.settings import Settings
from tests.world import BACKUP_KEY, KEY, World


@dataclass(frozen=True)
class Endpoint:
    """A running function. `client` posts to it; it works with `parts`."""

    name: str
    client: httpx.AsyncClient
    parts: Parts

    async def post(self, body: bytes, path: str = "/", **headers: str) -> httpx.Response:
        """Post a body; header names are written with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(path, content=body, headers=named)

    async def push(self, data: Any, **attributes: Any) -> int:
        """Push data as Pub/Sub does: bytes as they are, everything else as JSON. Gives the status."""
        raw = data if isinstance(data, bytes) else json.dumps(data, ensure_ascii=False).encode()
        return (await self.post(push_of(raw, **attributes), content_type="application/json")).status_code


def push_of(data: bytes, **attributes: Any) -> bytes:
    """The body of a push request."""
    message = {"data": base64.b64encode(data).decode(), "attributes": attributes, "messageId": "1"}
    return json.dumps({"message": message, "subscription": "projects/p/subscriptions/s", "deliveryAttempt": 1}).encode()


@asynccontextmanager
async def running(name: str, world: World) -> AsyncIterator[Endpoint]:
    """Run the function `name` of the checkout on the world's database, clock and publisher."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", world.migrated.role_url(ROLE_OF[name]))
        patch.setenv("GOOGLE_CLOUD_PROJECT", "tests")
        if name in OPEN_CREDENTIALS:
            patch.setenv("ALLIM_ENCRYPTION_KEY", base64.b64encode(KEY).decode())
        patch.setenv("ALLIM_BACKUP_KEY", base64.b64encode(BACKUP_KEY).decode())
        parts = Parts(Settings.from_environment(), world.clock, world.publisher)
        configure_logs()
        patch.setattr(Parts, "of_this_process", lambda: parts)
        app: Any = create_asgi_app(name, str(FUNCTIONS / name / "main.py"))  # type: ignore[no-untyped-call]
        # As uvicorn does, answer 500 where the function raises.
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://function") as client:
            yield Endpoint(name, client, parts)
        await database(parts).close()


async def nonsense() -> httpx.Response:
    """No JSON, and no text either."""
    return httpx.Response(200, content=b"\xff<html>")


async def another_shape() -> httpx.Response:
    """JSON of a shape that nobody has documented."""
    return httpx.Response(200, json=[{"status": 1}, None])


async def hangs() -> httpx.Response:
    """Whoever waits for it has a limit of his own, or waits for ever."""
    await asyncio.Event().wait()
    raise AssertionError
