"""Providers on the wire. A new one is one module and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.contracts.channels import LEGS, leg_of
from shared.platform.clock import Clock, WallClock
from shared.platform.settings import Settings
from shared.providers.base import (
    ALL_CHANNELS,
    Accepted,
    BatchState,
    Billed,
    BillingProvider,
    OneCallProvider,
    OutboundMessage,
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
    TwoPhaseProvider,
    Word,
)

if TYPE_CHECKING:
    from shared.providers.toss import Toss


CREDENTIALS: Mapping[str, tuple[str, ...]] = {
    "solapi": ("api_key", "api_secret"),
    "nhn": ("app_key", "secret_key"),
    "sens": ("service_id", "access_key", "secret_key"),
    "smtp": ("url",),
    "kakao_me": ("rest_api_key", "refresh_token"),
}
"""By the names of those that messages can be sent by: what opens an account there. All of it is secret."""


def providers(settings: Settings, clock: Clock) -> Mapping[str, Provider]:
    """Every provider by name."""
    from shared.providers.kakao_me import KakaoMe
    from shared.providers.nhn import Nhn
    from shared.providers.sens import Sens
    from shared.providers.smtp import Smtp
    from shared.providers.solapi import Solapi

    known: tuple[Provider, ...] = (
        Solapi(settings.solapi_url, clock),
        Nhn(settings.nhn_sms_url),
        Sens(settings.sens_url, clock),
        Smtp(clock),
        KakaoMe(settings.kakao_url, settings.kakao_login_url, clock),
    )
    return {provider.name: provider for provider in known}


def legs_carried() -> Mapping[str, tuple[str, ...]]:
    """By the names of those that messages can be sent by: the channels of routes that they carry."""
    known = providers(Settings(database_url="", google_cloud_project=""), WallClock())
    legs = {name: {leg_of(channel) for channel in provider.channels} for name, provider in known.items()}
    return {name: tuple(leg for leg in LEGS if leg in carried) for name, carried in legs.items()}


def webhook_proof(provider: str, secret: str) -> str | None:
    """What each call of a provider carries where an account's webhook has that secret, and what its `proof_of` finds.
    None: it is none that calls us."""
    from shared.providers import nhn, smtp, solapi

    proofs = {
        solapi.Solapi.name: solapi.webhook_proof,
        nhn.Nhn.name: nhn.webhook_proof,
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
    "Accepted",
    "BatchState",
    "Billed",
    "BillingProvider",
    "OneCallProvider",
    "OutboundMessage",
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
    "TwoPhaseProvider",
    "Word",
    "legs_carried",
    "providers",
    "toss_payments",
    "webhook_proof",
]
