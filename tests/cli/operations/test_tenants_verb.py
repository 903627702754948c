"""`allim tenants`, `workflows` and `templates`, where no stack is up."""

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest

from local.home import CHECKOUT
from local.stack import Stack
from tests.cli.conftest import Run
from tests.databases import Migrated

KEY = base64.b64encode(bytes(32)).decode()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ALLIM_HOME", str(tmp_path / "nothing-is-up-here"))
    return Path(shutil.copytree(CHECKOUT / "examples" / "saas", tmp_path / "my-business"))


@pytest.fixture
def cloud(database: Migrated, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Migrated:
    """A database as in the cloud: the environment names it."""
    monkeypatch.setenv("DATABASE_URL", database.url)
    monkeypatch.setenv("ALLIM_ENCRYPTION_KEY", KEY)
    return database


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def _json(run: Run, *arguments: object, code: int = 0) -> Any:
    done = run(*arguments, "--json")
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def _things(told: Any, *kinds: str) -> list[tuple[str, str, str, str | None]]:
    return [tuple(thing.values()) for thing in told["things"] if thing["kind"] in kinds]


def test_a_tenant_is_added_from_a_folder_and_added_again_is_not_there_twice(
    run: Run, cloud: Migrated, folder: Path
) -> None:
    first = run("tenants", "add", folder, "--credit", "5,000원")
    assert first.exit_code == 0, first.output
    assert "workflow   welcome" in first.stdout
    done = run("tenants", "add", folder, "--credit", 5000)
    assert done.stdout == (
        "unchanged: 1 tenant, 1 account, 9 templates, 5 workflows, 1 group\n"
        "saas is there; its webhook is <provider_webhook_address>/solapi/saas/main\n"
    )
    with psycopg.connect(cloud.url) as connection:
        assert connection.execute("select id from tenants").fetchall() == [("saas",)]
        assert connection.execute("select balance from credit_accounts").fetchall() == [(5000,)]
        assert connection.execute("select count(*) from workflows").fetchone() != (0,)


def test_migrate_fills_in_what_only_the_key_opens_and_says_what_it_could_not(
    run: Run, cloud: Migrated, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = "select digest from webhook_secrets"
    run("tenants", "add", folder)
    with psycopg.connect(cloud.url, autocommit=True) as connection:
        before = connection.execute(digests).fetchall()
        connection.execute("update webhook_secrets set digest = null")  # as the migration leaves them
        monkeypatch.delenv("ALLIM_ENCRYPTION_KEY")
        told = run("migrate").stdout
        assert "accounts whose provider's calls are refused: 1." in told
        assert "ALLIM_ENCRYPTION_KEY" in told
        monkeypatch.setenv("ALLIM_ENCRYPTION_KEY", base64.b64encode(bytes([1] * 32)).decode())
        assert _json(run, "migrate")["accounts_without_calls"] == 1
        monkeypatch.setenv("ALLIM_ENCRYPTION_KEY", KEY)
        assert run("migrate").stdout == "nothing to apply\n"
        assert connection.execute(digests).fetchall() == before != [(None,)]


def test_diff_tells_what_add_would_change_and_changes_nothing(run: Run, cloud: Migrated, folder: Path) -> None:
    before = _json(run, "tenants", "diff", folder, code=2)
    assert _things(before, "changed", "unchanged", "withdrawn") == []
    assert before["customers"] == {"added": 6, "changed": 0, "unchanged": 0, "not_in_file": 0}
    with psycopg.connect(cloud.url) as connection:
        assert connection.execute("select count(*) from tenants").fetchone() == (0,)
    added = _json(run, "tenants", "add", folder)
    assert {**before, "webhook": added["webhook"], "webhooks": {"main": added["webhook"]}} == added
    assert _json(run, "tenants", "diff", folder)["changed"] is False


def test_what_changed_is_told_thing_by_thing(run: Run, cloud: Migrated, folder: Path) -> None:
    run("tenants", "add", folder)
    _edit(folder / "tenant.yaml", "모아오피스", "새이름")
    _edit(folder / "tenant.yaml", "0212345670", "0212345671")
    _edit(folder / "workflows/dunning.yaml", "+3d", "+4d")
    _edit(folder / "templates/welcome.yaml", "approval: approved", "approval: submitted")
    _edit(folder / "templates/cancelled.yaml", "name: cancelled", "name: goodbye")
    (folder / "workflows/cancelled.yaml").unlink()
    _edit(folder / "groups.csv", "team-1,길동상회 운영팀,c-2\n", "team-2,새 팀,c-2\n")
    _edit(folder / "customers.csv", "강민지", "강민주")
    lines = (folder / "customers.csv").read_text(encoding="utf-8").splitlines()
    (folder / "customers.csv").write_text("\n".join([*lines[:-1], "c-9,새,010-9009-4000,,,,,ko"]), encoding="utf-8")
    told = _json(run, "tenants", "diff", folder, code=2)
    assert _things(told, "added", "changed", "withdrawn") == [
        ("tenant", "saas", "changed", None),
        ("account", "main", "changed", None),
        ("template", "goodbye", "added", "version 1"),
        ("template", "welcome", "changed", "approved → submitted"),
        ("template", "cancelled", "withdrawn", None),
        ("workflow", "dunning", "changed", "version 2"),
        ("workflow", "cancelled", "withdrawn", None),
        ("group", "team-1", "changed", None),
        ("group", "team-2", "added", None),
    ]
    assert told["customers"] == {"added": 1, "changed": 1, "unchanged": 4, "not_in_file": 1}
    done = run("tenants", "add", folder)
    assert "1 added, 1 changed, 4 unchanged, 1 not in file" in done.stdout
    assert "A workflow is off then" in done.stdout
    assert run("tenants", "diff", folder).exit_code == 0
    listed = {line["name"]: line for line in _json(run, "workflows", "list", "--tenant", "saas")}
    assert {name for name, line in listed.items() if line["withdrawn"]} == {"cancelled"}
    assert "withdrawn" in run("workflows", "list", "--tenant", "saas").stdout
    shutil.copy(CHECKOUT / "examples/saas/workflows/cancelled.yaml", folder / "workflows")
    shutil.copy(CHECKOUT / "examples/saas/templates/cancelled.yaml", folder / "templates/cancelled2.yaml")
    back = _json(run, "tenants", "add", folder)
    assert ("workflow", "cancelled", "added", "as before") in _things(back, "added")


def test_a_folder_is_checked_without_a_stack_and_without_a_database(run: Run, folder: Path) -> None:
    done = run("tenants", "check", folder)
    assert (done.exit_code, done.stdout) == (
        0,
        f"{folder} is in order (문제 없음): 9 templates, 5 workflows, 6 customers\n",
    )
    _edit(folder / "workflows/dunning.yaml", "stop_on", "stopon")
    (folder / "template").mkdir()
    (folder / "template/hello.yaml").write_text("x", encoding="utf-8")
    done = run("tenants", "check", folder)
    assert done.exit_code == 1
    problem, stranger, summary = done.stdout.splitlines()
    assert problem.startswith(f"{folder}/workflows/dunning.yaml:8: stopon: there is no such key; did you mean stop_on?")
    assert stranger.startswith(f"{folder}/template/hello.yaml: is not read; did you mean templates/hello.yaml?")
    assert summary == f"1 problem in {folder} (문제 1개)"
    told = _json(run, "tenants", "check", folder, code=1)
    assert [(each["line"], each["key"], each["code"]) for each in told["problems"]] == [(8, "stopon", "unknown_key")]
    assert [each["code"] for each in told["unread"]] == ["unknown_file"]


def test_a_customer_without_a_mobile_number_is_a_warning(run: Run, folder: Path) -> None:
    rows = "w-1,\nw-2,02-123-4567\nw-3,10-9000-4000\n"
    (folder / "customers.csv").write_text(f"id,phone\n{rows}", encoding="utf-8")
    (folder / "groups.csv").write_text("group,name,customer\n", encoding="utf-8")
    done = run("tenants", "check", folder)
    none, landline, _ = done.stdout.splitlines()
    assert done.exit_code == 0
    assert none.startswith(f"{folder}/customers.csv:2: phone: there is no phone number")
    assert landline.startswith(f"{folder}/customers.csv:3: phone: not a Korean mobile number")
    assert "123-4567" not in landline
    told = _json(run, "tenants", "check", folder)
    assert (told["ok"], [each["code"] for each in told["warnings"]]) == (True, ["missing_phone", "invalid_phone"])


def test_many_customers_without_a_number_are_counted(run: Run, folder: Path) -> None:
    rows = "".join(f"w-{number},\n" for number in range(30))
    (folder / "customers.csv").write_text(f"id,phone\n{rows}", encoding="utf-8")
    (folder / "groups.csv").write_text("group,name,customer\n", encoding="utf-8")
    warnings = _json(run, "tenants", "check", folder)["warnings"]
    assert (len(warnings), "and 10 more" in warnings[-1]["detail"]) == (20, True)


def test_add_gives_the_same_words_and_writes_nothing(run: Run, cloud: Migrated, folder: Path) -> None:
    _edit(folder / "workflows/dunning.yaml", "stop_on", "stopon")
    checked = run("tenants", "check", folder).stdout.splitlines()[0]
    for verb in ("add", "diff"):
        done = run("tenants", verb, folder)
        assert (done.exit_code, checked in done.output.splitlines()) == (1, True)
    with psycopg.connect(cloud.url) as connection:
        assert connection.execute("select count(*) from tenants").fetchone() == (0,)


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


@pytest.mark.parametrize("verb", ["add", "diff", "check"])
def test_a_folder_that_is_none_is_named(run: Run, folder: Path, verb: str) -> None:
    done = run("tenants", verb, folder / "nothing")
    assert (done.exit_code, "no_folder" in done.output) == (1, True)


def test_a_new_business_is_in_order_and_can_be_added(run: Run, cloud: Migrated, tmp_path: Path) -> None:
    bakery = tmp_path / "bakery"
    done = run("tenants", "new", bakery, "--name", "마음빵집: '본점'")
    assert done.exit_code == 0, done.output
    assert "1 template, 1 workflow, 0 customers" in run("tenants", "check", bakery).stdout
    assert _json(run, "tenants", "add", bakery)["tenant"] == "bakery"
    event = json.loads((bakery / "first-event.json").read_text(encoding="utf-8"))
    assert event["tenant"] == "bakery"
    assert _json(run, "workflows", "list", "--tenant", "bakery")[0]["definition"]["on"] == event["type"]
    assert "not_empty" in run("tenants", "new", bakery).output


@pytest.mark.parametrize(
    ("options", "code"),
    [(["--id", "Bakery"], "bad_id"), (["--id", "b"], "bad_id"), (["--name", 'a"b'], "bad_name")],
    ids=["id with a capital", "id of one letter", "name with a quote"],
)
def test_a_new_business_needs_an_id_and_a_name_that_can_be_used(
    run: Run, tmp_path: Path, options: list[str], code: str
) -> None:
    done = run("tenants", "new", tmp_path / "shop", *options)
    assert (done.exit_code, code in done.output) == (1, True)
    assert not (tmp_path / "shop").exists()


def test_accounts_of_a_list_are_added_changed_and_taken_out(run: Run, cloud: Migrated, folder: Path) -> None:
    run("tenants", "add", folder)
    file = folder / "tenant.yaml"
    one = file.read_text(encoding="utf-8")
    head, _, account = one.partition("account:\n")
    indented = "".join(f"  {line}\n" for line in account.splitlines() if not line.lstrip().startswith("#"))
    main = "  - " + indented.lstrip()
    file.write_text(
        f"{head}accounts:\n{main}{main.replace('id: main', 'id: second')}    weight: 30\n", encoding="utf-8"
    )
    added = _json(run, "tenants", "add", folder)
    assert _things(added, "added", "changed", "withdrawn") == [("account", "second", "added", None)]
    assert list(added["webhooks"]) == ["main", "second"]
    assert _json(run, "tenants", "diff", folder)["changed"] is False
    shown = [(each["id"], each["weight"]) for each in _json(run, "tenants", "show", "saas")["accounts"]]
    assert shown == [("main", 100), ("second", 30)]
    file.write_text(one, encoding="utf-8")
    assert ("account", "second", "withdrawn", None) in _things(
        _json(run, "tenants", "diff", folder, code=2), "withdrawn"
    )
    run("tenants", "add", folder)
    assert [each["id"] for each in _json(run, "tenants", "show", "saas")["accounts"]] == ["main"]
    assert _json(run, "tenants", "diff", folder)["changed"] is False


def test_tenants_are_listed_and_shown(run: Run, cloud: Migrated, folder: Path) -> None:
    assert "allim tenants new FOLDER" in run("tenants", "list").stdout
    run("tenants", "add", folder, "--credit", 5000)
    header, row = run("tenants", "list").stdout.splitlines()
    assert header.split()[:4] == ["tenant", "name", "state", "plan"]
    assert row.split() == ["saas", "모아오피스", "active", "FREE", "5,000", "5", "9", "6", "0"]
    [listed] = _json(run, "tenants", "list")
    shown = _json(run, "tenants", "show", "saas")
    [account] = shown["accounts"]
    assert (account["id"], account["carries"], account["active"]) == ("main", ["alimtalk", "sms", "mms", "brand"], True)
    assert shown == {**listed, "accounts": [account], "history": []}
    assert (shown["sender"], shown["kakao_channel"], shown["groups"]) == ("0212345670", "PFLOCALSAAS", 1)
    assert "solapi, account main, from 0212345670" in run("tenants", "show", "saas").stdout


def test_a_tenant_is_suspended_and_resumed_and_show_says_by_whom_and_why(
    run: Run, cloud: Migrated, folder: Path
) -> None:
    run("tenants", "add", folder)
    assert "saas is suspended" in run("tenants", "suspend", "saas", "--why", "미납 2개월", "--by", "kim").stdout
    assert "already_suspended" in run("tenants", "suspend", "saas", "--why", "again").output
    assert [tenant["suspended_at"] is None for tenant in _json(run, "tenants", "list")] == [False]
    assert "suspended since" in run("tenants", "show", "saas").stdout
    assert _json(run, "tenants", "resume", "saas", "--by", "lee") == {"tenant": "saas", "state": "resumed"}
    assert "not_suspended" in run("tenants", "resume", "saas").output
    history = _json(run, "tenants", "show", "saas")["history"]
    assert [(line["what"], line["done_by"], line["why"]) for line in history] == [
        ("resumed", "lee", None),
        ("suspended", "kim", "미납 2개월"),
    ]


def test_a_workflow_is_shown_as_its_file_has_it(run: Run, cloud: Migrated, folder: Path) -> None:
    run("tenants", "add", folder)
    _edit(folder / "workflows/dunning.yaml", "+3d", "+36h")
    run("tenants", "add", folder)
    listed = {line["name"]: line for line in _json(run, "workflows", "list", "--tenant", "saas")}
    assert (listed["dunning"]["version"], listed["dunning"]["active"]) == (2, True)
    shown = run("workflows", "show", "dunning", "--tenant", "saas").stdout
    assert "\nname: dunning\non: payment.failed\nkey: data.invoice_id\nsteps:\n- at: " in shown
    assert "- at: 36h\n  send: payment-failed-3d\n" in shown
    assert "# version 2 of " in shown.splitlines()[0]
    assert "# before: version 1 of " in shown.splitlines()[-1]
    assert len(_json(run, "workflows", "show", "dunning", "--tenant", "saas")) == 2


def test_a_workflow_is_switched_off_and_on_again(run: Run, cloud: Migrated, folder: Path) -> None:
    run("tenants", "add", folder)
    off, on = (["workflows", verb, "dunning", "--tenant", "saas"] for verb in ("off", "on"))
    assert run(*off).stdout == "dunning is off (꺼짐)\n"
    assert _json(run, *off) == {"name": "dunning", "active": False, "changed": False}
    assert "switched off" in run("workflows", "show", "dunning", "--tenant", "saas").stdout.splitlines()[0]
    assert run("tenants", "diff", folder).exit_code == 0
    assert _json(run, *on) == {"name": "dunning", "active": True, "changed": True}
    assert run(*on).stdout == "dunning is on already (켜짐)\n"


def test_a_template_is_shown_as_its_file_has_it(run: Run, cloud: Migrated, folder: Path) -> None:
    run("tenants", "add", folder)
    assert "welcome" in run("templates", "list", "--tenant", "saas").stdout
    shown = run("templates", "show", "welcome", "--tenant", "saas").stdout
    assert "\nname: welcome\ncategory: membership\napproval: approved\nvariables:\n  이름: customer.name\n" in shown
    assert "  text: |-\n    [모아오피스] 가입 완료 안내\n\n    #{이름}님" in shown
    [told] = _json(run, "templates", "show", "welcome", "--tenant", "saas")
    assert (told["name"], told["approval"], told["active"]) == ("welcome", "approved", True)


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("tenants show sass", "there is no tenant sass; did you mean saas?"),
        ("tenants suspend sass --why x", "there is no tenant sass; did you mean saas?"),
        ("tenants resume nobody", "there is no tenant nobody; `allim tenants list` shows them"),
        ("workflows list --tenant sass", "did you mean saas?"),
        ("workflows show duning --tenant saas", "saas has no workflow duning; did you mean dunning?"),
        ("workflows off duning --tenant saas", "saas has no workflow duning; did you mean dunning?"),
        ("templates show welcom --tenant saas", "saas has no template welcom; did you mean welcome?"),
        ("templates show zzz --tenant saas", "`allim templates list --tenant saas` shows them"),
    ],
)
def test_a_name_that_is_not_there_is_told_with_the_nearest(
    run: Run, cloud: Migrated, folder: Path, verb: str, said: str
) -> None:
    run("tenants", "add", folder)
    done = run(*verb.split())
    assert (done.exit_code, said in done.output) == (1, True), done.output


@pytest.mark.parametrize("group", ["tenants", "workflows", "templates"])
def test_every_verb_has_examples(run: Run, group: str) -> None:
    verbs = {
        "tenants": ["list", "show", "new", "check", "diff", "add", "suspend", "resume"],
        "workflows": ["list", "show", "off", "on"],
        "templates": ["list", "show"],
    }
    for verb in verbs[group]:
        done = run(group, verb, "--help")
        assert (done.exit_code, f"$ allim {group} {verb}" in done.output) == (0, True), verb


@pytest.mark.parametrize("verb", ["tenants list", "tenants add FOLDER", "keys rotate", "messages", "migrate"])
def test_a_stack_here_and_a_database_elsewhere_are_not_taken_for_each_other(
    run: Run, stack: Stack, folder: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://postgres.abc:secret@aws-0.pooler.supabase.com:6543/postgres")
    done = run(*verb.replace("FOLDER", str(folder)).split())
    assert (done.exit_code, done.stderr.split(":")[1].strip()) == (1, "two_databases")
    assert "secret" not in done.output
