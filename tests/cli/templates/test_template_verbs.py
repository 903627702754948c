"""`allim templates check | diff | push | submit | pull`, against a database and the simulated provider."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulator.testing import simulator_thread
from tests.cli.conftest import Run
from tests.databases import Migrated
from tests.tls import NO_TLS

KEY = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="
_numbers = count(1)
TENANT = """\
id: shop
name: 모아상점
account:
  id: main
  provider: solapi
  sender: "0212345678"
  kakao_channel: PFSHOP
  api_key: NCSVERBS
  api_secret: secret-of-the-shop
  webhook_secret: hook
"""
PAID = """\
name: order-paid
variables: {이름: customer.name}
alimtalk:
  text: "[모아상점] #{이름}님, 주문 #{주문번호} 결제가 완료되었습니다."
  category_code: "004001"
  buttons:
    - {name: 주문 보기, mobile: "https://moa.example/o/#{주문번호}"}
sms: {text: "[모아상점] 주문 #{주문번호} 결제 완료"}
"""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with simulator_thread() as address:
        yield address


class Control:
    """The simulator's control API, for the account of one test."""

    def __init__(self, client: httpx.Client, api_key: str) -> None:
        self._client = client
        self._account = {"apiKey": api_key, "apiSecret": "secret-of-the-shop"}
        self._put("accounts", {**self._account, "pfIds": ["PFSHOP"]})

    def judge(self, code: str, status: str, **more: str) -> None:
        self._put("templates", {"apiKey": self._account["apiKey"], "templateId": code, "status": status, **more})

    def add(self, code: str, **template: Any) -> None:
        self._put("accounts", {**self._account, "templates": [{"templateId": code, "pfId": "PFSHOP", **template}]})

    def _put(self, what: str, body: dict[str, Any]) -> None:
        self._client.put(f"/control/{what}", json=body).raise_for_status()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shop = tmp_path / "shop"
    (shop / "templates").mkdir(parents=True)
    (shop / "tenant.yaml").write_text(TENANT, encoding="utf-8")
    (shop / "templates" / "order-paid.yaml").write_text(PAID, encoding="utf-8")
    (shop / "customers.csv").write_text("id,name,phone\n")
    (shop / "groups.csv").write_text("group,name,customer\n")
    return shop


@pytest.fixture
def shop(
    run: Run, database: Migrated, folder: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Control]:
    """The folder's tenant, added, and its account at the provider."""
    monkeypatch.setenv("ALLIM_HOME", str(folder / "nothing-is-up-here"))
    monkeypatch.setenv("DATABASE_URL", database.url)
    monkeypatch.setenv("ALLIM_ENCRYPTION_KEY", KEY)
    monkeypatch.setenv("SOLAPI_URL", address)
    api_key = f"NCSVERBS{next(_numbers)}"
    _edit(folder / "tenant.yaml", "NCSVERBS", api_key)
    added = run("tenants", "add", folder)
    assert added.exit_code == 0, added.output
    with httpx.Client(base_url=address, timeout=10, verify=NO_TLS) as client:
        yield Control(client, api_key)


def _json(run: Run, *arguments: object, code: int = 0) -> Any:
    done = run(*arguments, "--json")
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_file_is_checked_without_stack_or_database(run: Run, folder: Path) -> None:
    told = _json(run, "templates", "check", folder)
    assert told == {"ok": True, "templates": 1, "findings": []}
    _edit(
        folder / "templates" / "order-paid.yaml",
        "결제가 완료되었습니다.",
        "결제가 완료되었습니다. 다음 구매는 20% 할인!",
    )
    told = _json(run, "templates", "check", folder / "templates" / "order-paid.yaml", code=1)
    [finding] = told["findings"]
    assert (finding["rule"], finding["severity"], finding["line"]) == ("advert.discount", "error", 4)
    assert finding["place"] == ["alimtalk", "text"]
    assert "할인" in finding["detail_ko"]
    shown = run("templates", "check", folder)
    assert "order-paid.yaml:4: text: “20% 할인” offers a price" in shown.stdout
    assert "1 templates, 1 errors, 0 warnings (오류 1개, 주의 0개)" in shown.stdout


def test_lengths_are_checked_with_the_values_that_are_given(run: Run, folder: Path, tmp_path: Path) -> None:
    values = tmp_path / "longest.json"
    values.write_text('{"이름": "가나다라마바사아자차카타파하가나다라마바", "주문번호": 12}', encoding="utf-8")
    told = _json(run, "templates", "check", folder, "--values", values)
    [finding] = told["findings"]
    assert (finding["rule"], finding["severity"]) == ("variable.growth", "warning")
    assert "#{이름} is filled with 20 characters, 15 more" in finding["detail"]
    values.write_text("[]")
    assert "bad_values" in run("templates", "check", folder, "--values", values).output


def test_what_a_tenant_sends_is_checked_by_its_id(run: Run, shop: Control) -> None:
    assert _json(run, "templates", "check", "shop") == {
        "ok": True,
        "templates": 1,
        "findings": [],
    }
    assert "there is no tenant shpo; did you mean shop?" in run("templates", "check", "shpo").output


