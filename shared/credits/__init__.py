"""Credits: an append-only ledger, prices, payments."""

from shared.credits.errors import CreditError
from shared.credits.ledger import audit, take_back, top_up, top_up_by_hand, whole_won

__all__ = ["CreditError", "audit", "take_back", "top_up", "top_up_by_hand", "whole_won"]
