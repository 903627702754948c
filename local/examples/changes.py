"""What writing a business's folder changes, for whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["added", "changed", "unchanged", "withdrawn"]
"""`withdrawn`: it is not in the folder any more. What is in the database stays; a workflow is off from then on."""

What = Literal["tenant", "account", "template", "workflow", "group", "customers"]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing of a business. `detail`: more about the change, where there is more; of customers, how many."""

    what: What
    name: str
    kind: Kind
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Customers:
    """How many of the file are new, say something new, or nothing new; and how many are known beside it."""

    added: int
    changed: int
    unchanged: int
    not_in_file: int


@dataclass(frozen=True, slots=True)
class Changes:
    """All of it, in the order of writing."""

    tenant: str
    things: Sequence[Change]
    customers: Customers

    @property
    def nothing(self) -> bool:
        """Whether all is as it was."""
        changed = any(
            thing.kind in ("added", "changed") or (thing.what in ("workflow", "account") and thing.kind == "withdrawn")
            for thing in self.things
        )
        return not changed and not self.customers.added and not self.customers.changed


def versioned(what: What, given: Iterable[str], before: Iterable[str], made: Mapping[str, int]) -> list[Change]:
    """What became of templates or workflows.

    Args:
        what: which of them.
        given: the names in the folder.
        before: the names that were there.
        made: the new versions by name.
    """
    names, known = sorted(given), set(before)
    changes = [
        Change(what, name, "changed" if name in known else "added", f"version {made[name]}")
        if name in made
        else Change(what, name, "unchanged")
        for name in names
    ]
    return changes + [Change(what, name, "withdrawn") for name in sorted(known - set(names))]
