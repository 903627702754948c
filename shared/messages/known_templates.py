"""The words that messages are written with, remembered: a version of a template never changes."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError

from shared.platform.database import Connection
from shared.platform.logs import log
from shared.templates.store import template_versions
from shared.templates.template import TemplateContent

TemplateVersionKey = tuple[str, str, int]
"""Tenant, name and version."""


class KnownTemplates:
    """Versions of templates that were read once. One that can't be read is asked for again."""

    def __init__(self) -> None:
        self._kept: dict[TemplateVersionKey, TemplateContent] = {}

    async def learn(self, connection: Connection, wanted: Iterable[TemplateVersionKey]) -> None:
        """Read those that are not known yet."""
        unknown = set(wanted) - self._kept.keys()
        if not unknown:
            return
        for row in await template_versions(connection, sorted(unknown)):
            try:
                self._kept[row.tenant, row.name, row.version] = TemplateContent.model_validate(row.content)
            except ValidationError:
                fields = {"tenant": row.tenant, "template": row.name, "version": row.version}
                log("sending").error("a template can't be read", extra={"fields": fields})

    def get(self, key: TemplateVersionKey) -> TemplateContent | None:
        """A version's words; None where nobody could read them."""
        return self._kept.get(key)
