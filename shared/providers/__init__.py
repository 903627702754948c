"""Providers on the wire. A new one is one module and one line here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from shared.contracts.channels import LEGS, leg_of
from shared.platform.clock import Clock, WallClock
from shared.platform.settings import Settings
from shared.providers.base import (
    ALL_CHANNELS,
    Accepted,
    BatchState,
    Billed,
    BillingProvider,
    Button,
    OneCallProvider,
    OutboundMessage,
    Picture,
    PolledProvider,
    Prepared,
    Provider,
    ProviderAccount,
    ProviderAmbiguous,
    ProviderBusy,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    ProviderUndecided,
    Said,
    Settlement,
    Submission,
    Submitted,
    TemplateCaller,
    TwoPhaseProvider,
    Word,
)

if TYPE_CHECKING:
    from shared.providers.toss import Toss


class Credentials(NamedTuple):
    """What opens an account at a provider. All of it is secret.

    needed: all of these.
    services: at least one of these where there are any, with the channels that it opens.
    """

    needed: tuple[str, ...]
    services: Mapping[str, frozenset[str]] = MappingProxyType({})

    @property
    def names(self) -> tuple[str, ...]:
        """All that there may be."""
        return (*self.needed, *self.services)

    def missing(self, given: Mapping[str, object]) -> list[str]:
        """What an account would still need: names, and of services those of which one is."""
        missing = [name for name in self.needed if not given.get(name)]
        return missing + ([] if any(map(given.get, self.services)) else list(self.services))

    def __str__(self) -> str:
        return ", ".join((*self.needed, *([" or ".join(self.services)] if self.services else [])))


CREDENTIALS: Mapping[str, Credentials] = {
    "solapi": Credentials(("api_key", "api_secret")),
    "nhn": Credentials(("app_key", "secret_key")),
    "sens": Credentials(
        ("access_key", "secret_key"),
        {"service_id": frozenset({"sms", "lms", "mms"}), "kakao_service_id": frozenset({"alimtalk"})},
    ),
    "nhn_kakao": Credentials(("app_key", "secret_key")),
    "smtp": Credentials(("url",)),
    "kakao_me": Credentials(("rest_api_key", "refresh_token")),
    "aligo": Credentials(("api_key", "user_id")),
    "fcm": Credentials(("project_id", "client_email", "private_key")),
    "inapp": Credentials(()),
}
"""By the names of those that messages can be sent by."""


OF_KAKAO = ("alimtalk", "brand")
"""The channels that come from a KakaoTalk channel of the account."""


def carried_by(provider: Provider, account: ProviderAccount) -> frozenset[str]:
    """The channels that an account carries: of its provider's those whose service it has, and those of KakaoTalk where
    it has a channel there."""
    return _open_to(account, provider.channels)


def _open_to(account: ProviderAccount, channels: Iterable[str]) -> frozenset[str]:
    services = CREDENTIALS[account.provider].services
    closed = [opened for name, opened in services.items() if name not in account.secrets]
    if len(closed) == len(services):  # it was registered without any, and its provider says so of each message
        closed = []
    return frozenset(channels).difference(*closed, () if account.kakao_channel else OF_KAKAO)


def providers(settings: Settings, clock: Clock) -> Mapping[str, Provider]:
    """Every provider by name that is somebody else's: the inbox is our own, and needs a database."""
    from shared.providers.aligo import Aligo
    from shared.providers.fcm import Fcm
    from shared.providers.kakao_me import KakaoMe
    from shared.providers.mail.smtp import Smtp
    from shared.providers.nhn.kakao import NhnKakao
    from shared.providers.nhn.sms import Nhn
    from shared.providers.sens import Sens
    from shared.providers.solapi import Solapi

    known: tuple[Provider, ...] = (
        Solapi(settings.solapi_url, clock),
        Nhn(settings.nhn_sms_url),
        NhnKakao(settings.nhn_kakao_url),
        Sens(settings.sens_url, clock),
        Smtp(clock, settings.smtp_url),
        KakaoMe(settings.kakao_url, settings.kakao_login_url, clock),
        Aligo(settings.aligo_url, settings.aligo_kakao_url),
        Fcm(settings.fcm_url, settings.google_oauth_url, clock),
    )
    return {provider.name: provider for provider in known}


def legs_carried() -> Mapping[str, tuple[str, ...]]:
    """By the names of those that messages can be sent by: the channels of routes that they carry."""
    from shared.providers.inapp import InApp

    known = providers(Settings(database_url="", google_cloud_project=""), WallClock())
    channels = {**{name: provider.channels for name, provider in known.items()}, InApp.name: InApp.channels}
    return {name: _legs(carried) for name, carried in channels.items()}


def legs_of(account: ProviderAccount) -> tuple[str, ...]:
    """The channels of routes that an account carries, in their order."""
    return _legs(_open_to(account, legs_carried()[account.provider]))


def _legs(channels: Iterable[str]) -> tuple[str, ...]:
    carried = {leg_of(channel) for channel in channels}
    return tuple(leg for leg in LEGS if leg in carried)


def webhook_proof(provider: str, secret: str) -> str | None:
    """What each call of a provider carries where an account's webhook has that secret, and what its `proof_of` finds.
    None: it is none that calls us."""
    from shared.providers import solapi
    from shared.providers.mail import smtp
    from shared.providers.nhn import envelope, kakao, sms

    proofs = {
        solapi.Solapi.name: solapi.webhook_proof,
        sms.Nhn.name: envelope.webhook_proof,
        kakao.NhnKakao.name: envelope.webhook_proof,
        smtp.Smtp.name: smtp.webhook_proof,
    }
    return proofs[provider](secret) if provider in proofs else None


def toss_payments(settings: Settings) -> Toss:
    """The merchant's payments. Raises ValueError when no secret key is set."""
    from shared.providers.toss import Toss

    if not settings.toss_secret_key:
        raise ValueError("TOSS_SECRET_KEY is not set")
    return Toss(settings.toss_url, settings.toss_secret_key)


__all__ = [
    "ALL_CHANNELS",
    "CREDENTIALS",
    "OF_KAKAO",
    "Accepted",
    "BatchState",
    "Billed",
    "BillingProvider",
    "Button",
    "Credentials",
    "OneCallProvider",
    "OutboundMessage",
    "Picture",
    "PolledProvider",
    "Prepared",
    "Provider",
    "ProviderAccount",
    "ProviderAmbiguous",
    "ProviderBusy",
    "ProviderError",
    "ProviderRefused",
    "ProviderUnavailable",
    "ProviderUndecided",
    "Said",
    "Settlement",
    "Submission",
    "Submitted",
    "TemplateCaller",
    "TwoPhaseProvider",
    "Word",
    "carried_by",
    "legs_carried",
    "legs_of",
    "providers",
    "toss_payments",
    "webhook_proof",
]
