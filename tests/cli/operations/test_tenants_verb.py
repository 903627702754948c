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
        done = run("tenants", "add", folder, "--credit", 5000)
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


def test_customers_are_taken_from_a_file_as_korean_excel_saves_it(
    run: Run, database: Migrated, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database.url)
    monkeypatch.setenv("ALLIM_ENCRYPTION_KEY", KEY)
    people = '고객번호;휴대폰 번호;이름;동;비고\r\nc-1;1090004000;홍길동;101;"첫 줄\r\n둘째 줄"\r\n'
    (folder / "customers.csv").write_bytes(people.encode("cp949"))
    (folder / "groups.csv").write_text("group,name,customer\n")
    done = run("tenants", "add", folder)
    assert done.exit_code == 0, done.output
    with psycopg.connect(database.url) as connection:
        found = connection.execute("select id, phone, name, attributes from customers").fetchall()
    assert found == [("c-1", "01090004000", "홍길동", {"동": "101", "비고": "첫 줄\n둘째 줄"})]


def test_a_row_at_fault_is_told_with_its_file_line_and_column(run: Run, folder: Path) -> None:
    (folder / "customers.csv").write_text("ID,Phone\nc-1,010-9000-4000\nc-2,1.09E+09\n")
    refused = run("tenants", "add", folder)
    assert (refused.exit_code, len(refused.output.splitlines())) == (1, 1)
    assert "customers.csv: line 3.Phone: a spreadsheet has shortened Phone" in refused.output
    (folder / "customers.csv").write_bytes(b"PK\x03\x04")
    assert "Save As" in run("tenants", "add", folder).output
