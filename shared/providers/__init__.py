"""Providers on the wire. A new one is one module and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

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
}
"""By the names of those that messages can be sent by."""


def carried_by(provider: Provider, account: ProviderAccount) -> frozenset[str]:
    """The channels that an account carries: of its provider's those whose service it has, and AlimTalk where it has a
    KakaoTalk channel."""
    services = CREDENTIALS[provider.name].services
    closed = [opened for name, opened in services.items() if name not in account.secrets]
    return provider.channels.difference(*closed, () if account.kakao_channel else ("alimtalk",))


def providers(settings: Settings, clock: Clock) -> Mapping[str, Provider]:
    """Every provider by name."""
    from shared.providers.nhn import Nhn
    from shared.providers.sens import Sens
    from shared.providers.solapi import Solapi

    known: tuple[Provider, ...] = (
        Solapi(settings.solapi_url, clock),
        Nhn(settings.nhn_sms_url),
        Sens(settings.sens_url, clock),
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
    "Accepted",
    "BatchState",
    "Credentials",
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
    "carried_by",
    "providers",
    "toss_payments",
    "webhook_proof",
]
