"""YAML as people mean it, and where each part of it stands."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shared.platform.yaml12 import MOST_CHARACTERS, MOST_LEVELS, Document, dump_yaml

scalars = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text(st.characters(codec="utf-8"), max_size=8)
names = st.text("abc이름_.", min_size=1, max_size=4)
trees = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3))


@given(trees, st.booleans())
def test_a_document_says_what_was_written(tree: Any, flow: bool) -> None:
    text = yaml.safe_dump(tree, allow_unicode=True, default_flow_style=flow)
    document = Document(text)
    assert document.problems == []
    assert document.value == tree


@given(trees)
def test_what_is_written_is_read_again(tree: Any) -> None:
    assert Document(dump_yaml(tree)).value == tree


def test_it_is_written_as_people_would() -> None:
    assert dump_yaml({"on": "a", "at": "08:00", "text": "한 줄\n#{이름}"}) == (
        "on: a\nat: 08:00\ntext: |-\n  한 줄\n  #{이름}\n"
    )


@given(st.dictionaries(names, scalars, min_size=1, max_size=6))
def test_each_key_is_on_its_line(tree: dict[str, Any]) -> None:
    text = "".join(yaml.safe_dump({name: [value]}, width=10_000) for name, value in tree.items())
    document, lines = Document(text), text.splitlines()
    for name in tree:
        line = document.line([name])
        assert Document("\n".join(lines[line - 1 :])).value[name] == [tree[name]]
        assert document.line([name, 0]) == document.line([name, 7]) + 1 == line + 1


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("08:00", "08:00"),
        ("0212345678", "0212345678"),
        ("2026-11-21", "2026-11-21"),
        ("1_000", "1_000"),
        ("0o17", "0o17"),
        ("True", True),
        ("12", 12),
        ("1.5", 1.5),
        ("~", None),
    ],
)
def test_words_and_times_are_text(written: str, meant: object) -> None:
    assert Document(f"a: {written}").value == {"a": meant}


def test_merged_keys_are_there() -> None:
    assert Document("a: &a {b: 1, c: 2}\nd:\n  <<: *a\n  c: 3\n").value["d"] == {"b": 1, "c": 3}


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        pytest.param(
            "[{<<: [*a, *b], y: 3}]", {"x": 1, "y": 3, "z": 5}, id="the first of several, and its own before all"
        ),
        pytest.param("[&c {<<: *a}, {<<: *c, x: 0}]", {"x": 0, "y": 2}, id="of a merge"),
        pytest.param('[{"<<": 7}]', {"<<": 7}, id="in quotes it is a text"),
    ],
)
def test_merges_are_as_yaml_has_them(text: str, meant: dict[str, int]) -> None:
    document = Document(f"a: &a {{x: 1, y: 2}}\nb: &b {{x: 4, z: 5}}\nc: {text}\n")
    assert document.problems == []
    assert document.value["c"][-1] == meant


def test_aliases_that_would_fill_all_memory_are_refused() -> None:
    text = "a0: &a0 [x]\n" + "".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]\n" for n in range(9))
    with pytest.raises(yaml.YAMLError, match="parts"):
        Document(text)


def test_merges_that_would_fill_all_memory_are_small_or_refused() -> None:
    text = "a0: &a0 {x: 1}\n" + "".join(
        f"a{n + 1}: &a{n + 1} {{<<: [{', '.join([f'*a{n}'] * 99)}]}}\n" for n in range(99)
    )
    assert Document(text).value["a99"] == {"x": 1}
    wide = "a: &a {" + ", ".join(f"k{n}: 1" for n in range(2_000)) + "}\n"
    with pytest.raises(yaml.YAMLError, match="parts"):
        Document(wide + "".join(f"b{n}: {{<<: *a}}\n" for n in range(99)))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("[" * 100_000, "levels", id="brackets"),
        pytest.param("a: " + "{a: " * 100_000, "levels", id="braces"),
        pytest.param("\n".join("  " * n + "a:" for n in range(200)), "levels", id="indentation"),
        pytest.param("- " * 100_000, "levels", id="dashes"),
        pytest.param(
            "a0: &a0 [x]\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}]\n" for n in range(400)), "levels", id="aliases"
        ),
        pytest.param("a: " + "x" * MOST_CHARACTERS, "characters", id="characters"),
        pytest.param("a:" + "\n- 1" * 100_001, "parts", id="parts"),
    ],
)
def test_a_text_that_no_person_writes_is_refused_by_what_it_has_too_much_of(text: str, told: str) -> None:
    with pytest.raises(yaml.YAMLError, match=told):
        Document(text)


def test_as_deep_as_it_may_be_it_is_read() -> None:
    assert str(Document("[" * MOST_LEVELS + "]" * MOST_LEVELS).value) == "[" * MOST_LEVELS + "]" * MOST_LEVELS


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("a: 1\nb: {c: 1, c: 2}\na: 3", ["repeated_key", "repeated_key"]),
        ("text: 안녕 #{이름}님", ["unquoted_text"]),
        ("text: #{이름}님", ["unquoted_text"]),
        ("text: '안녕 #{이름}님'  # {x", []),
        ("text: |\n  안녕 #{이름}님", []),
        ("text: 안녕#{이름}님", []),
        ("text: {{이름}}", ["unquoted_text"]),
        ("text: “안녕”", ["curly_quotes"]),
        ("text: '“안녕”'", []),
        ("text: 그는 “안녕”", []),
        ("a: &a [*a]", ["endless_yaml"]),
        ("a: &a {<<: *a}", ["endless_yaml"]),
        ("a: &a {b: {<<: *a}}", ["endless_yaml"]),
        ("a: {<<: 7}", ["bad_merge"]),
        ("a: {<<: [{b: 1}, c]}", ["bad_merge"]),
        ("a: !!python/name:os.system x", ["bad_tag"]),
        ("a: !!int soon", ["bad_tag"]),
        ("a: !vip x", ["bad_tag"]),
    ],
)
def test_what_means_something_else_than_it_looks_like_is_told(text: str, codes: list[str]) -> None:
    assert [problem.code for problem in Document(text).problems] == codes