def test_a_template_goes_from_a_file_to_its_approval(run: Run, shop: Control, folder: Path) -> None:
    [differs] = _json(run, "templates", "diff", folder, code=2)["templates"]
    assert (differs["name"], differs["state"]) == ("order-paid", "new")
    [pushed] = _json(run, "templates", "push", folder)["templates"]
    assert (pushed["did"], pushed["status"]) == ("registered", "draft")
    assert _json(run, "templates", "diff", folder)["templates"][0]["state"] == "same"
    [sent] = [each for each in _json(run, "templates", "show", "order-paid", "--tenant", "shop") if each["active"]]
    assert (sent["approval"], sent["content"]["alimtalk"]["code"]) == ("draft", pushed["code"])
    [submitted] = _json(run, "templates", "submit", "--tenant", "shop")["templates"]
    assert submitted == {"name": "order-paid", "code": pushed["code"], "status": "submitted"}
    assert _json(run, "templates", "submit", "--tenant", "shop")["templates"] == [], "it is asked for already"
    shop.judge(pushed["code"], "REJECTED", comment="버튼 링크가 열리지 않습니다.")
    pulled = _json(run, "templates", "pull", "--tenant", "shop")
    assert [(each["kind"], each["detail"]) for each in pulled["news"]] == [
        ("approval", "submitted → rejected"),
        ("comment", "버튼 링크가 열리지 않습니다."),
    ]
    shown = run("templates", "show", "order-paid", "--tenant", "shop").stdout
    assert "approval: rejected" in shown
    assert "by Kakao: 버튼 링크가 열리지 않습니다." in shown
    shop.judge(pushed["code"], "APPROVED")
    assert len(_json(run, "templates", "pull", "--tenant", "shop")["news"]) == 1
    assert run("tenants", "diff", folder).exit_code == 0, "a file that says no approval and no code takes none away"


def test_pushing_again_does_nothing(run: Run, shop: Control, folder: Path) -> None:
    first = _json(run, "templates", "push", folder)["templates"]
    again = _json(run, "templates", "push", folder)["templates"]
    assert [each["did"] for each in again] == ["unchanged"]
    assert [each["code"] for each in again] == [each["code"] for each in first]
    assert len(_json(run, "templates", "show", "order-paid", "--tenant", "shop")) == 2, (
        "one version a push of new words"
    )


def test_a_draft_that_changed_is_changed_there_and_an_approved_one_is_not(
    run: Run, shop: Control, folder: Path
) -> None:
    [made] = _json(run, "templates", "push", folder)["templates"]
    _edit(folder / "templates" / "order-paid.yaml", "결제가 완료되었습니다.", "결제를 확인했습니다.")
    [changed] = _json(run, "templates", "push", folder)["templates"]
    assert (changed["did"], changed["code"]) == ("changed", made["code"])
    shop.judge(made["code"], "INSPECTING")
    _edit(folder / "templates" / "order-paid.yaml", "결제를 확인했습니다.", "결제가 확인되었습니다.")
    [waits] = _json(run, "templates", "push", folder, code=1)["templates"]
    assert waits["error"]["code"] == "template_waiting"
    shop.judge(made["code"], "APPROVED")
    [drifted] = _json(run, "templates", "push", folder, code=1)["templates"]
    assert drifted["error"]["code"] == "template_drifted"
    assert [each["rule"] for each in drifted["differs"]] == ["drift.text"]
    assert "승인된 문구는 바꿀 수 없습니다" in run("templates", "push", folder).stdout


def test_a_template_with_an_error_is_not_pushed(run: Run, shop: Control, folder: Path) -> None:
    _edit(folder / "templates" / "order-paid.yaml", "결제가 완료되었습니다.", "(광고) 특가")
    refused = run("templates", "push", folder)
    assert refused.exit_code == 1
    assert "advert.mark" in refused.output
    assert _json(run, "templates", "pull", "--tenant", "shop")["templates"] == []


def test_what_only_the_provider_has_is_told_and_written_into_files_that_are_not_there(
    run: Run, shop: Control, folder: Path
) -> None:
    shop.add("KA-hand", name="예약 확정", content="[모아상점] #{이름}님, 예약이 확정되었습니다.")
    assert "KA-hand" in _json(run, "templates", "diff", folder, code=2)["only_at_provider"]
    told = _json(run, "templates", "pull", "--tenant", "shop", "--into", folder)
    written = folder / "templates" / "예약-확정.yaml"
    assert told["written"] == [str(written)]
    assert "  code: KA-hand\n" in written.read_text(encoding="utf-8")
    assert _json(run, "templates", "pull", "--tenant", "shop", "--into", folder)["written"] == []
    states = {each["name"]: each["state"] for each in _json(run, "templates", "diff", folder, code=2)["templates"]}
    assert states == {"order-paid": "new", "예약 확정": "same"}


def test_a_code_that_names_nothing_there_is_told(run: Run, shop: Control, folder: Path) -> None:
    _edit(folder / "templates" / "order-paid.yaml", "alimtalk:\n", "alimtalk:\n  code: KA-none\n")
    [gone] = _json(run, "templates", "push", folder, code=1)["templates"]
    assert gone["error"]["code"] == "template_gone"


def test_what_is_not_registered_can_t_be_submitted(run: Run, shop: Control) -> None:
    [told] = _json(run, "templates", "submit", "order-paid", "--tenant", "shop", code=1)["templates"]
    assert told["error"]["code"] == "not_registered"


def test_a_tenant_without_an_account_that_carries_alimtalk_is_told_so(
    run: Run, shop: Control, database: Migrated, folder: Path
) -> None:
    _edit(folder / "tenant.yaml", "  kakao_channel: PFSHOP\n", "")
    assert run("tenants", "add", folder).exit_code == 0
    assert "no_alimtalk_account" in run("templates", "diff", folder).output


@pytest.mark.parametrize("verb", ["check", "diff", "push", "submit", "pull"])
def test_each_verb_helps_with_examples(run: Run, verb: str) -> None:
    shown = run("templates", verb, "--help").stdout
    assert "Examples" in shown
    assert f"allim templates {verb}" in shown
