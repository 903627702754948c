"""Payments through Toss: orders, cards, cancels, webhooks."""
