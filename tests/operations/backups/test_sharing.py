"""Several workers take of the same jobs; one that fails ends them all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from shared.operations.backups.sharing import share


async def test_each_job_is_done_once_whoever_does_it() -> None:
    done: list[int] = []

    async def work(jobs: Iterator[int]) -> None:
        for job in jobs:
            await asyncio.sleep(0)
            done.append(job)

    await share(range(20), [work] * 3)
    assert sorted(done) == list(range(20))


async def test_the_first_failure_is_raised_as_it_is_and_ends_the_others() -> None:
    ended: list[str] = []

    async def wait(jobs: Iterator[int]) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("waiting")

    async def fail(jobs: Iterator[int]) -> None:
        await asyncio.sleep(0)
        raise KeyError(next(jobs))

    with pytest.raises(KeyError, match="7"):
        await share([7], [wait, fail])
    assert ended == ["waiting"]
