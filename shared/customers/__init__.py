"""Customers: who they are and how they are reached."""

from shared.customers.phones import InvalidPhone, normalise_mobile

__all__ = ["InvalidPhone", "normalise_mobile"]
