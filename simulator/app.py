"""The simulator put together: providers, control API and faults as one ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from simulator.accepted import AcceptedList
from simulator.aligo import api as aligo_api
from simulator.aligo.api import Aligo
from simulator.clock import Clock, present
from simulator.control import Control
from simulator.faults import FaultBoard
from simulator.fcm import api as fcm_api
from simulator.fcm.api import Fcm
from simulator.gate import Door, Gate
from simulator.kakao import api as kakao_api
from simulator.kakao.api import Kakao
from simulator.nhn import api as nhn_api
from simulator.nhn.api import NhnApi
from simulator.nhn.kakao import api as nhn_kakao_api
from simulator.nhn.kakao.api import KakaoApi
from simulator.nhn.kakao.provider import NhnKakao
from simulator.nhn.provider import Nhn
from simulator.sens import api as sens_api
from simulator.sens.api import Sens
from simulator.slack.api import SlackApi
from simulator.smtp.server import Smtp
from simulator.solapi import errors as solapi_errors
from simulator.solapi.accounts import DEFAULT_API_KEY, DEFAULT_API_SECRET, DEFAULT_WEBHOOK_SECRET, AccountSpec, register
from simulator.solapi.api import SolapiApi
from simulator.solapi.provider import Solapi
from simulator.solapi.sending.delivery import Delivery
from simulator.storage.api import StorageApi
from simulator.storage.objects import Objects
from simulator.toss import errors as toss_errors
from simulator.toss.api import TossApi
from simulator.toss.control import MerchantSpec, TossControl
from simulator.toss.control import register as register_merchant
from simulator.toss.provider import Toss
from simulator.toss.webhooks import TossWebhooks
from simulator.webhooks import WebhookCounts, WebhookPolicy, Webhooks

DOORS = (
    Door("fcm", fcm_api.PATHS, fcm_api.refusal),
    Door("toss", ("/v1/",), toss_errors.refusal),
    Door("slack", ("/services/",), solapi_errors.refusal),
    Door("nhn", (*nhn_api.PATHS, *nhn_kakao_api.PATHS), nhn_api.refusal),
    Door("sens", sens_api.PATHS, sens_api.refusal),
    Door("kakao_me", kakao_api.PATHS, kakao_api.refusal),
    Door("aligo", aligo_api.PATHS, aligo_api.refusal),
    Door("solapi", ("/",), solapi_errors.refusal),
)
"""Every provider by the paths of its requests; all others are SOLAPI's."""

SHARED_DOORS = {NhnKakao.name: Nhn.name}
"""Providers that go wrong with another one, for both stand behind its door: what is ordered for either is for both."""

BUCKET = "allim-backups"
"""The bucket that exists from the start."""


def _default_account() -> AccountSpec:
    return AccountSpec(api_key=DEFAULT_API_KEY, api_secret=DEFAULT_API_SECRET, webhook_secret=DEFAULT_WEBHOOK_SECRET)


@dataclass(frozen=True)
class Settings:
    """How a simulator starts.

    Attributes:
        account: the SOLAPI account that exists from the start.
        webhooks: how reports are sent.
        storage: the folder of Cloud Storage's buckets; without one there is no Cloud Storage.
        smtp_port: where the mail server listens; 0 for a port that is free.
    """

    account: AccountSpec = field(default_factory=_default_account)
    webhooks: WebhookPolicy = field(default_factory=WebhookPolicy)
    storage: Path | None = None
    smtp_port: int = 0


def build_app(settings: Settings, clock: Clock = present) -> ASGIApp:
    """The application, with its default account registered.

    Args:
        settings: how it starts.
        clock: the time for signatures, dates and scheduled groups. Delays of reports are real time.
    """
    board = FaultBoard([*(door.provider for door in DOORS), Smtp.name], SHARED_DOORS)
    accepted, counts = AcceptedList(), WebhookCounts()
    hooks = {name: Webhooks(settings.webhooks, board.of(name), counts) for name in ("solapi", "nhn")}
    solapi = Solapi(clock, accepted, Delivery(clock, board.of("solapi"), hooks["solapi"]))
    register(solapi.accounts, settings.account, clock())
    nhn = Nhn(clock, accepted, board.of("nhn"), hooks["nhn"])
    nhn_kakao = NhnKakao(clock, accepted, board.of("nhn"), hooks["nhn"])
    sens = Sens(clock, accepted, board.of("sens"))
    kakao = Kakao(clock, accepted)
    smtp = Smtp(clock, accepted, board.of(Smtp.name), settings.smtp_port)
    fcm = Fcm(clock, accepted)
    aligo = Aligo(clock, accepted, board.of("aligo"))
    toss_webhooks = TossWebhooks(clock, board.of("toss"))
    toss = Toss(clock, board.of("toss"), toss_webhooks)
    register_merchant(toss, MerchantSpec())

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await toss_webhooks.start()
        await smtp.start()
        for webhooks in hooks.values():
            await webhooks.start()
        yield
        await smtp.stop()
        solapi.stop()
        for webhooks in hooks.values():
            await webhooks.stop()
        await toss_webhooks.stop()

    routes = [
        *SolapiApi(solapi).routes(),
        *NhnApi(nhn).routes(),
        *KakaoApi(nhn_kakao).routes(),
        *sens.routes(),
        *kakao.routes(),
        *fcm.routes(),
        *aligo.routes(),
        *TossApi(toss).routes(),
        *Control(
            accepted,
            board,
            counts,
            solapi,
            [nhn, nhn_kakao, sens, aligo, kakao, fcm, smtp],
            smtp_port=lambda: smtp.port,
        ).routes(),
        *TossControl(toss, toss_webhooks).routes(),
        *SlackApi(clock).routes(),
    ]
    if settings.storage is not None:
        routes += StorageApi(Objects(settings.storage, (BUCKET,))).routes()
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: _no_such_route})
    return Gate(app, DOORS, board)


async def _no_such_route(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    body = {"errorCode": "ResourceNotFound", "errorMessage": f"{request.method} {request.url.path}"}
    return JSONResponse(body, status)
