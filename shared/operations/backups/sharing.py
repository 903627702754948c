"""Many files, and a few at once: whoever is free takes the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TypeVar

Job = TypeVar("Job")


async def share(jobs: Iterable[Job], workers: Sequence[Callable[[Iterator[Job]], Awaitable[None]]]) -> None:
    """Have all jobs done. The first failure ends every worker, and is raised.

    Args:
        jobs: in the order in which they are taken.
        workers: each takes of the jobs that are left until there are none.
    """
    left = iter(jobs)

    async def work(worker: Callable[[Iterator[Job]], Awaitable[None]]) -> None:
        await worker(left)

    try:
        async with asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(work(worker))
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
