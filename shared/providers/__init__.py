"""Providers on the wire. A new one is one module and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.platform.clock import Clock
from shared.platform.settings import Settings
from shared.providers.base import (
    Accepted,
    BatchState,
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
    "fcm": ("project_id", "client_email", "private_key"),
    "inapp": (),
}
"""By the names of those that messages can be sent by: what opens an account there. All of it is secret."""

WITHOUT_SENDER = frozenset({"fcm", "inapp"})
"""Those that send from no telephone number."""


def providers(settings: Settings, clock: Clock) -> Mapping[str, Provider]:
    """Every provider by name that is somebody else's: the inbox is our own, and needs a database."""
    from shared.providers.fcm import Fcm
    from shared.providers.nhn import Nhn
    from shared.providers.sens import Sens
    from shared.providers.solapi import Solapi

    known: tuple[Provider, ...] = (
        Solapi(settings.solapi_url, clock),
        Nhn(settings.nhn_sms_url),
        Sens(settings.sens_url, clock),
        Fcm(settings.fcm_url, settings.google_oauth_url, clock),
    )
    return {provider.name: provider for provider in known}


def webhook_proof(provider: str, secret: str) -> str | None:
    """What each call of a provider carries where an account's webhook has that secret, and what its `proof_of` finds.
    None: it is none that calls us."""
    from shared.providers import nhn, solapi

    proofs = {solapi.Solapi.name: solapi.webhook_proof, nhn.Nhn.name: nhn.webhook_proof}
    return proofs[provider](secret) if provider in proofs else None


def toss_payments(settings: Settings) -> Toss:
    """The merchant's payments. Raises ValueError when no secret key is set."""
    from shared.providers.toss import Toss

    if not settings.toss_secret_key:
        raise ValueError("TOSS_SECRET_KEY is not set")
    return Toss(settings.toss_url, settings.toss_secret_key)


__all__ = [
    "CREDENTIALS",
    "WITHOUT_SENDER",
    "Accepted",
    "BatchState",
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
    "providers",
    "toss_payments",
    "webhook_proof",
]
