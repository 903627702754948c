"""A key takes another's place while everything runs."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from cli.main import app
from shared.credits.payments.cards import save_billing_key
from shared.credits.payments.sealing import open_card, seal_card
from shared.operations.keys import rotating
from shared.operations.keys.rotating import UNNAMED, Unopened, holdings, may_be_dropped, rotate
from shared.platform.crypto import Keys, id_of_key
from shared.providers import ProviderAccount
from shared.tenants.accounts import load_accounts, register_account
from shared.tenants.store import save_tenant
from tests.clock import NOON
from tests.platform.test_sealing import as_before_keys_had_ids
from tests.world import World

OLD, NEW, GONE = (bytes([number]) * 32 for number in (1, 2, 3))
BEFORE, BOTH, AFTER = Keys([OLD]), Keys([NEW, OLD]), Keys([NEW])
OLD_ID, NEW_ID = id_of_key(OLD), id_of_key(NEW)


def _ignore(more: int) -> None:
    pass


@pytest.fixture
def world(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(rotating, "BATCH", 2)  # so that some values are many
    return world


async def _tenant(world: World, name: str, keys: Keys | None = BEFORE) -> None:
    """A tenant with two accounts and a card; without `keys`, sealed as before keys had ids."""
    await world.tenant(id_=name, account=False)
    async with world.owner.transaction() as connection:
        for account in ("first", "second"):
            told = ProviderAccount(name, account, "solapi", "021234567", "pf", {"webhook_secret": f"{name}-{account}"})
            await register_account(connection, keys or BEFORE, told, now=NOON)
        await save_billing_key(connection, name, "c", seal_card(keys or BEFORE, name, f"bk-{name}"), NOON)
    if keys is None:
        for account in ("first", "second"):
            sealed = as_before_keys_had_ids(OLD, {"webhook_secret": f"{name}-{account}"}, f"{name}/{account}")
            _put(world, name, account, sealed)
        card = as_before_keys_had_ids(OLD, {"billing_key": f"bk-{name}"}, f"{name}/billing")
        world.rows("update billing_keys set billing_key = %s where tenant = %s", card, name)


def _put(world: World, tenant: str, account: str, sealed: bytes) -> None:
    world.rows("update provider_accounts set credentials = %s where tenant = %s and id = %s", sealed, tenant, account)


async def _opens(world: World, keys: Keys, *tenants: str) -> bool:
    """Whether all that is sealed of some tenants is what it was."""
    async with world.owner.connection() as connection:
        loaded = await load_accounts(connection, tenants, keys)
    cards = {row["tenant"]: row["billing_key"] for row in world.rows("select tenant, billing_key from billing_keys")}
    return all(
        {name: account.secrets for name, account in loaded[tenant].items()}
        == {name: {"webhook_secret": f"{tenant}-{name}"} for name in ("first", "second")}
        and open_card(keys, tenant, cards[tenant]) == f"bk-{tenant}"
        for tenant in tenants
    )


async def test_every_value_is_sealed_anew_and_opens_without_the_old_key(world: World) -> None:
    await _tenant(world, "named")
    await _tenant(world, "from-before", None)
    await _tenant(world, "new-already", AFTER)
    looked_at: list[int] = []
    done = await rotate(world.owner, BOTH, looked_at.append)
    assert done.resealed == {"accounts": 4, "cards": 2}
    assert sum(looked_at) == 6
    assert (done.held, done.unopened) == ({NEW_ID: {"accounts": 6, "cards": 3}}, [])
    assert may_be_dropped(BOTH, done.held, done.unopened) == [OLD_ID]
    assert await _opens(world, AFTER, "named", "from-before", "new-already")


async def test_doing_it_again_changes_nothing(world: World) -> None:
    await _tenant(world, "academy")
    await rotate(world.owner, BOTH, _ignore)
    before = world.rows("select * from provider_accounts, billing_keys, tenants order by 1, 2")
    assert (await rotate(world.owner, BOTH, _ignore)).resealed == {"accounts": 0, "cards": 0}
    assert world.rows("select * from provider_accounts, billing_keys, tenants order by 1, 2") == before


async def test_it_may_end_anywhere_and_all_opens_meanwhile(world: World) -> None:
    for number in range(3):
        await _tenant(world, f"tenant-{number}")
    tenants = [f"tenant-{number}" for number in range(3)]

    def die(more: int) -> None:
        raise KeyboardInterrupt

    ended = 0
    while True:
        assert await _opens(world, BOTH, *tenants)
        try:
            await rotate(world.owner, BOTH, die)
            break
        except KeyboardInterrupt:
            ended += 1
            held = await holdings(world.owner)
            assert bool(held.get(OLD_ID)) is (OLD_ID not in may_be_dropped(BOTH, held))
    assert ended == 5  # three batches of accounts, two of cards
    assert await _opens(world, AFTER, *tenants)


async def test_twice_at_once_and_beside_who_saves_accounts_each_value_is_sealed_anew_once(world: World) -> None:
    tenants = [f"tenant-{number}" for number in range(4)]
    for tenant in tenants:
        await _tenant(world, tenant)

    async def save_again() -> None:
        for tenant in reversed(tenants):
            async with world.owner.transaction() as connection:
                await save_tenant(connection, tenant, tenant, now=NOON)
                secrets = {"webhook_secret": f"{tenant}-first"}
                told = ProviderAccount(tenant, "first", "solapi", "0299998888", "pf", secrets)
                await register_account(connection, BOTH, told, now=NOON)

    one, other, _ = await asyncio.gather(
        rotate(world.owner, BOTH, _ignore), rotate(world.owner, BOTH, _ignore), save_again()
    )
    assert one.resealed["cards"] + other.resealed["cards"] == 4
    assert await holdings(world.owner) == {NEW_ID: {"accounts": 8, "cards": 4}}
    assert await _opens(world, AFTER, *tenants)


async def test_what_is_registered_meanwhile_is_not_overwritten(world: World) -> None:
    await _tenant(world, "academy")
    changed = Keys([OLD]).seal({"webhook_secret": "newer"}, context="academy/first")
    place = rotating.PLACES[0]
    async with world.owner.transaction() as connection:
        values = await place.sealed_otherwise(connection, NEW_ID, None, 10)
        _put(world, "academy", "first", changed)
        anew = [(value, AFTER.seal({"webhook_secret": "older"}, context=value.context)) for value in values]
        assert await place.reseal(connection, anew) == 1
    kept = {row["id"]: row["credentials"] for row in world.rows("select id, credentials from provider_accounts")}
    assert kept["first"] == changed
    await rotate(world.owner, BOTH, _ignore)
    async with world.owner.connection() as connection:
        loaded = await load_accounts(connection, ["academy"], AFTER)
    assert loaded["academy"]["first"].secrets == {"webhook_secret": "newer"}


async def test_a_value_of_a_key_that_is_gone_is_its_tenants_matter_alone(world: World) -> None:
    await _tenant(world, "broken")
    await _tenant(world, "well")
    _put(world, "broken", "first", Keys([GONE]).seal({}, context="broken/first"))
    done = await rotate(world.owner, BOTH, _ignore)
    [left] = done.unopened
    assert (left.place, left.tenant, left.id, left.key) == ("accounts", "broken", "first", id_of_key(GONE))
    assert id_of_key(GONE) in left.why
    assert may_be_dropped(BOTH, done.held, done.unopened) == [OLD_ID], "it does not open that value either"
    async with world.owner.connection() as connection:
        loaded = await load_accounts(connection, ["broken", "well"], AFTER)
    assert {tenant: sorted(accounts) for tenant, accounts in loaded.items()} == {
        "broken": ["second"],
        "well": ["first", "second"],
    }


async def test_a_damaged_value_of_the_old_key_keeps_it(world: World) -> None:
    await _tenant(world, "broken")
    _put(world, "broken", "first", BEFORE.seal({}, context="another/row"))
    done = await rotate(world.owner, BOTH, _ignore)
    assert [left.key for left in done.unopened] == [OLD_ID]
    assert may_be_dropped(BOTH, done.held, done.unopened) == []


async def test_accounts_from_before_there_were_digests_are_given_theirs(world: World) -> None:
    await _tenant(world, "academy")
    before = world.rows("select * from webhook_secrets order by account")
    world.rows("update webhook_secrets set digest = null where account = 'first'")
    await rotate(world.owner, BOTH, _ignore)
    assert world.rows("select * from webhook_secrets order by account") == before


def test_every_column_of_ciphertext_is_a_place(shared_world: World) -> None:
    columns = shared_world.rows(
        "select c.table_name || '.' || c.column_name as name from information_schema.columns c"
        " join pg_class t on t.relname = c.table_name and t.relkind in ('r', 'p')"
        " and t.relnamespace = 'public'::regnamespace"
        " where c.table_schema = 'public' and c.data_type = 'bytea' order by 1"
    )
    sealed = {"provider_accounts.credentials", "billing_keys.billing_key"}
    plain = {"dead_letters.body", "events.fingerprint", "template_pictures.content", "webhook_secrets.digest"}
    assert {row["name"] for row in columns} == sealed | plain, "is the new one sealed? Then it is a place"
    assert len(rotating.PLACES) == len(sealed)


_IDS = [OLD_ID, NEW_ID, id_of_key(GONE), UNNAMED]
_COUNTS = st.dictionaries(st.sampled_from(["accounts", "cards"]), st.integers(0, 3), max_size=2)


@given(st.dictionaries(st.sampled_from(_IDS), _COUNTS), st.integers(0, 8))
def test_a_key_is_never_said_to_be_dropped_that_something_may_need(held: Any, tried: int) -> None:
    unopened = [Unopened("accounts", "t", str(number), UNNAMED, "") for number in range(tried)]
    droppable = may_be_dropped(BOTH, held, unopened)
    assert set(droppable) <= {OLD_ID}
    untried = sum(held.get(UNNAMED, {}).values()) > tried
    needed = sum(held.get(OLD_ID, {}).values()) > 0
    assert (droppable == [OLD_ID]) is not (untried or needed)


def _run(
    world: World, monkeypatch: pytest.MonkeyPatch, *arguments: str, keys: tuple[bytes, ...] = (NEW, OLD)
) -> Result:
    monkeypatch.setenv("ALLIM_HOME", "/nothing-is-up-here")
    monkeypatch.setenv("DATABASE_URL", world.migrated.url)
    monkeypatch.setenv("ALLIM_ENCRYPTION_KEY", ",".join(base64.b64encode(key).decode() for key in keys))
    return CliRunner().invoke(app, ["keys", *arguments])


async def test_the_verbs_show_ids_and_counts_and_no_key(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await _tenant(world, "named")
    await _tenant(world, "from-before", None)
    shown = await _in_thread(_run, world, monkeypatch, "show", "--json")
    assert json.loads(shown.stdout) == {
        "keys": [
            {"id": NEW_ID, "does": "seals", "accounts": 0, "cards": 0},
            {"id": OLD_ID, "does": "opens", "accounts": 2, "cards": 1},
        ],
        "without_id": {"accounts": 2, "cards": 1},
        "may_be_dropped": [],
        "unopened": [],
    }
    rotated = await _in_thread(_run, world, monkeypatch, "rotate")
    assert rotated.exit_code == 0, rotated.output
    assert "sealed anew: accounts 4, cards 2" in rotated.stdout
    assert f"{OLD_ID} may be dropped once {NEW_ID} is the first key of every function" in rotated.stdout
    for key in (OLD, NEW):
        assert base64.b64encode(key).decode() not in shown.output + rotated.output


async def test_the_verb_refuses_to_say_that_a_key_may_go_while_something_needs_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _tenant(world, "broken")
    _put(world, "broken", "first", BEFORE.seal({}, context="another/row"))
    rotated = await _in_thread(_run, world, monkeypatch, "rotate")
    assert rotated.exit_code == 1
    assert f"{OLD_ID} must stay: values sealed with it: 1" in rotated.stdout
    assert "accounts: broken/first has to be registered again" in rotated.stdout
    assert "may be dropped" not in rotated.stdout
    told = json.loads((await _in_thread(_run, world, monkeypatch, "rotate", "--json")).stdout)
    assert told["may_be_dropped"] == []
    assert told["resealed"] == {"accounts": 0, "cards": 0}
    assert [(value["tenant"], value["key"]) for value in told["unopened"]] == [("broken", OLD_ID)]


async def test_a_key_that_is_missing_is_shown(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await _tenant(world, "academy")
    shown = await _in_thread(_run, world, monkeypatch, "show", keys=(NEW,))
    assert [line.split()[:3] for line in shown.stdout.splitlines()[1:]] == [
        [NEW_ID, "seals", "0"],
        [OLD_ID, "is", "missing"],
    ]


async def _in_thread(work: Any, *arguments: Any, **named: Any) -> Any:
    return await asyncio.to_thread(work, *arguments, **named)
