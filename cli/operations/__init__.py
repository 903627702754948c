"""Verbs of who runs it."""
