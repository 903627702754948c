"""SQL of workflows as people write them. One function a statement; saving what is already so changes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from shared.platform.database import Connection, fetch_all
from shared.workflows.definition import WorkflowDefinition

SAVE_WORKFLOWS = """
with given as (
  select * from unnest(%(names)s::text[], %(definitions)s::jsonb[]) as g (name, definition)
),
same as (
  select g.name
  from given g
  join workflows w on w.tenant = %(tenant)s and w.name = g.name
  join workflow_versions v on v.tenant = w.tenant and v.name = w.name and v.version = w.active_version
  where v.definition = g.definition
),
changed as (
  select g.*, 1 + coalesce(
    (select max(v.version) from workflow_versions v where v.tenant = %(tenant)s and v.name = g.name), 0
  ) as version
  from given g
  where g.name not in (select name from same)
),
written as (
  insert into workflow_versions (tenant, name, version, definition)
  select %(tenant)s, name, version, definition from changed
),
activated as (
  insert into workflows (tenant, name, active_version)
  select %(tenant)s, name, version from changed
  on conflict (tenant, name) do update set active_version = excluded.active_version
)
select name, version from changed order by name
"""


async def save_workflows(
    connection: Connection, tenant: str, definitions: Sequence[WorkflowDefinition]
) -> dict[str, int]:
    """Save workflows; a new version is made, and becomes the active one, only where the definition differs.

    A workflow that was switched off stays off. A run that has begun keeps its version until its timeline changes.

    Args:
        connection: in a transaction.
        tenant: whose.
        definitions: no two of one name.

    Returns:
        The new versions by name; nothing for a workflow that is as it was.
    """
    rows = await fetch_all(
        connection,
        SAVE_WORKFLOWS,
        {
            "tenant": tenant,
            "names": [definition.name for definition in definitions],
            # As written: a default that changes later makes no new version of a rule that did not change.
            "definitions": [
                definition.model_dump_json(by_alias=True, exclude_unset=True) for definition in definitions
            ],
        },
    )
    return {row["name"]: row["version"] for row in rows}


async def save_workflow(connection: Connection, tenant: str, definition: WorkflowDefinition) -> int | None:
    """Save one workflow, as `save_workflows` does. Gives the number of the version that it made, if it made one."""
    return (await save_workflows(connection, tenant, [definition])).get(definition.name)
