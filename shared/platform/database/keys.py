"""How a statement that locks or changes rows looks up others by their keys, in a table that lies in months.

PostgreSQL 18 keeps one state of choosing partitions at run time for a statement and for its re-checks of rows that
changed while it waited for them (tried with 18.4; it came with "Perform runtime initial pruning outside
ExecInitNode()"). The re-check writes its own expressions there: it finds too few rows, and once it is over the
statement reads memory that was freed, which ends the server with everybody's connections. So no such statement may
leave a choice of partitions to its run (tests/schemas/months/test_locks.py).
"""

from __future__ import annotations


def is_one(key: str) -> str:
    """The right side of `id = …`: one key, which the planner takes for an array of unknown keys.

    By an array the index of each partition is asked that was not left out when the statement was planned; by the key
    itself a partition would be chosen while it runs. Say beside it between which ids the keys lie, where that is known
    (`months_of`), and put the look-up into a lateral sub-select of its own with `limit 1`: so it stays one by the key,
    and the planner, which takes an array for ten keys, knows that it finds one.

    Args:
        key: a uuid, in SQL.
    """
    return f"any(array_append('{{}}'::uuid[], {key}))"
