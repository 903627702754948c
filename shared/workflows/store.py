"""SQL of workflows, their runs and timers. One function a statement; `deciding_versions` alone decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from shared.platform.database import Connection, fetch_all
from shared.platform.database.version_store import deciding_versions
from shared.workflows.definition import WorkflowDefinition
from shared.workflows.planning import RunKey
from shared.workflows.runs import Run

LOCK_RUNS = """
select pg_advisory_xact_lock(hash) from (
  select distinct hashtextextended(tenant || '/' || workflow || '/' || key, 0) as hash
  from unnest(%(tenants)s::text[], %(workflows)s::text[], %(keys)s::text[]) as k (tenant, workflow, key)
  order by hash
) as hashes
"""

RUNS = """
select r.* from runs r
join (select distinct * from unnest(%(tenants)s::text[], %(workflows)s::text[], %(keys)s::text[]))
  as k (tenant, workflow, key) using (tenant, workflow, key)
"""


def key_columns(keys: Sequence[RunKey]) -> dict[str, Any]:
    """The parameters that name runs."""
    return {
        "tenants": [tenant for tenant, _, _ in keys],
        "workflows": [workflow for _, workflow, _ in keys],
        "keys": [key for _, _, key in keys],
    }


async def lock_runs(connection: Connection, keys: Sequence[RunKey]) -> None:
    """Let nobody else decide on these runs until the transaction ends; also on those that have no row yet."""
    await fetch_all(connection, LOCK_RUNS, key_columns(keys))


async def read_runs(connection: Connection, keys: Sequence[RunKey]) -> dict[RunKey, Run]:
    """The runs that exist, of those named."""
    rows = await fetch_all(connection, RUNS, key_columns(keys))
    return {(row["tenant"], row["workflow"], row["key"]): run_of(row) for row in rows}


def run_of(row: Mapping[str, Any]) -> Run:
    return Run(**{name: row[name] for name in Run._fields})


@dataclass(frozen=True, slots=True)
class StoredWorkflow:
    """A version of a workflow as it is kept: a definition that this release may or may not understand."""

    tenant: str
    name: str
    version: int
    definition: Mapping[str, Any]


VERSIONS_HEARD = 20
"""The newest of a workflow: who began with an older one than that hears as the one in force does."""

HEARD_WORKFLOWS = """
select v.tenant, v.name, v.version, v.definition, v.version = w.active_version as in_force, w.active
from workflows w join workflow_versions v on v.tenant = w.tenant and v.name = w.name
where w.tenant = any(%(tenants)s)
  and v.version <= w.active_version and v.version > w.active_version - %(versions)s
order by v.tenant, v.name, v.version desc
"""


@dataclass(frozen=True, slots=True)
class HeardWorkflow(StoredWorkflow):
    """`in_force`: it is the version that new runs begin with, if the workflow is `active`: not switched off."""

    in_force: bool
    active: bool


async def heard_workflows(connection: Connection, tenants: Sequence[str]) -> list[HeardWorkflow]:
    """The versions of every workflow of some tenants, of each workflow the one in force first.

    Also of those that are off: what has begun is moved, stopped and silenced all the same, so that a workflow which is
    switched on again says nothing stale.
    """
    parameters = {"tenants": list(tenants), "versions": VERSIONS_HEARD}
    return [HeardWorkflow(**row) for row in await fetch_all(connection, HEARD_WORKFLOWS, parameters)]


WORKFLOW_VERSIONS = """
select v.tenant, v.name, v.version, v.definition
from (select distinct * from unnest(%(tenants)s::text[], %(names)s::text[], %(versions)s::int[]))
  as w (tenant, name, version)
