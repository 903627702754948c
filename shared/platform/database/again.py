"""What met an error that passes is tried again, whole: a deadlock, a lock that somebody holds, a dropped connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.platform.database.pool import PASSING_ERRORS
from shared.platform.logs import log

Result = TypeVar("Result")

PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds before each further try. After the last one whoever asked hears of the error."""


async def until_it_passes(what: str, work: Callable[[bool], Awaitable[Result]]) -> Result:
    """Do something in a transaction of its own, and once more where it met an error that a later try may not meet.

    Args:
        what: names it in the log.
        work: does it. Doing it twice must come to the same as once, for an error at the commit leaves open whether that
            came through. It is told whether it was tried before.

    Raises:
        One of PASSING_ERRORS: it did not pass.
    """
    tried = False
    for pause in PAUSES:
        try:
            return await work(tried)
        except PASSING_ERRORS as error:
            fields = {"error": type(error).__name__, "again_in": pause}
            log("database").warning(f"{what} is tried again", extra={"fields": fields})
        tried = True
        await asyncio.sleep(pause)
    return await work(tried)
