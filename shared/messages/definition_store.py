"""SQL of what a tenant sets up before it sends: itself, its provider accounts, its templates.

One function a statement. Saving what is already so changes nothing, and no tenant's revision grows by it.
"""

from __future__ import annotations

from collections.abc import Mapping

from shared.messages.composing import Approval
from shared.messages.templates import TemplateContent
from shared.platform.database import Connection, fetch_all
from shared.providers import ProviderAccount

SAVE_TENANT = """
insert into tenants (id, name) values (%(id)s, %(name)s)
on conflict (id) do update set name = excluded.name
"""


async def save_tenant(connection: Connection, tenant: str, name: str) -> None:
    """Add a tenant, or rename it.

    Its row stays locked until the transaction ends, so that two who save definitions at once follow one another.

    Args:
        connection: in a transaction of the database's owner; other roles may not add tenants.
        tenant: its id.
        name: what people call it.
    """
    await connection.execute(SAVE_TENANT, {"id": tenant, "name": name})


SAVE_ACCOUNT = """
insert into provider_accounts (tenant, id, provider, sender, kakao_channel, credentials)
values (%(tenant)s, %(id)s, %(provider)s, %(sender)s, %(kakao_channel)s, %(credentials)s)
on conflict (tenant, id) do update
set provider = excluded.provider, sender = excluded.sender, kakao_channel = excluded.kakao_channel,
    credentials = excluded.credentials
"""


async def save_account(connection: Connection, account: ProviderAccount, credentials: bytes) -> None:
    """Add a provider account, or replace what is known of it. `shared.messages.registering` seals and compares.

    Args:
        connection: of the database's owner.
        account: its `secrets` are not looked at.
        credentials: the sealed secrets.

    Raises:
        psycopg.errors.UniqueViolation: another account of the tenant is active.
    """
    await connection.execute(
        SAVE_ACCOUNT,
        {
            "tenant": account.tenant,
            "id": account.id,
            "provider": account.provider,
            "sender": account.sender,
            "kakao_channel": account.kakao_channel,
            "credentials": credentials,
        },
    )


SAVE_TEMPLATES = """
with given as (
  select * from unnest(%(names)s::text[], %(contents)s::jsonb[], %(approvals)s::text[]) as g (name, content, approval)
),
same as (
  select v.name, v.version, g.approval
  from given g
  join templates t on t.tenant = %(tenant)s and t.name = g.name
  join template_versions v on v.tenant = t.tenant and v.name = t.name and v.version = t.active_version
  where v.content = g.content
),
changed as (
  select g.*, 1 + coalesce(
    (select max(v.version) from template_versions v where v.tenant = %(tenant)s and v.name = g.name), 0
  ) as version
  from given g
  where g.name not in (select name from same)
),
written as (
  insert into template_versions (tenant, name, version, content, approval)
  select %(tenant)s, name, version, content, approval from changed
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
    connection: Connection, tenant: str, templates: Mapping[str, tuple[TemplateContent, Approval]]
) -> dict[str, int]:
    """Save templates; a new version is made, and becomes the active one, only where the content differs.

    Args:
        connection: in a transaction.
        tenant: whose.
        templates: by name, the content and what Kakao thinks of it.

    Returns:
        The new versions by name; nothing for a template whose content is as it was.
    """
    rows = await fetch_all(
        connection,
        SAVE_TEMPLATES,
        {
            "tenant": tenant,
            "names": list(templates),
            # As written: a default that changes later makes no new version of words that did not change.
            "contents": [content.model_dump_json(exclude_unset=True) for content, _ in templates.values()],
            "approvals": [approval for _, approval in templates.values()],
        },
    )
    return {row["name"]: row["version"] for row in rows}


async def save_template(
    connection: Connection, tenant: str, name: str, content: TemplateContent, approval: Approval = "draft"
) -> int | None:
    """Save one template, as `save_templates` does. Gives the number of the version that it made, if it made one."""
    return (await save_templates(connection, tenant, {name: (content, approval)})).get(name)
