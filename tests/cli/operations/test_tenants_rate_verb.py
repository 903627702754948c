"""`allim tenants rate`, where no stack is up."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import psycopg
import pytest

from local.home import CHECKOUT
from tests.cli.conftest import Run
from tests.databases import Migrated


@pytest.fixture
def saas(run: Run, database: Migrated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Migrated:
    """A database as in the cloud with one tenant."""
    monkeypatch.setenv("ALLIM_HOME", str(tmp_path / "nothing-is-up-here"))
    monkeypatch.setenv("DATABASE_URL", database.url)
    monkeypatch.setenv("ALLIM_ENCRYPTION_KEY", base64.b64encode(bytes(32)).decode())
    added = run("tenants", "add", CHECKOUT / "examples" / "saas")
    assert added.exit_code == 0, added.output
    return database


def _how_fast(run: Run) -> tuple[int | None, int | None]:
    shown = json.loads(run("tenants", "show", "saas", "--json").stdout)
    return shown["messages_per_second"], shown["burst"]


def test_an_account_has_a_rate_once_one_is_set_and_keeps_it_when_its_key_changes(run: Run, saas: Migrated) -> None:
    assert _how_fast(run) == (None, None)
    assert "as fast as its provider takes" in run("tenants", "show", "saas").stdout
    done = run("tenants", "rate", "saas", "--per-second", 50)
    assert (done.exit_code, done.stdout) == (0, "saas: 50 messages a second from now on\n")
    assert _how_fast(run) == (50, 500)
    assert "50 messages a second at most, 500 at once after a rest" in run("tenants", "show", "saas").stdout
    with psycopg.connect(saas.url) as connection:
        connection.execute("update provider_accounts set identity = 'of another key', credentials = ''")
    assert run("tenants", "add", CHECKOUT / "examples" / "saas").exit_code == 0
    assert _how_fast(run) == (50, 500)
    with psycopg.connect(saas.url) as connection:
        [(buckets,)] = connection.execute(
            "select count(*) from account_buckets where identity in (select identity from provider_accounts)"
        ).fetchall()
    assert buckets == 1, "and the new account at the provider has its bucket"
    limit = json.loads(run("tenants", "rate", "saas", "--per-second", 20, "--burst", 30, "--json").stdout)
    assert limit == {"tenants": ["saas"], "account": "main", "messages_per_second": 20}
    assert _how_fast(run) == (20, 30)
    assert run("tenants", "rate", "saas", "--no-limit").stdout == "saas: no limit from now on\n"
    assert _how_fast(run) == (None, None)


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        pytest.param((), 2, "--no-limit", id="nothing"),
        pytest.param(("--no-limit", "--per-second", 5), 2, "--no-limit", id="both"),
        pytest.param(("--per-second", 0), 1, "1 to 100,000", id="no message at all"),
        pytest.param(("--per-second", 5, "--burst", 0), 1, "1 to 1,000,000", id="no burst"),
        pytest.param(("--per-second", 5, "--account", "second"), 1, "no account", id="no such account"),
    ],
)
def test_a_rate_that_is_none_changes_nothing(
    run: Run, saas: Migrated, options: tuple[object, ...], code: int, told: str
) -> None:
    done = run("tenants", "rate", "saas", *options)
    assert done.exit_code == code
    assert told in done.output
    assert _how_fast(run) == (None, None)
