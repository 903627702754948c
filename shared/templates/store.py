"""SQL of templates. One function a statement; `deciding_versions` alone decides: saving what is already so
changes nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from shared.contracts.alimtalk import Approval
from shared.platform.database import Connection, fetch_all
from shared.platform.database.version_store import deciding_versions
from shared.templates.template import TemplateContent


class StoredTemplate(NamedTuple):
    """A version of a template as it is kept: words that this release may or may not understand."""

    tenant: str
    name: str
    version: int
    content: Mapping[str, Any]
    approval: Approval


TEMPLATE_VERSIONS = """
select v.tenant, v.name, v.version, v.content, v.approval
from unnest(%(tenants)s::text[], %(names)s::text[], %(versions)s::int[]) as w (tenant, name, version)
join template_versions v using (tenant, name, version)
"""


async def template_versions(connection: Connection, wanted: Sequence[tuple[str, str, int]]) -> list[StoredTemplate]:
    """Named versions of templates, by tenant, name and version."""
    tenants, names, versions = zip(*wanted, strict=True)
    parameters = {"tenants": list(tenants), "names": list(names), "versions": list(versions)}
    return [StoredTemplate(**row) for row in await fetch_all(connection, TEMPLATE_VERSIONS, parameters)]


ACTIVE_TEMPLATES = """
select v.tenant, v.name, v.version, v.content, v.approval
from templates t join template_versions v on v.tenant = t.tenant and v.name = t.name and v.version = t.active_version
where t.tenant = any(%(tenants)s) and (%(name)s::text is null or t.name = %(name)s)
"""


async def active_templates(
    connection: Connection, tenants: Sequence[str], name: str | None = None
) -> list[StoredTemplate]:
    """The active version of every template of some tenants, or of that of one name."""
    parameters = {"tenants": list(tenants), "name": name}
    return [StoredTemplate(**row) for row in await fetch_all(connection, ACTIVE_TEMPLATES, parameters)]


SAVE_TEMPLATES = f"""
with given as (
  select g.name, g.content, coalesce(
    g.approval,
    (
      select v.approval from templates t join template_versions v using (tenant, name)
      where t.tenant = %(tenant)s and t.name = g.name and v.version = t.active_version
        and v.content -> 'alimtalk' = g.content -> 'alimtalk'
    ),
    'draft'
  ) as approval
  from unnest(%(names)s::text[], %(contents)s::jsonb[], %(approvals)s::text[]) as g (name, content, approval)
),
{deciding_versions("template", "content")},
written as (
  insert into template_versions (tenant, name, version, content, approval, created_at)
  select %(tenant)s, name, version, content, approval, %(now)s from changed
),
activated as (
  insert into templates (tenant, name, active_version)
  select %(tenant)s, name, version from changed
  on conflict (tenant, name) do update set active_version = excluded.active_version
),
judged as (
  update template_versions v set approval = s.approval
  from same s
  where v.tenant = %(tenant)s and v.name = s.name and v.version = s.version and v.approval <> s.approval
)
select name, version from changed order by name
"""


async def save_templates(
    connection: Connection,
    tenant: str,
    templates: Mapping[str, tuple[TemplateContent, Approval | None]],
    *,
    now: dt.datetime,
) -> dict[str, int]:
    """Save templates; a new version is made, and becomes the active one, only where the content differs.

    Args:
        connection: in a transaction.
        tenant: whose.
        templates: by name, the content and what Kakao thinks of it; None where that is for Kakao to say: then it is as
            of the version before, as long as its AlimTalk is the same, and else a draft.
        now: the moment.

    Returns:
        The new versions by name; nothing for a template whose content is as it was.
    """
    rows = await fetch_all(
        connection,
        SAVE_TEMPLATES,
        {
            "tenant": tenant,
            "now": now,
            "names": list(templates),
            # As written: a default that changes later makes no new version of words that did not change.
            "contents": [content.model_dump_json(exclude_unset=True) for content, _ in templates.values()],
            "approvals": [approval for _, approval in templates.values()],
        },
    )
    return {row["name"]: row["version"] for row in rows}


class StoredPicture(NamedTuple):
    """A picture of a tenant's templates. `name`: by its content."""

    tenant: str
    name: str
    content: bytes


