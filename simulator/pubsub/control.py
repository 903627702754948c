"""The control port: faults for chaos tests, and statistics, over plain HTTP and JSON.

GET /stats     the broker and each subscription: published, delivered, acked, nacked, dead_lettered, backlog, …
GET /faults    the faults in force
PUT /faults    {"duplicate_rate": 0.1, "reorder": true, "delay_ms": 5, "seed": 1}; what is left out is off
"""

from typing import Any

import orjson
from aiohttp import web
from pydantic import ValidationError

from simulator.pubsub.broker import Broker
from simulator.pubsub.faults import FaultSettings


def control_app(broker: Broker) -> web.Application:
    """The control port's application."""

    async def get_stats(_: web.Request) -> web.Response:
        return _json(broker.stats())

    async def get_faults(_: web.Request) -> web.Response:
        return _json(broker.faults.settings.model_dump())

    async def put_faults(request: web.Request) -> web.Response:
        try:
            settings = FaultSettings.model_validate_json(await request.read())
        except ValidationError as error:
            details = error.errors(include_url=False, include_context=False, include_input=False)
            return _json({"error": details}, status=400)
        broker.faults.apply(settings)
        return _json(settings.model_dump())

    app = web.Application()
    app.add_routes([web.get("/stats", get_stats), web.get("/faults", get_faults), web.put("/faults", put_faults)])
    return app


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")
