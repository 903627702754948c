import json
import re
from pathlib import Path

import psycopg
import pytest

from local.home import Home
from local.stack import Stack
from tests.cli.conftest import Run
from tests.databases import Migrated

SEND = ("send", "--tenant", "saas", "--template", "welcome", "--customers")


def test_a_dry_run_shows_words_and_cost_and_sends_nothing(run: Run, stack: Stack, customers: Path) -> None:
    result = run(*SEND, customers, "--dry-run")
    assert result.exit_code == 0
    assert "홍길동님, [b]환영[/b]합니다." in result.stdout
    assert "Estimated cost: 30 to 40 won" in result.stdout
    assert "invalid_phone" in result.stdout
    assert "90004000" not in result.stdout
    assert json.loads(run("messages", "--json").stdout) == []


def test_a_dry_run_says_what_stands_in_the_way_and_exits_with_1(run: Run, stack: Stack, customers: Path) -> None:
    with psycopg.connect(stack.database_url) as connection:
        connection.execute("update provider_accounts set active = false where tenant = 'saas'")
    result = run(*SEND, customers, "--dry-run")
    assert result.exit_code == 1
    assert "no_provider_account" in result.stdout
    [failed] = [
        check
        for check in json.loads(run(*SEND, customers, "--dry-run", "--json").stdout)["preflight"]["checks"]
        if check["verdict"] == "failed"
    ]
    assert (failed["name"], failed["detail_ko"]) == ("sender", "사용 중인 발송 계정이 없습니다.")


def test_a_send_queues_what_it_can_and_lists_and_stories_tell_of_it(run: Run, stack: Stack, customers: Path) -> None:
    # There is no topic to publish to here: the rows are what counts.
    sent = json.loads(run(*SEND, customers, "--json", "--key", "k").stdout)
    assert (sent["dry_run"], sent["asked"], sent["queued"], sent["failed"]) == (False, 3, 2, {"invalid_phone": 1})
    assert (sent["tickets"], sent["preflight"]["estimate"]["at_most"], sent["preflight"]["ready"]) == (1, "40.00", True)
    assert sent["problems"] == [
        {
            "line": 3,
            "code": "invalid_phone",
            "detail": "한국 휴대전화 번호가 아닙니다. 예: 010-1234-5678 "
            "(not a Korean mobile number; expected for example 010-1234-5678)",
            "customer": "c-2",
            "column": None,
            "detail_ko": None,
        }
    ]
    listed = json.loads(run("messages", "--json").stdout)
    assert {message["customer"]: message["status"] for message in listed} == {
        "c-1": "queued",
        "c-2": "failed",
        "c-3": "queued",
    }
    fields = {"id", "tenant", "customer", "workflow", "event", "channel", "status", "reason", "provider"}
    assert fields | {"provider_message_id", "price", "created_at", "updated_at"} <= listed[0].keys()
    (failed,) = json.loads(run("messages", "--tenant", "saas", "--status", "failed", "--json").stdout)
    told = json.loads(run("show", failed["id"], "--json").stdout)
    assert [chapter["what"] for chapter in told["chapters"]] == ["composed", "status"]
    assert told["message"]["key"] == "k"
    waiting = run("show", next(message["id"] for message in listed if message["customer"] == "c-1"))
    assert "waits for bulk-send-requests" in waiting.stdout
    assert "[b]환영[/b]" in waiting.stdout
    assert "010****4000" in waiting.stdout
    table = run("messages", "--limit", "2").stdout
    assert len(table.splitlines()) == 3
    again = run(*SEND, customers, "--key", "k")
    assert again.exit_code == 0
    assert "sent before with key k" in again.stdout
    customers.write_text(customers.read_text().replace("nonsense", "010-9002-4000"))
    mended = json.loads(run(*SEND, customers, "--json", "--key", "k").stdout)
    assert (mended["queued"], mended["already"], mended["problems"]) == (1, 2, [])


def test_a_send_from_a_workbook_says_how_to_save_it(run: Run, stack: Stack, customers: Path) -> None:
    customers.write_bytes(b"PK\x03\x04 and so on")
    refused = run(*SEND, customers)
    assert (refused.exit_code, len(refused.output.splitlines())) == (1, 1)
    assert "spreadsheet_file" in refused.output
    assert "CSV UTF-8" in refused.output
    assert "엑셀" in refused.output


def test_a_row_that_cannot_be_sent_is_told_in_both_languages(run: Run, stack: Stack, customers: Path) -> None:
    customers.write_text("고객번호;Phone;이름\nc-1;1090004000;홍길동\nc-2;1.09E+09;김\n")
    told = run(*SEND, customers, "--dry-run")
    assert re.search(r"^ *3 +Phone +c-2 +shortened_number .*텍스트", told.stdout, re.MULTILINE)
    assert "010****4000" in told.stdout


