"""The daily audit of the ledger."""

import psycopg

from tests.endpoints import running
from tests.world import World


def _alerts(world: World) -> list[tuple[str, bool]]:
    rows = world.rows("select tenant, resolved_at = 'infinity' as open from alerts order by tenant, raised_at")
    return [(row["tenant"], row["open"]) for row in rows]


async def test_a_difference_is_an_alert_of_its_tenant_until_it_is_gone(world: World) -> None:
    wronged, sound = await world.tenant(), await world.tenant()
    async with running("reconcile", world) as function:
        assert (await function.post(b"")).json()["difference"] == 0
        assert _alerts(world) == []

        world.rows("update credit_accounts set balance = balance - 5 where tenant = %s returning tenant", wronged)
        for _ in range(2):
            assert (await function.post(b"")).json()["difference"] == 5
            assert _alerts(world) == [(wronged, True)]
        [told] = world.rows("select kind, detail from alerts")
        assert told["kind"] == "ledger_difference"
        assert told["detail"].startswith("the ledger and the messages differ by 5 won: ")

        world.rows("update credit_accounts set balance = balance + 5 where tenant = %s returning tenant", wronged)
        assert (await function.post(b"")).json()["accounts"] == 2
        assert _alerts(world) == [(wronged, False)]

        world.rows("update credit_accounts set balance = balance + 1 where tenant = %s returning tenant", sound)
        assert (await function.post(b"")).status_code == 200
        assert _alerts(world) == [(wronged, False), (sound, True)]


async def test_each_night_proves_what_was_closed_and_what_has_changed_since(world: World) -> None:
    await world.tenant()
    proofs = "select part, id from month_proofs order by part"
    async with running("reconcile", world) as function:
        assert (await function.post(b"")).json()["difference"] == 0
        assert world.rows(proofs) == []
        with psycopg.connect(world.migrated.url) as owner:
            owner.execute("select months.close(months.start_of(until) + interval '7 days') from partitions")
        nights = []
        for _ in range(2):
            assert (await function.post(b"")).json()["difference"] == 0
            nights.append(world.rows(proofs))
        assert nights[0] == nights[1]
        assert [row["part"] for row in nights[0]] == ["ledger_entries_past", "messages_past"]
        with psycopg.connect(world.migrated.url) as owner:
            owner.execute("update partitions set changes = changes + 1 where name = 'messages_past'")
        assert (await function.post(b"")).json()["disproved"] == 0
    entries, messages = world.rows(proofs)
    assert entries == nights[0][0]
    assert messages["id"] != nights[0][1]["id"]


async def test_an_audit_that_fails_asks_for_another_try(world: World) -> None:
    async with running("reconcile", world) as function:
        with psycopg.connect(world.migrated.url) as connection:
            connection.execute("alter table alerts rename to elsewhere")
        assert (await function.post(b"")).status_code == 500


async def test_messages_that_no_entry_explains_are_an_alert_though_no_won_differs(world: World) -> None:
    tenant = await world.tenant()
    with psycopg.connect(world.migrated.url) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(
            "insert into ledger_entries (tenant, id, kind, key, messages, created_at)"
            " values (%s, gen_random_uuid(), 'hold', 'free', array[gen_random_uuid()], %s)",
            [tenant, world.clock.now()],
        )
    async with running("reconcile", world) as function:
        figures = (await function.post(b"")).json()
    assert (figures["difference"], figures["missing"], figures["untraced"]) == (0, 1, 0)
    [told] = world.rows("select detail from alerts")
    assert told["detail"].startswith("the ledger and the messages differ by 0 won, 1 message missing, 0 untraced: ")
