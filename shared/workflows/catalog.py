"""What a tenant's functions must know to react: its workflows and its templates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.messages import TemplateContent, TemplateVersion, active_templates
from shared.platform.database import Connection
from shared.platform.revisions import RevisionCache
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


async def load_catalogs(connection: Connection, tenants: Sequence[str]) -> Mapping[str, Catalog]:
    catalogs = {tenant: Catalog() for tenant in tenants}
    for row in await active_workflows(connection, tenants):
        version = WorkflowVersion(row["version"], WorkflowDefinition.model_validate(row["definition"]))
        for event_type in version.definition.event_types:
            catalogs[row["tenant"]].listening[event_type].append(version)
    for row in await active_templates(connection, tenants):
        content = TemplateContent.model_validate(row["content"])
        catalogs[row["tenant"]].templates[row["name"]] = TemplateVersion(
            row["name"], row["version"], content, row["approval"]
        )
    return catalogs


def catalog_cache() -> RevisionCache[Catalog]:
    return RevisionCache(load_catalogs)
