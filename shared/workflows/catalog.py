"""What a tenant's functions must know to react: its workflows and its templates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from shared.platform.database import Connection
from shared.platform.database.revisions import RevisionCache
from shared.templates.store import active_templates
from shared.templates.template import TemplateContent, TemplateVersion
from shared.workflows.definition import WorkflowDefinition
from shared.workflows.planning import WorkflowVersion
from shared.workflows.store import active_workflows


@dataclass(slots=True)
class Catalog:
    """A tenant's active workflows by the event types they listen to, and its active templates by name."""

    listening: dict[str, list[WorkflowVersion]] = field(default_factory=lambda: defaultdict(list))
    templates: dict[str, TemplateVersion] = field(default_factory=dict)

    def workflows_for(self, event_type: str) -> Sequence[WorkflowVersion]:
        return self.listening.get(event_type, ())


class UnreadableDefinition(Exception):  # noqa: N818 - it names what was found
    """A stored workflow or template that this release can't read; `tenant` is whose it is."""

    def __init__(self, tenant: str, what: str, error: ValidationError) -> None:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        super().__init__(f"{what} of {tenant}: {'.'.join(map(str, first['loc']))}: {first['msg']}")
        self.tenant = tenant


async def load_catalogs(connection: Connection, tenants: Sequence[str]) -> Mapping[str, Catalog]:
    """Read what `tenants` have active. Raises UnreadableDefinition."""
    catalogs = {tenant: Catalog() for tenant in tenants}
    for row in await active_workflows(connection, tenants):
        version = WorkflowVersion(row["version"], read_definition(row))
        for event_type in version.definition.event_types:
            catalogs[row["tenant"]].listening[event_type].append(version)
    for row in await active_templates(connection, tenants):
        try:
            content = TemplateContent.model_validate(row["content"])
        except ValidationError as error:
            raise UnreadableDefinition(row["tenant"], f"template {row['name']}", error) from error
        catalogs[row["tenant"]].templates[row["name"]] = TemplateVersion(
            row["name"], row["version"], content, row["approval"]
        )
    return catalogs


def read_definition(row: Mapping[str, Any]) -> WorkflowDefinition:
    """The definition in a row of `workflow_versions`. Raises UnreadableDefinition."""
    try:
        return WorkflowDefinition.model_validate(row["definition"])
    except ValidationError as error:
        raise UnreadableDefinition(row["tenant"], f"workflow {row['name']}", error) from error


def catalog_cache() -> RevisionCache[Catalog]:
    return RevisionCache(load_catalogs)
