"""Toss calls: what it tells is looked up, and not believed."""
