"""`allim tenants add`, where no stack is up."""

import base64
import shutil
from pathlib import Path

import psycopg
import pytest

from local.home import CHECKOUT
from tests.cli.conftest import Run
from tests.databases import Migrated

KEY = base64.b64encode(bytes(32)).decode()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ALLIM_HOME", str(tmp_path / "nothing-is-up-here"))
    return Path(shutil.copytree(CHECKOUT / "examples" / "saas", tmp_path / "my-business"))


def test_a_tenant_is_added_from_a_folder_and_added_again_is_not_there_twice(
    run: Run, database: Migrated, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database.url)
    monkeypatch.setenv("ALLIM_ENCRYPTION_KEY", KEY)
    for _ in range(2):
        done = run("tenants", "add", folder, "--credit", "5,000원")
        assert done.exit_code == 0, done.output
    assert done.stdout == "saas is there; its webhook is <provider_webhook_address>/solapi/saas/main\n"
    with psycopg.connect(database.url) as connection:
        assert connection.execute("select id from tenants").fetchall() == [("saas",)]
        assert connection.execute("select balance from credit_accounts").fetchall() == [(5000,)]
        assert connection.execute("select count(*) from workflows").fetchone() != (0,)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"DATABASE_URL": "", "ALLIM_ENCRYPTION_KEY": KEY}, "set DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://127.0.0.1:1/x", "ALLIM_ENCRYPTION_KEY": ""}, "set ALLIM_ENCRYPTION_KEY"),
        ({"DATABASE_URL": "postgresql://127.0.0.1:1/x", "ALLIM_ENCRYPTION_KEY": "c2hvcnQ="}, "bad_key"),
    ],
)
def test_what_is_missing_is_said_in_one_line(
    run: Run, folder: Path, environment: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    done = run("tenants", "add", folder)
    assert (done.exit_code, said in done.output, len(done.output.splitlines())) == (1, True, 1)


def test_a_folder_that_is_none_and_a_file_that_is_wrong_are_named(run: Run, folder: Path) -> None:
    assert "no_folder" in run("tenants", "add", folder / "nothing").output
    (folder / "tenant.yaml").write_text("id: [")
    assert "tenant.yaml: not YAML" in run("tenants", "add", folder).output
