"""Slack's incoming webhooks, as they answer on the wire."""
