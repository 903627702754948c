"""Workflows: rules from events to messages, and the time they take."""
