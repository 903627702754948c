"""For whom a publisher may speak.

Pub/Sub does not tell who published. So each publisher that is not trusted with everything has a topic of its own, and
the topic's subscription pushes to an address that says what it is bound to. Who publishes can't change that address.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qs, urlencode

from shared.platform.errors import AllimError
from shared.platform.pubsub.publishing import SUBSCRIPTION_EVENTS
from shared.platform.signals.dead_letters import Poison

PATH = "/publishers/"

ATTRIBUTE = "allim-publisher"
"""The attribute of a dead letter that says whose it is, so that a replay goes to that publisher's topic."""


class Bound(NamedTuple):
    """A publisher and what it is bound to.

    tenants: for whom it may speak; for nobody else.
    sources: what an event's `source` may be: whole, or its beginning with a `*` behind it. Any, where there are none.
    """

    name: str
    tenants: tuple[str, ...]
    sources: tuple[str, ...] = ()

    @property
    def topic(self) -> str:
        return topic_of_publisher(self.name)

    @property
    def address(self) -> str:
        """Path and query of the address that its subscription pushes to; Terraform writes the same."""
        query = [("tenant", tenant) for tenant in self.tenants] + [("source", source) for source in self.sources]
        return f"{PATH}{self.name}?{urlencode(query)}"

    def refuse(self, tenant: object, source: object) -> None:
        """Look whether it may say what it says; what is None is not said.

        Raises:
            Poison: `publisher_not_allowed`. It is its own tenant's, never that of whom it named.
        """
        own = self.tenants[0] if len(self.tenants) == 1 else None
        if tenant is not None and tenant not in self.tenants:
            detail = (
                f"publisher {self.name} spoke for tenant {tenant}; it may for {', '.join(self.tenants) or 'nobody'}"
            )
            raise Poison("publisher_not_allowed", detail, tenant=own)
        if source is not None and self.sources and not any(_fits(source, allowed) for allowed in self.sources):
            detail = f"publisher {self.name} spoke as source {source}; it may as {', '.join(self.sources)}"
            raise Poison("publisher_not_allowed", detail, tenant=own)


def bound_at(path: str, query: str) -> Bound | None:
    """The publisher that a push to this address comes from; None at the address of whom is trusted with everything.

    Raises:
        AllimError: `unknown_address`: what is bound in a way that is not understood must not pass for unbound.
    """
    if path in ("", "/"):
        return None
    name = path.removeprefix(PATH)
    if not path.startswith(PATH) or not name or "/" in name:
        raise AllimError("unknown_address", f"nothing is pushed to {path}", status=404)
    bounds = parse_qs(query, keep_blank_values=True)
    if not bounds.keys() <= {"tenant", "source"} or any("" in values for values in bounds.values()):
        raise AllimError(
            "unknown_address", f"publisher {name} is bound by tenant=… and source=…, and not so", status=404
        )
    return Bound(name, tuple(bounds.get("tenant", ())), tuple(bounds.get("source", ())))


def topic_of_publisher(name: str) -> str:
    return f"{SUBSCRIPTION_EVENTS}-{name}"


def _fits(source: object, allowed: str) -> bool:
    if not isinstance(source, str):
        return False
    return source.startswith(allowed[:-1]) if allowed.endswith("*") else source == allowed
