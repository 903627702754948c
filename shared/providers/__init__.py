"""Providers on the wire. A new one is one module and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.platform.clock import Clock
from shared.platform.settings import Settings
from shared.providers.base import (
    Accepted,
    BatchState,
    OutboundMessage,
    Prepared,
    Provider,
    ProviderAccount,
    ProviderBusy,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    ProviderUndecided,
    Settlement,
)

if TYPE_CHECKING:
    from shared.providers.toss import Toss


SENDERS = ("solapi",)
"""The names of those that messages can be sent by."""


def providers(settings: Settings, clock: Clock) -> Mapping[str, Provider]:
    """Every provider by name."""
    from shared.providers.solapi import Solapi

    return {provider.name: provider for provider in (Solapi(settings.solapi_url, clock),)}


def webhook_proof(provider: str, secret: str) -> str | None:
    """What each call of a provider carries where an account's webhook has that secret, and what its `proof_of` finds.
    None: it is none that calls us."""
    from shared.providers import solapi

    return solapi.webhook_proof(secret) if provider == solapi.Solapi.name else None


def toss_payments(settings: Settings) -> Toss:
    """The merchant's payments. Raises ValueError when no secret key is set."""
    from shared.providers.toss import Toss

    if not settings.toss_secret_key:
        raise ValueError("TOSS_SECRET_KEY is not set")
    return Toss(settings.toss_url, settings.toss_secret_key)


__all__ = [
    "SENDERS",
    "Accepted",
    "BatchState",
    "OutboundMessage",
    "Prepared",
    "Provider",
    "ProviderAccount",
    "ProviderBusy",
    "ProviderError",
    "ProviderRefused",
    "ProviderUnavailable",
    "ProviderUndecided",
    "Settlement",
    "providers",
    "toss_payments",
    "webhook_proof",
]