join workflow_versions v using (tenant, name, version)
"""


async def workflow_versions(connection: Connection, wanted: Sequence[tuple[str, str, int]]) -> list[StoredWorkflow]:
    """Named versions of workflows, by tenant, name and version."""
    parameters = {
        "tenants": [tenant for tenant, _, _ in wanted],
        "names": [name for _, name, _ in wanted],
        "versions": [version for _, _, version in wanted],
    }
    return [StoredWorkflow(**row) for row in await fetch_all(connection, WORKFLOW_VERSIONS, parameters)]


SAVE_WORKFLOWS = f"""
with given as (
  select * from unnest(%(names)s::text[], %(definitions)s::jsonb[]) as g (name, definition)
),
{deciding_versions("workflow", "definition")},
written as (
  insert into workflow_versions (tenant, name, version, definition, created_at)
  select %(tenant)s, name, version, definition, %(now)s from changed
),
activated as (
  insert into workflows (tenant, name, active_version)
  select %(tenant)s, name, version from changed
  on conflict (tenant, name) do update set active_version = excluded.active_version
)
select name, version from changed order by name
"""


async def save_workflows(
    connection: Connection, tenant: str, definitions: Sequence[WorkflowDefinition], *, now: dt.datetime
) -> dict[str, int]:
    """Save workflows; a new version is made, and becomes the active one, only where the definition differs.

    A workflow that is off stays off. A run that has begun keeps its version until its timeline changes.

    Args:
        connection: in a transaction.
        tenant: whose.
        definitions: no two of one name.
        now: the moment.

    Returns:
        The new versions by name; nothing for a workflow that is as it was.
    """
    rows = await fetch_all(
        connection,
        SAVE_WORKFLOWS,
        {
            "tenant": tenant,
            "now": now,
            "names": [definition.name for definition in definitions],
            # As written: a default that changes later makes no new version of a rule that did not change.
            "definitions": [
                definition.model_dump_json(by_alias=True, exclude_unset=True) for definition in definitions
            ],
        },
    )
    return {row["name"]: row["version"] for row in rows}


SWITCH_WORKFLOW = """
update workflows set active = %(on)s, withdrawn = false
where tenant = %(tenant)s and name = %(name)s and (active <> %(on)s or withdrawn)
returning name
"""


async def switch_workflow(connection: Connection, tenant: str, name: str, *, on: bool) -> bool:
    """Switch a workflow on or off, whatever its folder holds. Gives whether it was otherwise.

    One that is off begins no runs, and its claim ends what it has to say; runs that have begun still hear of moves and
    stops. Switched on again, it says what is still ahead.
    """
    return bool(await fetch_all(connection, SWITCH_WORKFLOW, {"tenant": tenant, "name": name, "on": on}))


WITHDRAW_WORKFLOWS = """
update workflows set active = name = any(%(kept)s), withdrawn = not name = any(%(kept)s)
where tenant = %(tenant)s and (active and not name = any(%(kept)s) or withdrawn and name = any(%(kept)s))
"""


async def withdraw_workflows(connection: Connection, tenant: str, *, but: Sequence[str]) -> None:
    """Switch off the workflows that a folder does not hold, and on again those that it holds again.

    Args:
        connection: in a transaction.
        tenant: whose.
        but: the names in the folder. Who was switched off by a person stays so.
    """
    await connection.execute(WITHDRAW_WORKFLOWS, {"tenant": tenant, "kept": list(but)})


class WorkflowLine(NamedTuple):
    """A version of a workflow for people.

    active: it is the newest of a workflow that is on.
    newest: it is the newest.
    withdrawn: the workflow is off because its file is gone from the folder.
    """

    name: str
    version: int
    created_at: dt.datetime
    active: bool
    newest: bool
    withdrawn: bool
    definition: Mapping[str, Any]


WORKFLOW_LINES = """
select v.name, v.version, v.created_at, w.active and v.version = w.active_version as active,
  v.version = w.active_version as newest, w.withdrawn, v.definition
from workflows w join workflow_versions v using (tenant, name)
where w.tenant = %(tenant)s and (%(name)s::text is null or v.name = %(name)s)
  and (%(name)s::text is not null or v.version = w.active_version)
order by v.name, v.version desc
"""


async def read_workflows(connection: Connection, tenant: str, name: str | None = None) -> list[WorkflowLine]:
    """The newest version of each workflow of a tenant; with a name all versions of that one, newest first."""
    parameters = {"tenant": tenant, "name": name}
    return [WorkflowLine(**row) for row in await fetch_all(connection, WORKFLOW_LINES, parameters)]
