"""Each case of a parametrised test has a name that says which one it is, and the same one in each run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping

import pytest

from local.home import CHECKOUT
from tests.parameter_ids import WORD, named_id, readable_id

LONGEST = 100
_UNREADABLE = re.compile(r"\\x[0-9a-f]{2}|\\u[0-9a-f]{4}| at 0x[0-9a-f]+", re.IGNORECASE)


def _fault(name: str, parameters: Mapping[str, object]) -> str | None:
    """What is wrong with the name of a case; None when nothing is."""
    if not name.strip():
        return "is empty"
    if not WORD.search(name):
        return "has no word in it"
    if len(name) > LONGEST:
        return f"is longer than {LONGEST} characters"
    if _UNREADABLE.search(name):
        return "holds a byte's or a letter's number, or an address"
    numbered = (_is_numbered(name, argument, value) for argument, value in parameters.items())
    return "holds a number that pytest gave a value without a name" if any(numbered) else None


def _is_numbered(name: str, argument: str, value: object) -> bool:
    """Whether a value is called by its argument's name and a number, unless that is what the value says of itself."""
    found = re.search(rf"(?<!\w){re.escape(argument)}\d+(?!\w)", name)
    return found is not None and found[0] not in str(value)


def _cases(items: Iterable[pytest.Item]) -> list[pytest.Function]:
    return [item for item in items if isinstance(item, pytest.Function) and hasattr(item, "callspec")]


def test_every_case_has_a_name_that_a_person_can_read(request: pytest.FixtureRequest) -> None:
    found = {case.nodeid: _fault(case.callspec.id, case.callspec.params) for case in _cases(request.session.items)}
    assert {name: fault for name, fault in found.items() if fault} == {}


def test_no_two_tests_have_the_same_name(request: pytest.FixtureRequest) -> None:
    times = Counter(item.nodeid for item in request.session.items)
    assert [name for name, count in times.items() if count > 1] == []


def test_the_names_are_the_same_in_a_process_that_hashes_otherwise(request: pytest.FixtureRequest) -> None:
    here = {case.nodeid for case in _cases(request.session.items)}
    files = sorted({name.partition("::")[0] for name in here}) or [__file__]
    seed = "1" if os.environ.get("PYTHONHASHSEED") == "0" else "0"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    collected = subprocess.run(  # noqa: S603 - our own tests
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *files],
        env={**environment, "PYTHONHASHSEED": seed, "PYTHONUTF8": "1"},
        cwd=CHECKOUT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert collected.returncode == 0, collected.stdout + collected.stderr
    assert here - set(collected.stdout.splitlines()) == set()


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("", "empty"),
        pytest.param("0", "no word", id="a number"),
        pytest.param("a0-b1", "no word", id="letters and numbers"),
        pytest.param("1.5-{}", "no word", id="signs"),
        ("x" * 101, "longer"),
        pytest.param(r"\xff\x00", "number", id="bytes"),
        pytest.param(r"\uac00", "number", id="a letter"),
        pytest.param("<object object at 0x7f00>", "address", id="an address"),
        ("value3", "without a name"),
        ("2026-value3", "without a name"),
    ],
)
def test_a_name_that_says_nothing_is_found(name: str, fault: str) -> None:
    assert fault in (_fault(name, {"value": object()}) or "")


@pytest.mark.parametrize("name", ["가나다-3", "value-3", "values3", "my_value3", "amount=0x7f", r"C:\users"])
def test_a_name_that_says_what_it_is_is_none(name: str) -> None:
    assert _fault(name, {"value": object(), "text": name}) is None


def test_a_value_that_looks_like_a_number_of_pytests_is_its_own_name() -> None:
    assert _fault("value3", {"value": "value3"}) is None


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("", "''"),
        (" a ", "' a '"),
        ("가\n\x00", "가\\n<U+0000>"),
        ("가" * 50, "가" * 38 + "…(50 long)"),
        (b"not json", "not json"),
        (b"\xff\x00", "bytes ff 00"),
        ({"to": None, "from": ["02", 5]}, "{to: None, from: [02, 5]}"),
        (frozenset("cab"), "{a, b, c}"),
        ({"number": 1, "text": "a" * 30, "end": "here"}, "{number: 1, text: aaaaa…aaaaaaaaaaa, end: here}"),
        pytest.param([object()], None, id="an object without a name-None"),
    ],
)
def test_a_value_is_called_by_what_it_is(value: object, name: str | None) -> None:
    assert readable_id(value) == name


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (0, "seed=0"),
        ("", "seed=''"),
        ("1,000", "seed=1,000"),
        ([1, "x"], "seed=[1, x]"),
        ("won", "won"),
        (False, "False"),
    ],
)
def test_a_value_without_a_word_goes_with_the_name_of_its_argument(value: object, name: str) -> None:
    assert named_id("seed", value) == name
