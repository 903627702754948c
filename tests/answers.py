"""Answers over HTTP that nobody can use, and the one that never comes."""

from __future__ import annotations

import asyncio

import httpx


async def nonsense() -> httpx.Response:
    """No JSON, and no text either."""
    return httpx.Response(200, content=b"\xff<html>")


async def another_shape() -> httpx.Response:
    """JSON of a shape that nobody has documented."""
    return httpx.Response(200, json=[{"status": 1}, None])


async def hangs() -> httpx.Response:
    """Whoever waits for it has a limit of his own, or waits for ever."""
    await asyncio.Event().wait()
    raise AssertionError
