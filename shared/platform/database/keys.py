"""How a statement that locks or changes rows looks up others by their keys, in a table that lies in months.

PostgreSQL 18 (18.4 is the newest we tried; 15 to 17 are not hit) keeps one state of choosing partitions at run time for
a statement and for its re-checks of rows that changed while it waited for them. Since its commit "Perform runtime
initial pruning outside ExecInitNode()", EvalPlanQualStart hands `es_part_prune_states` on, and the re-check writes its
own expressions there: it finds too few rows, and once it is over the statement reads memory that was freed, which ends
the server with everybody's connections. So no such statement may leave a choice of partitions to its run
(tests/credits/ledger/test_two_months.py).
"""

from __future__ import annotations


def is_one(key: str) -> str:
    """The right side of `id = …`: one key, which the planner takes for an array of unknown keys.

    By an array the index of each partition is asked that was not left out when the statement was planned; by the key
    itself a partition would be chosen while it runs. Say beside it between which ids the keys lie, where that is known
    (`months_of`), and put the look-up into a lateral sub-select of its own (`offset 0`, or one that locks), so that it
    stays one by the key.

    Args:
        key: a uuid, in SQL.
    """
    return f"any(array_append('{{}}'::uuid[], {key}))"
