"""A stack of the bench's own: fresh, on the disk where `allim up` keeps its data, gone afterwards."""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping

from local.home import Home
from local.stack import Stack, StackError, start_stack, stop_stack


@contextlib.contextmanager
def fresh_stack() -> Iterator[tuple[Home, Stack]]:
    """A new stack with the embedded Postgres and the built-in broker, up as long as the `with` block.

    Raises StackError when another bench runs in the same folder.
    """
    home = Home(Home.default().root / "bench")
    home.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with home.root.with_name("bench.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(f"another bench runs in {home.root}: wait for it, or set ALLIM_HOME") from None
        stop_stack(home, purge=True)  # what a killed bench left
        try:
            with environment({"DATABASE_URL": None}):  # statements are counted in the log of a server that is ours
                stack = start_stack(home, broker="built-in")
            yield home, stack
        finally:
            stop_stack(home, purge=True)


@contextlib.contextmanager
def environment(changes: Mapping[str, str | None]) -> Iterator[None]:
    """Environment variables set, or with None removed, as long as the `with` block."""
    before = {name: os.environ.get(name) for name in changes}
    _set(changes)
    try:
        yield
    finally:
        _set(before)


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
