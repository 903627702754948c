"""What an event comes to for a workflow that listens to it, as a value that can be kept beside the event."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from shared.workflows.conditions import unmet
from shared.workflows.definition import WorkflowDefinition
from shared.workflows.runs import Happening, Run

Did = Literal[
    "started",
    "moved",
    "stopped",
    "silenced",
    "told",
    "unmet",
    "known",
    "remembered",
    "already_stopped",
    "no_key",
    "bad_anchor",
]
SHOWN_OF_A_VALUE = 100
"""Characters: a field may hold anything."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one event in one workflow.

    did: `started`, `moved` and `stopped` say what became of the run. `silenced`: its steps of now on that have heard
        their `unless`. `told`: the run knows more, and its times stay. The others came to nothing: conditions `unmet`;
        `known` as much or newer; `remembered` for a run that has not started; `already_stopped`; `no_key` to tell which
        run; `bad_anchor`, which is a dead letter, too.
    run: its key; None where each event is a run of its own.
    anchor, was: the moment that its steps are relative to, and of a moved run the one before.
    spoke: messages made at once. `failed`: how many of them can't be sent, by their reason.
    waiting: when the steps that are to come are due, by the number of the step from 1.
    past: steps that were over when this happened.
    silenced: when the steps that will not speak were due, by their numbers.
    unmet: the conditions that did not hold: `path`, `wanted` (as a workflow writes it) and `is`, absent with the field.
    detail: of no key its path, of a bad anchor what is wrong with it.
    suspended: its tenant was then: whatever it makes waits.
    """

    workflow: str
    did: Did
    run: str | None = None
    anchor: dt.datetime | None = None
    was: dt.datetime | None = None
    spoke: int = 0
    failed: Mapping[str, int] = field(default_factory=dict)
    waiting: Mapping[str, dt.datetime] = field(default_factory=dict)
    past: int = 0
    silenced: Mapping[str, dt.datetime] = field(default_factory=dict)
    unmet: Sequence[Mapping[str, Any]] = ()
    detail: str | None = None
    suspended: bool = False

    @property
    def only_spoke(self) -> bool:
        """Whether its messages tell all of it."""
        left_over = self.waiting or self.past or self.failed or self.suspended
        return self.did == "started" and self.run is None and bool(self.spoke) and not left_over

    def fields(self) -> dict[str, Any]:
        """What is to say of it, for keeping."""
        return {name: value for name in Outcome.__slots__ if (value := getattr(self, name))}


def outcome_of(kept: Mapping[str, Any]) -> Outcome:
    """From what `fields` gave, as JSON has it."""
    moments = {name: dt.datetime.fromisoformat(kept[name]) for name in ("anchor", "was") if name in kept}
    steps = {
        name: {step: dt.datetime.fromisoformat(at) for step, at in kept[name].items()}
        for name in ("waiting", "silenced")
        if name in kept
    }
    return Outcome(**{**kept, **moments, **steps})


def came_to(before: Run, after: Run, definition: WorkflowDefinition, happening: Happening, now: dt.datetime) -> Outcome:
    """What an event came to for a run, before its steps are laid anew.

    Args:
        before, after: the run without the event and with it.
        definition: the workflow.
        happening: the event.
        now: steps due by then have spoken.
    """
    name, run = definition.name, None if definition.key is None else after.key
    if after.active and not before.active:
        return Outcome(name, "started", run, after.anchor_at)
    if after.active and after.anchor_at != before.anchor_at:
        return Outcome(name, "moved", run, after.anchor_at, before.anchor_at)
    if before.active and not after.active:
        return Outcome(name, "stopped", run)
    if after == before:
        failed = _unmet(definition, happening)
        return Outcome(name, "unmet", run, unmet=failed) if failed else Outcome(name, "known", run)
    if after.started_as_of is None:
        return Outcome(name, "remembered", run)
    if not after.active:
        return Outcome(name, "already_stopped", run)
    if after.facts != before.facts:
        return Outcome(name, "silenced", run, silenced=_silenced(after, definition, happening.type, now))
    return Outcome(name, "told", run)


def _unmet(definition: WorkflowDefinition, happening: Happening) -> list[dict[str, Any]]:
    if happening.type not in definition.on:
        return []
    return [
        {"path": path, "wanted": condition.written()} | ({} if value is None else {"is": _shown(value)})
        for path, condition, value in unmet(definition.where, happening.scope)
    ]


def _shown(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)[:SHOWN_OF_A_VALUE]


def _silenced(run: Run, definition: WorkflowDefinition, event_type: str, now: dt.datetime) -> dict[str, dt.datetime]:
    if run.anchor_at is None or not run.seen(event_type):
        return {}
    return {
        str(number): run.anchor_at + step.at
        for number, step in enumerate(definition.steps, 1)
        if event_type in step.unless and run.anchor_at + step.at > now
    }
