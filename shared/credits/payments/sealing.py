"""Registered cards are kept sealed: who holds the database alone can't charge them."""

from __future__ import annotations

from shared.credits.payments.errors import card_unreadable
from shared.platform.crypto import seal, unseal


def seal_card(key: bytes, tenant: str, billing_key: str) -> bytes:
    """Seal a card for a tenant; it opens for no other.

    Args:
        key: 32 bytes.
        tenant: whose.
        billing_key: what Toss charges the card by.
    """
    return seal(key, {"billing_key": billing_key}, context=_context(tenant))


def open_card(key: bytes, tenant: str, sealed: bytes) -> str:
    """The billing key of a sealed card.

    Raises:
        CreditError: `card_unreadable`: it was sealed with another key or for another tenant, or is none.
    """
    from cryptography.exceptions import InvalidTag  # it takes its time, and most sweeps charge nobody

    try:
        return str(unseal(key, sealed, context=_context(tenant))["billing_key"])
    except (InvalidTag, ValueError, KeyError) as error:
        raise card_unreadable() from error


def _context(tenant: str) -> str:
    return f"{tenant}/billing"