def test_what_a_send_would_do_is_counted_as_people_write_numbers(run: Run, stack: Stack, customers: Path) -> None:
    customers.write_text("id,phone,name\n" + "".join(f"c-{n},010-9000-{n:04d},김\n" for n in range(1_500)))
    told = run(*SEND, customers, "--dry-run").stdout
    assert re.search(r"^rows +1,500$", told, re.MULTILINE)
    assert re.search(r"^would be queued +1,500$", told, re.MULTILINE)
    assert re.search(r"^alimtalk .* 1,500 ", told, re.MULTILINE)
    assert "tickets" not in told
    customers.write_text("id,phone,name\nc-1,010-9000-0001,김\n")
    assert re.search(r"\b1 recipient\b", run(*SEND, customers, "--dry-run").stdout, re.MULTILINE)


def test_a_send_of_which_nothing_can_go_fails(run: Run, stack: Stack, customers: Path) -> None:
    customers.write_text("id,phone,name\nc-2,nonsense,김\n")
    assert run(*SEND, customers, "--dry-run").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("send", "--tenant", "no", "--template", "welcome", "--customers", "{csv}"), "unknown_tenant: "),
        (("send", "--tenant", "saas", "--template", "no", "--customers", "{csv}"), "unknown_template: "),
        (
            ("send", "--tenant", "saas", "--template", "welcom", "--customers", "{csv}"),
            "unknown_template: saas has no template welcom; did you mean welcome? (welcom 템플릿이 없습니다. welcome",
        ),
        (
            ("send", "--tenant", "sas", "--template", "no", "--customers", "{csv}"),
            "unknown_tenant: there is no tenant sas; did",
        ),
        (("send", "--tenant", "saas", "--template", "welcome", "--customers", "absent.csv"), "no_file: "),
        (("messages", "--tenant", "no"), "unknown_tenant: "),
        (("show", "0123456789"), "unknown_message: "),
        (("show", "what?"), "bad_id: "),
    ],
    ids=[
        "tenant",
        "template",
        "nearly a template",
        "nearly a tenant",
        "file",
        "tenant of messages",
        "message",
        "no id",
    ],
)
def test_what_can_not_be_done_is_one_line_and_exit_1(
    run: Run, stack: Stack, customers: Path, arguments: tuple[str, ...], error: str
) -> None:
    result = run(*(argument.replace("{csv}", str(customers)) for argument in arguments))
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert result.stderr.startswith(f"error: {error}")


def test_a_business_of_ones_own_reaches_more_than_its_plan_allows_once_it_is_granted_another(
    run: Run, stack: Stack, customers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Home, "is_supervised", lambda home: True)
    customers.write_text(
        "고객번호\t휴대폰\t이름\n" + "".join(f"c-{n}\t10{n:08d}\t사람\n" for n in range(1_500)), "utf-16"
    )
    refused = run(*SEND, customers)
    assert (refused.exit_code, "quota_exceeded" in refused.output) == (1, True)
    way_out = re.search(r"allim (plans grant --tenant saas --plan BASIC --why) ", refused.output)
    assert way_out
    granted = run(*way_out[1].split(), "pays by bank transfer")
    assert granted.exit_code == 0, granted.output
    assert json.loads(run(*SEND, customers, "--json").stdout)["queued"] == 1_500


@pytest.mark.parametrize(
    "arguments",
    [
        ("send", "--tenant", "saas"),
        (*SEND, "x.csv", "--route", "fax"),
        ("messages", "--status", "gone"),
        ("messages", "--limit", "0"),
        ("show",),
        ("publish",),
    ],
)
def test_wrong_use_exits_with_2(run: Run, stack: Stack, arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize(
    "arguments", [(*SEND, "x.csv"), ("messages",), ("show", "0123"), ("publish", "x.json")], ids=lambda given: given[0]
)
def test_when_nothing_is_up_the_way_out_is_told(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv("ALLIM_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    result = run(*arguments)
    assert (result.exit_code, result.stderr.startswith("error: no_stack: nothing is up here")) == (1, True)
    assert "allim up" in result.stderr


@pytest.mark.parametrize("verb", ["messages", "events", "health"])
def test_in_the_cloud_what_only_reads_reads_the_database_that_the_environment_names(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Migrated, verb: str
) -> None:
    monkeypatch.setenv("ALLIM_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", database.url)
    assert run(verb).stderr == ""


@pytest.mark.parametrize("verb", ["publish", "send", "messages", "show"])
def test_the_help_of_each_has_examples(run: Run, verb: str) -> None:
    result = run(verb, "--help")
    assert result.exit_code == 0
    assert f"$ allim {verb}" in result.stdout
