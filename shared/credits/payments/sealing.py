"""Registered cards are kept sealed: who holds the database alone can't charge them."""

from __future__ import annotations

from shared.credits.payments.errors import card_unreadable
from shared.platform.crypto import Keys, SealError


def seal_card(keys: Keys, tenant: str, billing_key: str) -> bytes:
    """Seal a card for a tenant; it opens for no other.

    Args:
        keys: the first of them seals.
        tenant: whose.
        billing_key: what Toss charges the card by.
    """
    return keys.seal({"billing_key": billing_key}, context=context_of(tenant))


def open_card(keys: Keys, tenant: str, sealed: bytes) -> str:
    """The billing key of a sealed card.

    Raises:
        CreditError: `card_unreadable`: none of the keys opens it for this tenant, or it is none.
    """
    try:
        return str(keys.unseal(sealed, context=context_of(tenant))["billing_key"])
    except (SealError, KeyError) as error:
        raise card_unreadable() from error


def context_of(tenant: str) -> str:
    """What a card is bound to."""
    return f"{tenant}/billing"
