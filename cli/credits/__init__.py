"""Verbs of credit, payments and plans."""
