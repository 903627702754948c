"""How much an account is sent by, in the words of SQL."""

from __future__ import annotations


def effective_weight(account: str) -> str:
    """How much an account is sent by beside the others that carry the channel, as a part of another statement: 0 and
    more, and at 0 only what no other can send.

    Args:
        account: how that statement names the row of `provider_accounts`.
    """
    return f"{account}.weight"
