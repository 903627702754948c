"""What nothing can carry is not offered."""

from shared.contracts.channels import CHANNELS
from shared.platform.settings import Settings
from shared.providers import providers
from shared.providers.inapp import InApp
from tests.clock import SettableClock
from tests.credits.ledger_world import LedgerWorld

CARRIED = {row.price for row in CHANNELS.values()}


def test_a_channel_has_a_row_when_a_provider_carries_it() -> None:
    every = providers(Settings(database_url="", google_cloud_project=""), SettableClock()).values()
    assert {channel for provider in (*every, InApp) for channel in provider.channels} == CHANNELS.keys()


async def test_what_has_a_price_can_be_carried_and_what_can_be_carried_has_a_price(world: LedgerWorld) -> None:
    tenant = await world.tenant()
    priced = [row["channel"] for row in world.rows("select channel from prices where tenant = %s", tenant)]
    assert sorted(priced) == sorted(CARRIED)
    assert {row["channel"] for row in world.rows("select channel from default_prices")} == CARRIED
    assert {row["channel"] for row in world.rows("select distinct channel from provider_prices")} <= CARRIED