PICTURES = """
select p.tenant, p.name, p.content
from unnest(%(tenants)s::text[], %(names)s::text[]) as w (tenant, name) join template_pictures p using (tenant, name)
"""


async def template_pictures(connection: Connection, wanted: Sequence[tuple[str, str]]) -> list[StoredPicture]:
    """Named pictures, by tenant and name."""
    parameters = {"tenants": [tenant for tenant, _ in wanted], "names": [name for _, name in wanted]}
    return [StoredPicture(**row) for row in await fetch_all(connection, PICTURES, parameters)]


SAVE_PICTURES = """
insert into template_pictures (tenant, name, content, created_at)
select %(tenant)s, name, content, %(now)s
from unnest(%(names)s::text[], %(contents)s::bytea[]) as p (name, content)
on conflict (tenant, name) do nothing
"""


async def save_pictures(
    connection: Connection, tenant: str, pictures: Mapping[str, bytes], *, now: dt.datetime
) -> None:
    """Keep pictures, by their names; one that is there already is the same."""
    parameters = {"tenant": tenant, "names": list(pictures), "contents": list(pictures.values()), "now": now}
    await connection.execute(SAVE_PICTURES, parameters)


class TemplateLine(NamedTuple):
    """A version of a template for people. `active`: it is the one that is sent."""

    name: str
    version: int
    created_at: dt.datetime
    active: bool
    approval: Approval
    content: Mapping[str, Any]


TEMPLATE_LINES = """
select v.name, v.version, v.created_at, v.version = t.active_version as active, v.approval, v.content
from templates t join template_versions v using (tenant, name)
where t.tenant = %(tenant)s and (%(name)s::text is null or v.name = %(name)s)
  and (%(name)s::text is not null or v.version = t.active_version)
order by v.name, v.version desc
"""


async def read_templates(connection: Connection, tenant: str, name: str | None = None) -> list[TemplateLine]:
    """The version of each template that is sent; with a name all versions of that one, newest first."""
    parameters = {"tenant": tenant, "name": name}
    return [TemplateLine(**row) for row in await fetch_all(connection, TEMPLATE_LINES, parameters)]


JUDGED_VERSIONS = """
select v.tenant, v.name, v.version, v.content, v.approval
from template_versions v join templates t on t.tenant = v.tenant and t.name = v.name
where v.tenant = %(tenant)s and (v.version = t.active_version or v.approval = 'submitted')
  and v.content #>> '{alimtalk,code}' is not null
order by v.name, v.version
"""


async def judged_versions(connection: Connection, tenant: str) -> list[StoredTemplate]:
    """The versions of a tenant that Kakao's verdicts are about: those that are sent, and those that are asked for."""
    return [StoredTemplate(**row) for row in await fetch_all(connection, JUDGED_VERSIONS, {"tenant": tenant})]


SET_APPROVALS = """
update template_versions v set approval = g.approval
from unnest(%(names)s::text[], %(versions)s::int[], %(approvals)s::text[]) as g (name, version, approval)
where v.tenant = %(tenant)s and v.name = g.name and v.version = g.version and v.approval <> g.approval
returning v.name, v.version
"""


async def set_approvals(
    connection: Connection, tenant: str, approvals: Mapping[tuple[str, int], Approval]
) -> set[tuple[str, int]]:
    """Say what Kakao thinks of versions, by name and version. Gives those of which it was another thing."""
    parameters = {
        "tenant": tenant,
        "names": [name for name, _ in approvals],
        "versions": [version for _, version in approvals],
        "approvals": list(approvals.values()),
    }
    return {(row["name"], row["version"]) for row in await fetch_all(connection, SET_APPROVALS, parameters)}
