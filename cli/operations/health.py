"""`allim health`: is all well?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from cli.joining import running_stack_if_any, with_database
from cli.output import AsJson, examples, print_json, print_table

if TYPE_CHECKING:
    from shared.operations.health.checks import Check
    from shared.platform.database import Database

EXAMPLES = examples(
    "allim health          # each check with its value and its limit",
    "allim health --json   # as the function `health` answers; exits with 1 when a check fails",
)


def health(as_json: AsJson = False) -> None:
    """Look whether all is well: database, ticks, outbox, queue, callbacks, providers, holds, dead letters, payments.

    Exits with 1 when a check fails.
    """
    stack = running_stack_if_any()
    from shared.operations.health.checks import State, overall, written
    from shared.operations.health.checks import as_json as answered
    from shared.operations.health.reading import examine
    from shared.platform.clock import WallClock

    clock = WallClock()

    async def work(database: Database) -> list[Check]:
        return await examine(database, clock)

    looked = with_database(stack, "allim_health", work)
    if as_json:
        print_json(answered(looked, clock.now()))
    else:
        rows = [
            (one.name, one.state, written(one.value, one.unit), written(one.limit, one.unit), one.sentence)
            for one in looked
        ]
        print_table(["check", "state", "value", "limit", ""], rows)
    if overall(looked) is State.FAIL:
        raise typer.Exit(1)
