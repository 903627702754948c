"""Tenants: businesses that send, and the provider accounts that they send by."""
