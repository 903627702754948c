"""A plain caller of Toss, and a webhook that remembers what it was told."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import httpx
import orjson
from aiohttp import web

from tests.tls import NO_TLS

PATIENCE = 10
"""Seconds that a test waits for a condition before it fails."""

Json = dict[str, Any]


def new_order() -> str:
    """An order's id that nobody used."""
    return f"order-{uuid.uuid4().hex}"


@dataclass
class Shop:
    """A merchant of its own: its requests, and the control API in its name."""

    http: httpx.AsyncClient
    secret_key: str = field(default_factory=lambda: f"test_sk_{uuid.uuid4().hex}")

    @classmethod
    @asynccontextmanager
    async def at(cls, url: str, **settings: Any) -> AsyncIterator[Self]:
        """A new merchant of the simulator at an address; webhooks come without delay."""
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE, verify=NO_TLS) as http:
            shop = cls(http)
            await shop.faults(report_delay_ms=0)
            await shop.change(**settings)
            yield shop
            await shop.change(webhookUrl=None)

    async def change(self, **settings: Any) -> None:
        """Make or change the merchant."""
        await self._answered("PUT", "/control/toss", {"secretKey": self.secret_key, **settings})

    async def faults(self, **plan: Any) -> None:
        """Replace the plan of faults."""
        await self._answered("PUT", "/control/faults", plan)

    async def control(self, what: str, **order: Any) -> Json:
        """Let something happen in a browser, a bank or the dashboard."""
        return await self._answered("POST", f"/control/toss/{what}", {"secretKey": self.secret_key, **order})

    async def authenticate(self, order_id: str, amount: int = 10_000, **more: Any) -> str:
        """The payment key that the checkout widget is left with."""
        answer = await self.control("authenticate", orderId=order_id, amount=amount, **more)
        return str(answer["paymentKey"])

    async def request(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """A request with the merchant's key, whatever its answer."""
        return await self.http.request(
            method,
            f"/v1/{path}",
            auth=(self.secret_key, ""),
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            content=None if body is None else orjson.dumps(body),
        )

    async def confirm(self, key: str, order_id: str, amount: int = 10_000, **headers: str) -> httpx.Response:
        body = {"paymentKey": key, "orderId": order_id, "amount": amount}
        return await self.request("POST", "payments/confirm", body, **headers)

    async def paid(self, amount: int = 10_000) -> Json:
        """A confirmed card payment."""
        order_id = new_order()
        answer = await self.confirm(await self.authenticate(order_id, amount), order_id, amount)
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    async def waiting(self, amount: int = 10_000) -> Json:
        """A payment whose virtual account waits for the deposit."""
        order_id = new_order()
        key = await self.authenticate(order_id, amount, method="virtual_account")
        return (await self.confirm(key, order_id, amount)).json()  # type: ignore[no-any-return]

    async def cancel(self, key: str, amount: int | None = None, **headers: str) -> httpx.Response:
        body = {"cancelReason": "고객 요청"} | ({"cancelAmount": amount} if amount is not None else {})
        return await self.request("POST", f"payments/{key}/cancel", body, **headers)

    async def billing_key(self, customer_key: str, outcome: str = "ok") -> str:
        """The billing key of a card that a customer registered."""
        auth_key = (await self.control("card", customerKey=customer_key, outcome=outcome))["authKey"]
        body = {"authKey": auth_key, "customerKey": customer_key}
        answer = await self.request("POST", "billing/authorizations/issue", body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["billingKey"])

    async def charge(self, billing_key: str, customer_key: str, order_id: str, amount: int = 10_000) -> httpx.Response:
        body = {"customerKey": customer_key, "orderId": order_id, "orderName": "자동 충전", "amount": amount}
        return await self.request("POST", f"billing/{billing_key}", body)

    async def charged(self) -> Json:
        """What was really charged."""
        answer = await self.http.get("/control/toss/payments", params={"secretKey": self.secret_key})
        return answer.json()  # type: ignore[no-any-return]

    async def _answered(self, method: str, path: str, body: Json) -> Json:
        answer = await self.http.request(method, path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]


@dataclass
class Letterbox:
    """A webhook. It answers 200 unless `answers` has other ideas for its next calls."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def statuses(self) -> list[str]:
        """The statuses in the payments' events."""
        return [event["data"]["status"] for event in self.of_type("PAYMENT_STATUS_CHANGED")]

    def of_type(self, event_type: str | None) -> list[Json]:
        """The events of a type; None for deposit calls, which name none."""
        return [event for event in self.events if event.get("eventType") == event_type]

    async def until(self, holds: Callable[[Self], bool]) -> None:
        """Wait until something holds."""
        async with asyncio.timeout(PATIENCE), self._changed:
            await self._changed.wait_for(lambda: holds(self))

    async def take(self, request: web.Request) -> web.Response:
        """Answer a call."""
        async with self._changed:
            self.headers.append({name.lower(): value for name, value in request.headers.items()})
            self.events.append(orjson.loads(await request.read()))
            self._changed.notify_all()
        return web.Response(status=self.answers.pop(0) if self.answers else 200)


@asynccontextmanager
async def open_letterbox() -> AsyncIterator[Letterbox]:
    """A webhook on a port of its own."""
    letterbox = Letterbox()
    application = web.Application()
    application.router.add_post("/toss", letterbox.take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    letterbox.url = f"http://127.0.0.1:{runner.addresses[0][1]}/toss"
    yield letterbox
    await runner.cleanup()


def code(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an error."""
    return answer.status_code, answer.json()["code"]
