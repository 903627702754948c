"""Verbs of the stack on this machine."""
