"""Registered cards are kept sealed: who holds the database alone can't charge them."""

from __future__ import annotations

from shared.platform.crypto import Keys


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
        shared.platform.crypto.SealError: none of the keys opens it for this tenant.
        KeyError: it is none.
    """
    return str(keys.unseal(sealed, context=context_of(tenant))["billing_key"])


def context_of(tenant: str) -> str:
    """What a card is bound to."""
    return f"{tenant}/billing"
