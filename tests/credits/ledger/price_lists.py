"""Price lists as tenants may have them: most channels have a price; some had another before, or will have one."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from hypothesis import strategies as st

from tests.clock import NOON
from tests.credits.ledger.bookkeeping import BEFORE
from tests.credits.ledger.model import Price
from tests.scratch import INSTANT, Row, mostly

won = st.integers(0, 40).map(Decimal)
_changed = ((BEFORE, NOON), (BEFORE, NOON + INSTANT))
_since = mostly((BEFORE,), (NOON,), *_changed, *_changed, (NOON + INSTANT,), ())


@st.composite
def price_lists(draw: st.DrawFn, *channels: str) -> list[Price]:
    """The prices of some channels, as they were written, in any order."""
    return draw(st.permutations([(channel, since, draw(won)) for channel in channels for since in draw(_since)]))


def price_rows(tenant: str, prices: Iterable[Price]) -> list[Row]:
    return [{"tenant": tenant, "channel": channel, "valid_from": since, "price": won} for channel, since, won in prices]
