"""SQL that reads what sending must know of a tenant: templates and provider accounts. One function a statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared.platform.database import Connection, fetch_all

TEMPLATE_VERSIONS = """
select v.tenant, v.name, v.version, v.content, v.approval
from unnest(%(tenants)s::text[], %(names)s::text[], %(versions)s::int[]) as w (tenant, name, version)
join template_versions v using (tenant, name, version)
"""


async def template_versions(connection: Connection, wanted: Sequence[tuple[str, str, int]]) -> list[dict[str, Any]]:
    """Named versions of templates: tenant, name, version, content."""
    tenants, names, versions = zip(*wanted, strict=True)
    return await fetch_all(
        connection, TEMPLATE_VERSIONS, {"tenants": list(tenants), "names": list(names), "versions": list(versions)}
    )


ACTIVE_TEMPLATES = """
select v.tenant, v.name, v.version, v.content, v.approval
from templates t join template_versions v on v.tenant = t.tenant and v.name = t.name and v.version = t.active_version
where t.tenant = any(%(tenants)s)
"""


async def active_templates(connection: Connection, tenants: Sequence[str]) -> list[dict[str, Any]]:
    """The active version of every template of some tenants."""
    return await fetch_all(connection, ACTIVE_TEMPLATES, {"tenants": list(tenants)})


ACCOUNTS = """
select tenant, id, provider, sender, kakao_channel, credentials from provider_accounts where tenant = any(%(tenants)s)
"""


async def provider_accounts(connection: Connection, tenants: Sequence[str]) -> list[dict[str, Any]]:
    """The provider accounts of some tenants, credentials sealed."""
    return await fetch_all(connection, ACCOUNTS, {"tenants": list(tenants)})
