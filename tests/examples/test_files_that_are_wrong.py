"""What is wrong with a business's files is told in their own words: file, line, key, and what to write instead."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from local.examples.files import EXAMPLES, Reading, TemplateFile, TenantFile, read_example
from local.examples.problems import FolderError
from shared.contracts.events import SubscriptionEvent
from shared.contracts.reports import ReportBatch
from shared.contracts.tickets import SendTicket
from shared.platform.errors import PATTERNS
from shared.templates.parts.pictures import name_of
from shared.workflows.definition import WorkflowDefinition
from tests.templates.pictures import jpeg

WELCOME, DUNNING = "workflows/welcome.yaml", "workflows/dunning.yaml"
LETTER = "templates/welcome.yaml"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the saas example, to be spoilt."""
    return Path(shutil.copytree(EXAMPLES / "saas", tmp_path / "saas"))


def _spoil(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def _told(folder: Path) -> list[str]:
    """The problems, their paths from the folder on."""
    return [str(problem).removeprefix(f"{folder}/") for problem in Reading(folder).problems]


CASES = [
    ("tenant.yaml", "id: saas", "id: SaaS", "tenant.yaml:1: id: 'SaaS' won't do; write 2 to 40 of a-z"),
    ("tenant.yaml", "  id: main", "  id: main\n  surname: x", "tenant.yaml:6: surname: there is no such key"),
    ("tenant.yaml", "  sender:", "  Sender:", "tenant.yaml:7: Sender: there is no such key; did you mean sender?"),
    ("tenant.yaml", '"0212345670"', "[02]", "tenant.yaml:7: sender: takes text, and has a list"),
    ("tenant.yaml", '"0212345670"', "02-1234-5670", "tenant.yaml:7: sender: a sender is a Korean number, digits alone"),
    (
        "tenant.yaml",
        "provider: solapi",
        "provider: pigeon",
        "tenant.yaml:6: provider: nothing can be sent by 'pigeon'",
    ),
    ("tenant.yaml", "name: 모아오피스", "name:", "tenant.yaml:2: name: has no value"),
    ("tenant.yaml", "name: 모아오피스", "", "tenant.yaml:1: name: is missing"),
    (LETTER, "approved", "aproved", "welcome.yaml:3: approval: there is no such value; did you mean approved?"),
    (LETTER, "alimtalk:", "alimtalk: [", "welcome.yaml:6: the [ or { that opens here is not closed"),
    (LETTER, "alimtalk:", "sms: {text: x}\nalimtalk:", "welcome.yaml:17: sms: is there twice: on line 6, too"),
    (LETTER, '"[모아오피스] #{이름}님', '[모아오피스] "#{이름}님', "welcome.yaml:17: something follows a closing"),
    (LETTER, '"[모아오피스] #{이름}님', '#{이름}님 "', "welcome.yaml:17: text: after a space, # begins a comment"),
    (LETTER, '"[모아오피스] #{이름}님', '모아 #{이름}님"', "welcome.yaml:17: text: after a space, # begins a"),
    (LETTER, '"[모아오피스] #{이름}님', "“#{이름}님", "welcome.yaml:17: "),
    (LETTER, "  code:", "\tcode:", "welcome.yaml:7: the line begins with a tab"),
    (LETTER, "name: welcome", "name： welcome", "welcome.yaml:1: the colon is a full-width one"),
    (LETTER, "name: welcome", "name: “welcome”", " is no quote in YAML; write"),
    (WELCOME, "send: welcome", "send: welcom", "welcome.yaml:5: send: welcom: there is no such template; did you"),
    (
        WELCOME,
        "valid_for: 52w",
        "validFor: 52w",
        "welcome.yaml:3: validFor: there is no such key; did you mean val",
    ),
    (WELCOME, "valid_for: 52w", "valid_for: 52 weeks", "welcome.yaml:3: valid_for: '52 weeks' is not an offset"),
    (WELCOME, "{send: welcome}", "{send: welcome, at: -1h}", "welcome.yaml:5: at: a step before the event itself"),
    (WELCOME, "  - {send: welcome}", "  send: welcome", "welcome.yaml:4: steps: takes a list, and has keys and"),
    (WELCOME, "valid_for: 52w", "route: [alimtalk, sns]", "welcome.yaml:3: route: there is no channel 'sns'"),
    (WELCOME, "valid_for: 52w", "route: {alimtalk: 60, sms: 5}", "welcome.yaml:3: route: write a list of channels"),
    (WELCOME, "valid_for: 52w", "route: [{alimtalk: soon}]", "welcome.yaml:3: route: the deadline of alimtalk"),
    (
        WELCOME,
        "valid_for: 52w",
        "where: {plan: pro}",
        "begins with customer. or data. or event.; did you mean customer.plan?",
    ),
    (
        WELCOME,
        "valid_for: 52w",
        "where: {customer.pln: pro}",
        "welcome.yaml:3: customer.pln: there is no",
    ),
    (
        WELCOME,
        "valid_for: 52w",
        "where: {data.vip: yes}",
        "welcome.yaml:3: data.vip: yes is a text here; write true",
    ),
    (WELCOME, "valid_for: 52w", "where: {data.vip: [yes]}", "welcome.yaml:3: data.vip: yes is a text here; write"),
    (
        WELCOME,
        "valid_for: 52w",
        "where: {data.won: {gte: 1_000}}",
        "welcome.yaml:3: gte: 1_000 is a text here; write",
    ),
    (
        WELCOME,
        "valid_for: 52w",
        "where: {data.won: {gt: [1]}}",
        "gt: takes text or true or false or a number, and has",
    ),
    (
        WELCOME,
        "valid_for: 52w",
        "where: {data.won: {more: 1}}",
        "welcome.yaml:3: more: there is no such key here; kno",
    ),
    (WELCOME, "valid_for: 52w", "where: {data.won: }", "welcome.yaml:3: data.won: has no value"),
    (
        WELCOME,
        "valid_for: 52w",
        "anchor: starts_at",
        "welcome.yaml:3: anchor: 'starts_at' leads nowhere",
    ),
    (WELCOME, "valid_for: 52w", "stop_on: [x]", "welcome.yaml:3: stop_on: stop_on needs a key"),
    (WELCOME, "valid_for: 52w", "audience: groups", "welcome.yaml:3: audience: there is no such value; did you"),
    (
        WELCOME,
        "name: welcome",
        "name: Welcome!",
        "welcome.yaml:1: name: 'Welcome!' won't do; write 1 to 100 of a-z",
    ),
    (WELCOME, "name: welcome", "- name: welcome\n  x: y\n#", "welcome.yaml:4: YAML can't be read here"),
    ("templates/trial-3d.yaml", "| date", "| dat", "did you mean date?"),
    (LETTER, "customer.name", "customer.nmae", "did you mean customer.name?"),
    ("workflows/plan-changed.yaml", "customer.status", "customer.staus", "did you mean customer.status?"),
    (DUNNING, "data.invoice_id", "dta.invoice_id", "did you mean data.invoice_id?"),
    (DUNNING, "+3d", "soon", "dunning.yaml:6: at: 'soon' is not an offset; write for example -30m"),
    (
        DUNNING,
        "{at: +3d,",
        "{unles: x, at: +3d,",
        "dunning.yaml:6: unles: there is no such key; did you mean unless?",
    ),
    (DUNNING, "name: dunning", "name: welcome", "workflows/welcome.yaml:1: name: welcome is in dunning.yaml, too"),
    ("customers.csv", "c-2,", "c-1,", "customers.csv:3: id: customer c-1 was on line 2 before"),
    ("customers.csv", "id,name,phone", "id,name,fon", "customers.csv: the header of customers.csv lacks phone"),
    ("customers.csv", "premium,ko", "premium,ko,more", "customers.csv:2: the row has 9 cells, the header 8"),
    ("groups.csv", "c-2", "c-99", "groups.csv:3: customer: there is no customer 'c-99'"),
]


@pytest.mark.parametrize(("file", "old", "new", "told"), CASES, ids=[case[-1] for case in CASES])
def test_what_is_wrong_is_told_with_its_file_its_line_and_its_key(
    copied: Path, file: str, old: str, new: str, told: str
) -> None:
    _spoil(copied, file, old, new)
    [found] = _told(copied)
    assert told in found
    assert not re.search(r"Value error|Input should|\bpattern\b|\.\d+\b(?!\.)|steps\.|\^", found)
    assert re.search(r"\(.*[가-힣].*\)$", found), "in Korean, too"


def test_all_that_is_wrong_is_told_at_once(copied: Path) -> None:
    _spoil(copied, "tenant.yaml", "id: saas", "id: SaaS")
    _spoil(copied, LETTER, "alimtalk:", "alimtalk: [")
    _spoil(copied, DUNNING, "{at: +3d,", "{unles: x, at: +3d,")
    _spoil(copied, DUNNING, "+3d", "soon")
    _spoil(copied, "customers.csv", "c-2,", "c-1,")
    told = _told(copied)
    assert [re.split(r":(?=\d)", each)[0] for each in told] == [
        "tenant.yaml",
        LETTER,
        DUNNING,
        DUNNING,
        "customers.csv",
    ]
    with pytest.raises(FolderError, match=r"bad_files: 5 problems in .*\(문제 5개\)"):
        read_example(copied)


@pytest.mark.parametrize("file", ["tenant.yaml", "customers.csv", "groups.csv"])
def test_a_missing_file_is_named_with_what_stands_in_its_place(copied: Path, file: str) -> None:
    (copied / file).rename(copied / file.replace("s.", ".").replace("tenant", "tenants"))
    told = _told(copied)
    assert [each for each in told if each.startswith(f"{file}: is not there; is it ")] == told
    assert len(told) == 1


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("templates/hello.yaml.txt", "its name should end in .yaml"),
        ("template/hello.yaml", "did you mean templates/hello.yaml?"),
        ("workflows/old/hello.yaml", "did you mean workflows/ itself?"),
        ("customer.csv", "did you mean customers.csv?"),
        ("hello.yaml", "templates/ and workflows/ hold what is read"),
    ],
)
def test_a_file_that_nobody_reads_is_told_of_and_stops_nothing(copied: Path, file: str, told: str) -> None:
    path = copied / file
    path.parent.mkdir(exist_ok=True)
    path.write_text("x", encoding="utf-8")
    reading = Reading(copied)
    assert reading.problems == []
    assert [(problem.path, told in problem.detail) for problem in reading.strangers] == [(path, True)]


