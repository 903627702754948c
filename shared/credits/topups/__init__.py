"""Automatic top-ups: a registered card fills up credit that runs low."""
