"""What a tenant's functions must know to react: its workflows and its templates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from shared.platform.database import Connection
from shared.platform.database.revisions import RevisionCache
from shared.platform.errors import AllimError, misfits
from shared.platform.logs import log
from shared.templates.store import active_templates
from shared.templates.template import TemplateContent, TemplateVersion
from shared.workflows.definition import WorkflowDefinition
from shared.workflows.planning import WorkflowVersion
from shared.workflows.store import StoredWorkflow, heard_workflows


@dataclass(slots=True)
class Catalog:
    """A tenant's workflows by the event types they listen to, and its active templates by name."""

    listening: dict[str, list[WorkflowVersion]] = field(default_factory=lambda: defaultdict(list))
    templates: dict[str, TemplateVersion] = field(default_factory=dict)

    def workflows_for(self, event_type: str) -> Sequence[WorkflowVersion]:
        return self.listening.get(event_type, ())


class UnreadableDefinition(AllimError):  # noqa: N818 - it names what was found
    """A stored workflow or template that this release can't read; `tenant` is whose it is."""

    def __init__(self, tenant: str, what: str, error: ValidationError) -> None:
        first, *_ = misfits(error)
        super().__init__("unreadable_definition", f"{what} of {tenant}: {first.named}", field=first.field)
        self.tenant = tenant


async def load_catalogs(connection: Connection, tenants: Sequence[str]) -> Mapping[str, Catalog]:
    """Read what `tenants` have, and what runs of older versions still hear.

    Raises UnreadableDefinition, but for what begins no runs.
    """
    catalogs = {tenant: Catalog() for tenant in tenants}
    in_force: dict[tuple[str, str], WorkflowDefinition] = {}
    for stored in await heard_workflows(connection, tenants):
        begins = stored.in_force and stored.active
        try:
            definition = read_definition(stored)
        except UnreadableDefinition as unreadable:
            if begins:
                raise
            log("catalog").warning("a version that begins no runs is not heard: %s", unreadable)
            continue
        if stored.in_force:
            in_force[stored.tenant, stored.name] = definition
            event_types = definition.event_types
        else:
            definition = definition.model_copy(update={"on": ()})
            newest = in_force.get((stored.tenant, stored.name))
            event_types = frozenset(_only_heard_by(definition, newest)) if newest else definition.event_types
        for event_type in event_types:
            version = WorkflowVersion(stored.version, definition, in_force=stored.in_force, begins=begins)
            catalogs[stored.tenant].listening[event_type].append(version)
    for kept in await active_templates(connection, tenants):
        try:
            content = TemplateContent.model_validate(kept.content)
        except ValidationError as error:
            raise UnreadableDefinition(kept.tenant, f"template {kept.name}", error) from error
        template = TemplateVersion(kept.name, kept.version, content, kept.approval)
        catalogs[kept.tenant].templates[kept.name] = template
    return catalogs


def _only_heard_by(older: WorkflowDefinition, in_force: WorkflowDefinition) -> Iterator[str]:
    """The event types that move, stop or silence a run of an older version, and mean less to the one in force."""
    for event_type in older.event_types:
        if older.meanings_of(event_type) - in_force.meanings_of(event_type):
            yield event_type


def read_definition(stored: StoredWorkflow) -> WorkflowDefinition:
    """What a stored workflow says. Raises UnreadableDefinition."""
    try:
        return WorkflowDefinition.model_validate(stored.definition)
    except ValidationError as error:
        raise UnreadableDefinition(stored.tenant, f"workflow {stored.name}", error) from error


def catalog_cache() -> RevisionCache[Catalog]:
    return RevisionCache(load_catalogs)
