"""Customers: who is reached, and how. Alone writes `customers` and their groups."""
