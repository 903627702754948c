"""`account:` and `accounts:` of a tenant's file."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from local.examples.files import EXAMPLES, Reading, read_example
from shared.tenants.terms import Terms

OPENS = "sender: '0212345678', api_key: k, api_secret: s, webhook_secret: w"
MAIN = f"{{id: main, provider: solapi, {OPENS}}}"
SECOND = f"{{id: second, provider: solapi, {OPENS}, channels: [sms], weight: 30}}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for file in ("customers.csv", "groups.csv"):
        (tmp_path / file).write_bytes((EXAMPLES / "saas" / file).read_bytes())
    return tmp_path


def _told(folder: Path, *lines: str) -> list[str]:
    """What is wrong with a tenant's file that has these lines, from its name on."""
    _write(folder, *lines)
    return [str(problem).removeprefix(f"{folder}/") for problem in Reading(folder).problems]


def _write(folder: Path, *lines: str) -> None:
    (folder / "tenant.yaml").write_text("\n".join(["id: saas", "name: 가게", *lines, ""]), encoding="utf-8")


def test_one_account_and_a_list_of_one_are_the_same(folder: Path) -> None:
    _write(folder, f"account: {MAIN}")
    one = read_example(folder).accounts
    _write(folder, "accounts:", f"  - {MAIN}")
    assert read_example(folder).accounts == one
    assert [(account.id, terms) for account, terms in one] == [("main", Terms())]


def test_of_a_list_the_first_is_the_default_and_each_has_its_terms(folder: Path) -> None:
    held = "certificate: {number: 전송-1, until: 2027-05-31}"
    _write(folder, "accounts:", f"  - {SECOND}", f"  - {MAIN.replace('api_key', f'{held}, api_key')}")
    example = read_example(folder)
    assert example.account.id == "second"
    assert [terms for _, terms in example.accounts] == [
        Terms(("sms",), 30),
        Terms(None, 100, "전송-1", dt.date(2027, 5, 31)),
    ]


WRONG = {
    "both": (
        [f"account: {MAIN}", "accounts:", f"  - {SECOND}"],
        "tenant.yaml:3: account: there is account: and accounts: here; keep one",
    ),
    "neither": ([], "tenant.yaml:1: account: is missing; it belongs here"),
    "an empty list": (["accounts: []"], "tenant.yaml:3: accounts: has no value"),
    "an id twice": (["accounts:", f"  - {MAIN}", f"  - {MAIN}"], "tenant.yaml:5: id: two accounts are called main"),
    "a channel of none": (
        ["accounts:", f"  - {MAIN}", f"  - {SECOND.replace('[sms]', '[pigeon]')}"],
        "tenant.yaml:5: channels: solapi carries alimtalk, sms",
    ),
    "no channel": (["accounts:", f"  - {SECOND.replace('[sms]', '[]')}"], "not nothing"),
    "too heavy": (["accounts:", f"  - {SECOND.replace('30', '101')}"], "tenant.yaml:4: weight: "),
    "an unknown provider": (
        ["accounts:", f"  - {MAIN.replace('solapi', 'pigeon')}"],
        "tenant.yaml:4: provider: nothing can be sent by 'pigeon'",
    ),
    "without a sender": (
        ["accounts:", f"  - {MAIN}", f"  - {SECOND.replace('sender', 'from')}"],
        "tenant.yaml:5: sender: is missing",
    ),
    "a certificate without end": (
        ["accounts:", f"  - {SECOND.replace('weight: 30', 'certificate: {number: x}')}"],
        "tenant.yaml:4: until: is missing",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said_with_its_line_and_in_korean(folder: Path, what: str) -> None:
    lines, said = WRONG[what]
    told = _told(folder, *lines)
    assert any(said in each for each in told), told
    assert all("(" in each for each in told), told
