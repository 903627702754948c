"""A run: one workflow for one key, as the events seen so far tell it.

Events come late, twice and in any order, so a run is a set of registers, each holding the newest word on its matter:
when it was started, stopped, anchored, and when each other fact was last told. Applying the same events in any order
gives the same run. (A property test holds it to that.)
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from shared.contracts.text import clean_id
from shared.contracts.values import YEARS
from shared.platform.errors import AllimError
from shared.platform.paths import look_up
from shared.workflows.conditions import hold
from shared.workflows.definition import WorkflowDefinition

MAX_KEY = 400
KEPT_OF_A_LONG_KEY = 300
"""Characters; the digest of the whole follows, for an index holds no key of any length."""


class Happening(NamedTuple):
    """An event as workflows see it: what happened, when, and the fields that paths reach."""

    tenant: str
    source: str
    id: str
    type: str
    time: dt.datetime
    customer: str
    scope: Mapping[str, Any]


class Run(NamedTuple):
    """`…_as_of` is the time of the event that told it. `revision` grows whenever the timeline changes.

    anchored_by: the event that did, as `_anchoring` writes it; of two of one moment the greater counts.
    facts: by event type, when the newest event of it happened.
    data: for each field that an event told, `[since when, its value, by which event]`; `fields` has the values alone.
    """

    tenant: str
    workflow: str
    key: str
    version: int
    customer: str | None = None
    anchor_at: dt.datetime | None = None
    anchored_as_of: dt.datetime | None = None
    anchored_by: str = ""
    started_as_of: dt.datetime | None = None
    stopped_as_of: dt.datetime | None = None
    facts: Mapping[str, str] = {}
    data: Mapping[str, Any] = {}
    event_source: str | None = None
    event_id: str | None = None
    revision: int = 0

    @property
    def active(self) -> bool:
        """Started, and not stopped since. A stop at the very moment of the start wins."""
        started, stopped = self.started_as_of, self.stopped_as_of
        return started is not None and self.anchor_at is not None and (stopped is None or stopped < started)

    @property
    def fields(self) -> dict[str, Any]:
        """What the paths `data.…` of templates reach: each field as the newest event told it."""
        return {name: word[1] for name, word in self.data.items()}

    def seen(self, event_type: str) -> bool:
        """Whether the fact was told since the run was started."""
        told = self.facts.get(event_type)
        return told is not None and (
            self.started_as_of is None or dt.datetime.fromisoformat(told) >= self.started_as_of
        )

    @property
    def timeline(self) -> tuple[bool, dt.datetime | None]:
        """What a new revision is made for."""
        return self.active, self.anchor_at


class BadAnchor(AllimError):  # noqa: N818 - it names what the input is
    """The anchor's field holds no moment with a time zone."""

    def __init__(self, detail: str) -> None:
        super().__init__("bad_anchor", detail)


def key_of(definition: WorkflowDefinition, happening: Happening) -> str | None:
    """Which run of `definition` the event speaks of; None when it does not say."""
    if definition.key is None:
        return f"{happening.source} {happening.id}"  # a source is a URI reference, which holds no space
    value = look_up(happening.scope, definition.key)
    if isinstance(value, str):
        value = clean_id(value)
    if value is None or value == "" or isinstance(value, (dict, list)):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # to JSON, 7.0 is 7
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if len(text) <= MAX_KEY:
        return text
    return text[:KEPT_OF_A_LONG_KEY] + "…" + hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def starts(definition: WorkflowDefinition, happening: Happening) -> bool:
    return happening.type in definition.on and hold(definition.where, happening.scope)


def apply(run: Run, definition: WorkflowDefinition, happening: Happening) -> Run:
    """The run after one more event. An event that tells nothing new gives the same run.

    Raises:
        BadAnchor: the event starts or moves the run but carries no usable anchor.
    """
    changes: dict[str, Any] = {}
    begins = starts(definition, happening)
    if begins or happening.type in definition.move_on:
        changes |= _anchoring(run, definition, happening, begins=begins)
    if begins:
        changes["started_as_of"] = _newer(run.started_as_of, happening.time)
    if happening.type in definition.stop_on:
        changes["stopped_as_of"] = _newer(run.stopped_as_of, happening.time)
    if any(happening.type in step.unless for step in definition.steps):
        changes["facts"] = _told(run.facts, happening)
    if not changes:
        return run
    after = run._replace(**changes)
    return after if after.timeline == run.timeline else after._replace(revision=run.revision + 1)


def _anchoring(run: Run, definition: WorkflowDefinition, happening: Happening, *, begins: bool) -> dict[str, Any]:
    """What changes of a run whose anchor is told. `begins`: by an event that starts it.

    Of two events of one moment the greater counts, in whatever order they come: a move beats a start.
    """
    anchor_at = anchor_of(definition, happening)
    by = f"{int(not begins)} {happening.source} {happening.id}"
    changes: dict[str, Any] = {"data": _told_fields(run.data, happening, by)}
    if run.anchored_as_of is not None and (happening.time, by) <= (run.anchored_as_of, run.anchored_by):
        return changes
    return {
        **changes,
        "customer": happening.customer,
        "anchor_at": anchor_at,
        "anchored_as_of": happening.time,
        "anchored_by": by,
        "event_source": happening.source,
        "event_id": happening.id,
    }


def _told_fields(data: Mapping[str, Any], happening: Happening, by: str) -> Mapping[str, Any]:
    since = happening.time.isoformat()
    told = {
        name: [since, value, by]
        for name, value in happening.scope.get("data", {}).items()
        if name not in data or _older(data[name], happening.time, by)
    }
    return {**data, **told}


def _older(word: Sequence[Any], time: dt.datetime, by: str) -> bool:
    since, told_by = dt.datetime.fromisoformat(word[0]), word[2] if len(word) > 2 else ""
    return (since, told_by) < (time, by)


def anchor_of(definition: WorkflowDefinition, happening: Happening) -> dt.datetime:
    """The moment that the steps are relative to. Raises BadAnchor."""
    if definition.anchor is None:
        return happening.time
    value = look_up(happening.scope, definition.anchor)
    if not isinstance(value, str):
        raise BadAnchor(f"{definition.anchor} holds no time; expected for example 2026-11-21T17:30:00+09:00")
    try:
        moment = dt.datetime.fromisoformat(value)
    except ValueError as error:
        raise BadAnchor(f"{definition.anchor}: {value[:60]!r} is not an RFC 3339 time") from error
    if moment.tzinfo is None:
        raise BadAnchor(f"{definition.anchor}: {value[:60]!r} has no offset; write for example {value[:60]}+09:00")
    if moment.year not in YEARS:
        raise BadAnchor(f"{definition.anchor}: {value[:60]!r} is out of range")
    return moment.astimezone(dt.UTC)


def _told(facts: Mapping[str, str], happening: Happening) -> Mapping[str, str]:
    known = facts.get(happening.type)
    if known is not None and dt.datetime.fromisoformat(known) >= happening.time:
        return facts
    return {**facts, happening.type: happening.time.isoformat()}


def _newer(known: dt.datetime | None, told: dt.datetime) -> dt.datetime:
    return told if known is None else max(known, told)
