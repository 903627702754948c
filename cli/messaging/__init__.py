"""Verbs that send, and that show what was sent and what came in."""
