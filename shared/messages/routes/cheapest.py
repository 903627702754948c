"""The route that costs least: decided for each message as it is made, where its route asks for that.

An attempt that fails costs nothing but time, so what counts is what a delivery is expected to cost: a channel's price,
divided by how often it delivered lately. A channel on which the customer can't be reached for now is left out, unless
there is no other.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from shared.contracts.channels import leg_of
from shared.messages.composing import NewMessage
from shared.messages.routes.cheapest_store import read_channel_figures, read_unreachable
from shared.messages.routing import Route
from shared.messages.status import Status
from shared.platform.clock import Clock
from shared.platform.database import Connection
from shared.templates.errors import ContentError
from shared.templates.fit import Fit
from shared.templates.template import TemplateVersion

REMEMBERED_FOR = dt.timedelta(minutes=1)
"""How long an instance goes by the same figures of a tenant."""

PRESUMED = 20
"""Attempts presumed of each channel before any was made, of which all but one delivered: a few real ones say little."""


class Figures(NamedTuple):
    """What a channel delivered lately. `price`: in won, for a delivery."""

    price: Decimal
    delivered: int = 0
    attempts: int = 0

    @property
    def expected_price(self) -> Decimal:
        return self.price * (self.attempts + PRESUMED) / (self.delivered + PRESUMED - 1)


ByChannel = Mapping[str, Figures]


def cheapest_first(
    route: Route, channels: Mapping[str, str], figures: ByChannel, unreachable: Collection[str]
) -> Route:
    """A route with its channels in the order of what a delivery is expected to cost.

    Args:
        route: as it was asked for. Of two that cost the same its order decides.
        channels: what each leg becomes; one that can't carry the words is not in it, and comes last.
        figures: by channel; one without a price comes last.
        unreachable: legs on which the customer can't be reached for now. They are left out where any other is left.
    """
    deadlines = dict(zip(route.channels, route.deadlines, strict=True))
    left = [leg for leg in route.channels if leg not in unreachable] or list(route.channels)

    def cost(leg: str) -> tuple[bool, Decimal]:
        known = figures.get(channels[leg]) if leg in channels else None
        return known is None, known.expected_price if known else Decimal(0)

    ordered = tuple(sorted(left, key=cost))
    return replace(route, channels=ordered, deadlines=tuple(deadlines[leg] for leg in ordered))


class CheapestRoutes:
    """Decides the routes of messages that are to cost least.

    Args:
        clock: the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, tuple[dt.datetime, ByChannel]] = {}

    async def decide(
        self,
        connection: Connection,
        messages: Sequence[NewMessage],
        templates: Mapping[str, Mapping[str, TemplateVersion]],
    ) -> list[NewMessage]:
        """Messages as they are, with the routes of those that ask for it. Where none does, no statement is made.

        Args:
            connection: of a role that may read messages, reports and prices.
            messages: about to be written.
            templates: the tenants' active ones, by name.
        """
        asking = [message for message in messages if message.route.cheapest and message.status is Status.QUEUED]
        if not asking:
            return list(messages)
        now = self._clock.now()
        figures = await self._figures(connection, {message.tenant for message in asking}, now)
        known = await read_unreachable(connection, {(each.tenant, each.customer) for each in asking}, now)
        unreachable: dict[tuple[str, str], set[str]] = defaultdict(set)
        for tenant, customer, channel in known:
            unreachable[tenant, customer].add(leg_of(channel))
        fits: dict[tuple[str, str, tuple[str, ...]], Fit] = {}
        decided = []
        for message in messages:
            if message.route.cheapest and message.status is Status.QUEUED:
                named = message.tenant, message.template, message.route.channels
                if (fit := fits.get(named)) is None:
                    content = templates[message.tenant][message.template].content
                    fit = fits[named] = Fit(content, message.route.channels)
                channels = _channels(fit, message.variables)
                lost = unreachable.get((message.tenant, message.customer), ())
                route = cheapest_first(message.route, channels, figures[message.tenant], lost)
                message = message._replace(route=route)
            decided.append(message)
        return decided

    async def _figures(
        self, connection: Connection, tenants: Collection[str], now: dt.datetime
    ) -> dict[str, ByChannel]:
        stale = [
            tenant
            for tenant in sorted(tenants)
            if tenant not in self._known or now - self._known[tenant][0] >= REMEMBERED_FOR
        ]
        if stale:
            found: dict[str, dict[str, Figures]] = {tenant: {} for tenant in stale}
            for row in await read_channel_figures(connection, stale, now):
                found[row.tenant][row.channel] = Figures(row.price, row.delivered, row.attempts)
            self._known |= {tenant: (now, by_channel) for tenant, by_channel in found.items()}
        return {tenant: self._known[tenant][1] for tenant in tenants}


def _channels(fit: Fit, variables: Mapping[str, str]) -> dict[str, str]:
    """What each leg becomes; nothing of one that can't carry the words."""
    try:
        return {leg_of(channel): channel for channel in fit.channels(variables)}
    except ContentError:
        return {}