def test_lists_to_send_to_notes_and_hidden_files_may_lie_beside(copied: Path) -> None:
    for name in ("may.csv", "README.md", ".DS_Store", ".git/config.yaml", "templates/.hello.yaml.swp"):
        (copied / name).parent.mkdir(exist_ok=True)
        (copied / name).write_text("x", encoding="utf-8")
    assert (Reading(copied).strangers, Reading(copied).problems) == ([], [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_files_are_read_as_korean_computers_save_them(copied: Path, encoding: str) -> None:
    whole = read_example(copied)
    for path in copied.glob("*/*.yaml"):
        path.write_bytes(path.read_text(encoding="utf-8").replace("\n", "\r\n").encode(encoding))
    again = read_example(copied)
    assert (again.templates, again.workflows) == (whole.templates, whole.workflows)


def test_a_file_in_no_known_encoding_is_named(copied: Path) -> None:
    (copied / WELCOME).write_bytes("name: 환영".encode("utf-16"))
    assert _told(copied) == [f"{WELCOME}: is neither UTF-8 nor CP949; save it as UTF-8 (UTF-8로 저장해 주세요.)"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "welcome\n", "[" * 3_000, "a: &a [*a]\n", "a: \x01"])
def test_a_file_that_says_nothing_or_too_much_is_named(copied: Path, text: str) -> None:
    (copied / WELCOME).write_text(text, encoding="utf-8")
    assert len(_told(copied)) == 1


def test_a_file_too_large_to_be_written_by_hand_is_not_even_read(copied: Path) -> None:
    with (copied / "tenant.yaml").open("wb") as file:
        file.truncate(1 << 40)  # of nothing: no disk holds it, and no memory would
    [told] = _told(copied)
    assert "more than 4,000,000 bytes" in told


def test_digits_without_quotes_are_text_where_text_belongs(copied: Path) -> None:
    _spoil(copied, "tenant.yaml", '"0212345670"', "15881588")
    _spoil(copied, "tenant.yaml", "NCSLOCALSAAS0001", "1.10")
    _spoil(copied, LETTER, "category: membership", "category: 2026")
    _spoil(copied, LETTER, "이름: customer.name", "1: customer.name\n  이름: customer.name")
    example = read_example(copied)
    letter = next(template for template in example.templates if template.name == "welcome")
    assert (example.account.sender, example.account.secrets["api_key"]) == ("15881588", "1.10")
    assert (letter.category, letter.variables["1"]) == ("2026", "customer.name")


def test_a_business_without_a_name_is_refused(copied: Path) -> None:
    _spoil(copied, "tenant.yaml", "name: 모아오피스", 'name: " "')
    with pytest.raises(FolderError, match="has no value"):
        read_example(copied)


def test_every_pattern_of_the_files_and_contracts_is_said_in_words() -> None:
    def patterns(schema: Any) -> set[str]:
        if isinstance(schema, dict):
            own = {schema["pattern"]} if isinstance(schema.get("pattern"), str) else set()
            return own.union(*map(patterns, schema.values()))
        return set().union(*map(patterns, schema)) if isinstance(schema, list) else set()

    models = (TenantFile, TemplateFile, WorkflowDefinition, SubscriptionEvent, SendTicket, ReportBatch)
    found = set().union(*(patterns(model.model_json_schema(mode="serialization")) for model in models))
    assert found == PATTERNS.keys()


def test_an_account_is_opened_by_what_its_provider_gives(copied: Path) -> None:
    _spoil(copied, "tenant.yaml", "provider: solapi", "provider: nhn")
    told = _told(copied)
    assert sorted(each.split(": ")[1] for each in told) == ["account", "api_key", "api_secret"]
    assert any("an account at nhn needs app_key, secret_key" in each for each in told)
    _spoil(copied, "tenant.yaml", "api_key:", "app_key:")
    _spoil(copied, "tenant.yaml", "api_secret:", "secret_key:")
    account = read_example(copied).account
    assert (account.provider, sorted(account.secrets)) == ("nhn", ["app_key", "secret_key", "webhook_secret"])


PHOTO = """name: photo
mms:
  text: "[가게] #{이름}님, 사진입니다."
  image: photo.jpg
"""


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(None, "templates/photo.yaml:4: image: photo.jpg: is not there", id="not there"),
        pytest.param(b"GIF89a", "templates/photo.yaml:4: image: photo.jpg: is no JPEG", id="no JPEG"),
        pytest.param(jpeg(1_001, 20), "templates/photo.yaml:4: image: photo.jpg: has 1,001", id="too wide"),
        pytest.param(jpeg(9, 9, size=300_000), "templates/photo.yaml:4: image: photo.jpg: has 300,000", id="too large"),
    ],
)
def test_a_picture_that_can_not_be_sent_is_told_with_its_line(copied: Path, content: bytes | None, told: str) -> None:
    (copied / "templates/photo.yaml").write_text(PHOTO, encoding="utf-8")
    if content is not None:
        (copied / "templates/photo.jpg").write_bytes(content)
    [problem] = _told(copied)
    assert problem.startswith(told)
    assert "(" in problem


