"""The stack on which neighbours are measured by themselves, and what is wanted of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench import load
from bench.home import fresh_stack
from bench.saas import give_credit
from bench.watch import Watch
from local.examples.loading import load as load_examples
from local.home import Home
from local.stack import Stack

WANTED = 1.1
"""Beside the other's load the 99th percentile is no more than a tenth longer."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stack that is warm, with the example tenants; who publishes to it, and who sees what is delivered."""

    home: Home
    stack: Stack
    publisher: load.Publisher
    watch: Watch


@contextmanager
def warm_stack(singles: int) -> Iterator[Stage]:
    """A fresh stack as long as the `with` block, warmed up by so many messages. Raises as `fresh_stack` does."""
    with fresh_stack() as (home, stack):
        load_examples(stack)
        give_credit(stack)
        watch, publisher = Watch(stack.database_url), load.Publisher(stack)
        try:
            load.singles(publisher, watch, singles)
            yield Stage(home, stack, publisher, watch)
        finally:
            publisher.close()
            watch.close()
