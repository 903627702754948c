"""The words and pictures that messages are written with, remembered: a version of a template never changes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping

from pydantic import ValidationError

from shared.platform.database import Connection
from shared.platform.logs import log
from shared.providers import Picture
from shared.templates.store import template_pictures, template_versions
from shared.templates.template import TemplateContent

TemplateVersionKey = tuple[str, str, int]
"""Tenant, name and version."""

MOST_BYTES_OF_PICTURES = 32 * 1_024 * 1_024
"""Remembered; those that were not needed for longest are asked for again."""


class KnownTemplates:
    """Versions of templates that were read once. One that can't be read is asked for again."""

    def __init__(self) -> None:
        self._kept: dict[TemplateVersionKey, TemplateContent] = {}
        self._pictures: OrderedDict[tuple[str, str], Picture] = OrderedDict()

    async def learn(self, connection: Connection, wanted: Iterable[TemplateVersionKey]) -> None:
        """Read those that are not known yet, and their pictures."""
        keys = set(wanted)
        if unknown := keys - self._kept.keys():
            await self._learn_words(connection, unknown)
        pictures = {
            (tenant, name)
            for tenant, template, version in keys
            if (content := self._kept.get((tenant, template, version)))
            for name in content.pictures.values()
        }
        if pictures:
            await self._learn_pictures(connection, pictures)

    async def _learn_words(self, connection: Connection, unknown: Iterable[TemplateVersionKey]) -> None:
        for row in await template_versions(connection, sorted(unknown)):
            try:
                self._kept[row.tenant, row.name, row.version] = TemplateContent.model_validate(row.content)
            except ValidationError:
                fields = {"tenant": row.tenant, "template": row.name, "version": row.version}
                log("sending").error("a template can't be read", extra={"fields": fields})

    async def _learn_pictures(self, connection: Connection, wanted: set[tuple[str, str]]) -> None:
        if unknown := wanted - self._pictures.keys():
            for row in await template_pictures(connection, sorted(unknown)):
                self._pictures[row.tenant, row.name] = Picture(row.name, row.content)
        for key in wanted & self._pictures.keys():
            self._pictures.move_to_end(key)
        size = sum(len(picture.content) for picture in self._pictures.values())
        while size > MOST_BYTES_OF_PICTURES and len(self._pictures) > len(wanted):
            size -= len(self._pictures.popitem(last=False)[1].content)

    def get(self, key: TemplateVersionKey) -> TemplateContent | None:
        """A version's words; None where nobody could read them, or all of its pictures."""
        content = self._kept.get(key)
        if content is None or not content.pictures:
            return content
        return content if all((key[0], name) in self._pictures for name in content.pictures.values()) else None

    def pictures(self, key: TemplateVersionKey) -> Mapping[str, Picture]:
        """A version's pictures that are known, by name."""
        content = self._kept.get(key)
        names = content.pictures.values() if content else ()
        return {name: self._pictures[key[0], name] for name in names if (key[0], name) in self._pictures}
