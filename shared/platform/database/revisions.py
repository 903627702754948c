"""What an instance remembers of a tenant, for as long as the tenant's revision stays the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

from shared.platform.database import Connection

Value = TypeVar("Value")


class RevisionCache(Generic[Value]):
    """Values by tenant. The revision comes with a statement that is made anyway, so nothing is ever stale.

    Args:
        load: reads the values of the given tenants in one statement; it must answer for each of them.
    """

    def __init__(self, load: Callable[[Connection, Sequence[str]], Awaitable[Mapping[str, Value]]]) -> None:
        self._load = load
        self._kept: dict[str, tuple[int, Value]] = {}

    async def get(self, connection: Connection, revisions: Mapping[str, int]) -> dict[str, Value]:
        """The values of the tenants in `revisions`, loaded again where the revision differs from the remembered one."""
        stale = [tenant for tenant, revision in revisions.items() if self._revision_of(tenant) != revision]
        if stale:
            for tenant, value in (await self._load(connection, stale)).items():
                self._kept[tenant] = (revisions[tenant], value)
        return {tenant: self._kept[tenant][1] for tenant in revisions}

    def remembered(self, tenant: str) -> tuple[int, Value] | None:
        """A tenant's revision and value as this instance has last seen them, which may be over."""
        return self._kept.get(tenant)

    def _revision_of(self, tenant: str) -> int | None:
        kept = self._kept.get(tenant)
        return kept[0] if kept else None
