"""Credits: an append-only ledger, prices, payments, plans."""

from shared.credits.audits import audit, audit_by_tenant, disagreements, together
from shared.credits.errors import CreditError
from shared.credits.estimates import check_prices
from shared.credits.ledger import take_back, top_up, top_up_by_hand, whole_won
from shared.credits.plans_quota import Quota, read_quota
from shared.credits.preflights import Preflight, preflight

__all__ = [
    "CreditError",
    "Preflight",
    "Quota",
    "audit",
    "audit_by_tenant",
    "check_prices",
    "disagreements",
    "preflight",
    "read_quota",
    "take_back",
    "together",
    "top_up",
    "top_up_by_hand",
    "whole_won",
]