def test_a_picture_is_kept_by_its_content_and_is_no_stranger_there(copied: Path) -> None:
    (copied / "templates/photo.yaml").write_text(PHOTO, encoding="utf-8")
    (copied / "templates/photo.jpg").write_bytes(jpeg(20, 30))
    example = read_example(copied)
    [photo] = [template for template in example.templates if template.name == "photo"]
    assert photo.content.pictures == {"mms": name_of(jpeg(20, 30))}
    assert example.pictures == {name_of(jpeg(20, 30)): jpeg(20, 30)}
    assert Reading(copied).strangers == []


def test_a_sender_is_asked_for_where_the_provider_sends_from_a_number(copied: Path) -> None:
    _spoil(copied, "tenant.yaml", '  sender: "0212345670"\n', "")
    assert _told(copied) == ["tenant.yaml:4: sender: is missing; it belongs here (빠졌습니다. 여기에 있어야 합니다.)"]
    _spoil(copied, "tenant.yaml", "provider: solapi", "provider: fcm")
    told = _told(copied)
    assert any("an account at fcm needs project_id, client_email, private_key" in each for each in told)
    assert not any("sender" in each for each in told)


def test_an_account_at_sens_has_one_service_or_both(copied: Path) -> None:
    _spoil(copied, "tenant.yaml", "provider: solapi", "provider: sens")
    _spoil(copied, "tenant.yaml", "api_key:", "access_key:")
    _spoil(copied, "tenant.yaml", "api_secret:", "secret_key:")
    [told] = _told(copied)
    assert "an account at sens needs service_id or kakao_service_id" in told
    _spoil(copied, "tenant.yaml", "access_key:", "kakao_service_id: ncp:kkobizmsg:kr:1:shop\n  access_key:")
    assert sorted(read_example(copied).account.secrets) == [
        "access_key",
        "kakao_service_id",
        "secret_key",
        "webhook_secret",
    ]
