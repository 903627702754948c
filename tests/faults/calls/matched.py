"""Providers whose calls are found by what was sent, and the kinds of messages that go by them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest

from shared.messages.dispatch import sending, submitting
from shared.providers import OutboundMessage, ProviderAccount
from shared.providers.aligo import Aligo
from shared.providers.sens import Sens
from shared.templates import rendering
from shared.templates.template import TemplateContent
from tests.faults.calls.test_nhn_faults import LONG, TEMPLATES
from tests.faults.fates import BAD_NUMBER, REFUSED
from tests.faults.world import SMS_ONLY, FaultyWorld
from tests.providers.pictures import picture
from tests.providers.simulated import Simulator

ALIMTALK = "both-channels"
TALK = TEMPLATES[ALIMTALK]["alimtalk"]


@dataclass(frozen=True)
class Kind:
    """A kind of message: its channel, the template and the route that make one, and the provider's words for it.

    type: as the provider calls it.
    reasons: why one to a number ends as failed, by number.
    """

    channel: str
    template: str
    route: str
    type: str
    reasons: Mapping[str, str]


@dataclass(frozen=True)
class Matched:
    """A provider.

    account: adds an account there.
    send, look_up: the requests that send and that look for what was sent, as faults name them.
    """

    name: str
    account: Callable[[Simulator, str], ProviderAccount]
    send: str
    look_up: str
    kinds: Mapping[str, Kind]


def _kinds(types: Mapping[str, str], text: Mapping[str, str], talk: Mapping[str, str]) -> Mapping[str, Kind]:
    return {
        "sms": Kind("sms", SMS_ONLY, "sms", types["sms"], text),
        "lms": Kind("lms", LONG, "sms", types["lms"], text),
        "mms": Kind("mms", LONG, "mms", types["mms"], text),
        "alimtalk": Kind("alimtalk", ALIMTALK, "alimtalk", types["alimtalk"], talk),
    }


SENS = Matched(
    Sens.name,
    lambda simulator, tenant: simulator.add_service(tenant, templates={TALK["code"]: TALK["text"]}),
    "POST .*/messages$",
    "/messages",
    _kinds(
        {"sms": "SMS", "lms": "LMS", "mms": "MMS", "alimtalk": "ALIMTALK"},
        {BAD_NUMBER: "3003", REFUSED: "400"},
        {BAD_NUMBER: "3018", REFUSED: "A002"},
    ),
)
ALIGO = Matched(
    Aligo.name,
    lambda simulator, tenant: simulator.add_customer(tenant, templates={TALK["code"]: TALK["text"]}),
    "POST .*/send(_mass)?/$",
    "_?list/$|detail/$",
    _kinds(
        {"sms": "SMS", "lms": "LMS", "mms": "MMS", "alimtalk": "AT"},
        {BAD_NUMBER: "발송실패", REFUSED: "not_taken"},
        {BAD_NUMBER: "3018", REFUSED: "not_taken"},
    ),
)
PROVIDERS = {each.name: each for each in (SENS, ALIGO)}

CASES = [
    pytest.param((provider, kind), id=f"{provider.name}-{kind.channel}")
    for provider in PROVIDERS.values()
    for kind in provider.kinds.values()
]


def show_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make an MMS of a text that goes by a leg of that name."""
    render = rendering.render

    def with_picture(
        content: TemplateContent, leg: str, variables: Mapping[str, str], **options: Any
    ) -> OutboundMessage:
        if leg != "mms":
            return render(content, leg, variables, **options)
        words = render(content, "sms", variables, **options)
        return replace(words, channel=leg, subject="안내", picture=picture())

    for module in (sending, submitting):
        monkeypatch.setattr(module, "render", with_picture)


async def queue(world: FaultyWorld, tenant: str, kind: Kind, *recipients: str) -> list[UUID]:
    templates = dict.fromkeys(recipients, kind.template)
    return await world.queue(*recipients, route=kind.route, templates=templates, tenant=tenant)


def accepted(world: FaultyWorld) -> list[tuple[str, str]]:
    """Recipient and type of what the provider really took."""
    return sorted((each["to"], each["type"]) for each in world.simulator.accepted())


def end(world: FaultyWorld, message: UUID) -> tuple[Any, Any]:
    row = world.message(message)
    return row["status"], row["reason"]
