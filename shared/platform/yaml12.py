"""YAML as people mean it: only `true` and `false` are booleans, so that a workflow may say `on:`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

Path = tuple[str | int, ...]
"""Keys and places in lists, from the outermost."""

MOST_CHARACTERS = 1_000_000
"""Of one text."""

MOST_PARTS = 100_000
"""Of one text, with what its aliases repeat and its merges copy."""

MOST_LEVELS = 50
"""Of what stands within what."""

_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str")}


def _too_deep() -> yaml.YAMLError:
    return yaml.YAMLError(f"more than {MOST_LEVELS} levels of lists and keys within each other")


class _Loader(yaml.SafeLoader):
    """PyYAML reads YAML 1.1, in which `on`, `off`, `yes` and `no` are booleans and `17:30` is a number."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._levels = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        self._levels += 1
        if self._levels > MOST_LEVELS:
            raise _too_deep()
        node: Node | None = super().compose_node(parent, index)
        self._levels -= 1
        return node


_MERGE = "tag:yaml.org,2002:merge"
_KEPT = ("tag:yaml.org,2002:null", _MERGE)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in _KEPT]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
# YAML 1.2.2, section 10.3.2, the core schema's booleans.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+\.[0-9]+$"), list("-+0123456789"))


class _Dumper(yaml.SafeDumper):
    """Writes what `Document` reads: `on` and `17:30` without quotes."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers
_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text.strip("\n") else None
    ),
)


def dump_yaml(value: Any) -> str:
    """`value` as people write it, keys in their order, texts of several lines as blocks."""
    return yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=110)


@dataclass(frozen=True, slots=True)
class YamlProblem:
    """What is wrong with a text before anybody asks what it is about.

    line: from 1.
    path: to where it is, as far as that is known.
    detail, detail_ko: for whoever wrote it.
    """

    line: int
    path: Path
    code: str
    detail: str
    detail_ko: str


class Document:
    """What a text says, and where each part of it stands.

    Args:
        text: YAML. An empty one says nothing.

    Raises:
        yaml.YAMLError: it can't be read, and the line is in its mark; or it is too large, too deep, or would be once
            its aliases are followed, and then there is no mark.
    """

    def __init__(self, text: str) -> None:
        if len(text) > MOST_CHARACTERS:
            raise yaml.YAMLError(f"more than {MOST_CHARACTERS:,} characters")
        self._lines = text.splitlines()
        self._root: Node | None = yaml.compose(text, Loader=_Loader)
        self._scalars = _Loader("")
        self._parts = 0
        self.problems: list[YamlProblem] = []
        self.value: Any = None if self._root is None else self._read(self._root, (), ())

    def line(self, path: Sequence[str | int]) -> int:
        """Where what `path` leads to begins, from 1: at its key, where it has one. As far as it leads anywhere."""
        node, line = self._root, 1
        for name in path:
            if isinstance(node, MappingNode):
                pair = next((pair for pair in node.value if pair[0].value == name), None)
                if pair is None:
                    break
                node, line = pair[1], pair[0].start_mark.line + 1
            elif isinstance(node, SequenceNode) and isinstance(name, int) and name < len(node.value):
                node = node.value[name]
                line = node.start_mark.line + 1
            else:
                break
        return line

    def known(self, path: Sequence[str | int]) -> Path:
        """The longest part of `path` that is there."""
        value = self.value
        for depth, name in enumerate(path):
            try:
                value = value[name]
            except (KeyError, IndexError, TypeError):
                return tuple(path[:depth])
        return tuple(path)

    def at(self, path: Sequence[str | int]) -> Any:
        """What is there; `path` must lead to something."""
        value = self.value
        for name in path:
            value = value[name]
        return value

    def as_written(self, path: Sequence[str | int]) -> str | None:
        """The characters of a value without quotes, whatever YAML took them for; None where there is no such value."""
        node = self._node(path)
        return node.value if isinstance(node, ScalarNode) and node.style is None and node.value else None

    def plain(self) -> Iterator[tuple[Path, str, Any]]:
        """Each value without quotes: its path, its characters and what YAML took it for."""
        yield from self._plain(self.value, ())

    def _plain(self, value: Any, path: Path) -> Iterator[tuple[Path, str, Any]]:
        if isinstance(value, dict | list):
            for name, each in value.items() if isinstance(value, dict) else enumerate(value):
                yield from self._plain(each, (*path, name))
        elif (written := self.as_written(path)) is not None:
            yield path, written, value

    def _node(self, path: Sequence[str | int]) -> Node | None:
        node = self._root
        for name in path:
            if isinstance(node, MappingNode):
                node = next((value for key, value in node.value if key.value == name), None)
            elif isinstance(node, SequenceNode) and isinstance(name, int):
                node = node.value[name]
            else:
                return None
        return node

    def _read(self, node: Node, path: Path, above: tuple[Node, ...]) -> Any:
        self._count(1)
        if any(node is each for each in above):
            self._say(node, path, "endless_yaml", "stands within itself", "자기 자신을 포함합니다.")
            return None
        if len(above) >= MOST_LEVELS:  # by aliases within aliases
            raise _too_deep()
        above = (*above, node)
        if isinstance(node, MappingNode):
            return self._mapping(node, path, above)
        if isinstance(node, SequenceNode):
            return [self._read(each, (*path, place), above) for place, each in enumerate(node.value)]
        return self._scalar(node, path) if isinstance(node, ScalarNode) else None

    def _count(self, more: int) -> None:
        self._parts += more
        if self._parts > MOST_PARTS:
            raise yaml.YAMLError(f"more than {MOST_PARTS:,} parts")

    def _scalar(self, node: ScalarNode, path: Path) -> Any:
        self._look_at(node, path)
        try:
            if node.tag in _TAGS:
                return self._scalars.construct_object(node)
        except (ValueError, KeyError):
            pass  # `!!int soon`
        self._say(node, path, "bad_tag", "leave out what begins with ! (a tag)", "!로 시작하는 표시(태그)를 빼세요.")
        return None

    def _mapping(self, node: MappingNode, path: Path, above: tuple[Node, ...]) -> dict[str, Any]:
        """Keys are text as it is written, so that a variable may be called 1."""
        seen: dict[str, int] = {}
        for key, _ in node.value:
            if isinstance(key, ScalarNode):
                if key.value in seen and key.value != "<<":
                    first = seen[key.value]
                    self._say(
                        key,
                        (*path, key.value),
                        "repeated_key",
                        f"is there twice: on line {first}, too",
                        f"두 번 나옵니다. {first}번째 줄에도 있습니다.",
                    )
                seen.setdefault(key.value, key.start_mark.line + 1)
        self._merge(node, path, ())
        read: dict[str, Any] = {}
        for key, value in node.value:
            if isinstance(key, ScalarNode):
                self._look_at_quotes(key, (*path, key.value))
                read[key.value] = self._read(value, (*path, key.value), above)
            else:
                self._say(
                    key,
                    path,
                    "unquoted_text",
                    'a text that begins with { or [ is put in quotes: "{{이름}}님, …"',
                    "{ 또는 [ 로 시작하는 글은 따옴표 안에 쓰세요.",
                )
        return read

    def _merge(self, node: MappingNode, path: Path, above: tuple[Node, ...]) -> None:
        """Put in the place of its `<<` keys what they name (https://yaml.org/type/merge.html): its own keys count, then
        the first that has one. (PyYAML's way keeps every copy, and nine merges of nine merges fill all memory.)"""
        if not any(key.tag == _MERGE for key, _ in node.value):
            return
        if any(node is each for each in above):
            self._say(node, path, "endless_yaml", "stands within itself", "자기 자신을 포함합니다.")
            return
        pairs = [pair for pair in node.value if pair[0].tag != _MERGE]
        have = {key.value for key, _ in pairs if isinstance(key, ScalarNode)}
        for key, value in node.value:
            if key.tag != _MERGE:
                continue
            for named in value.value if isinstance(value, SequenceNode) else [value]:
                if not isinstance(named, MappingNode):
                    detail, detail_ko = "<< is followed by what *names keys", "<< 뒤에는 *이름을 쓰세요."
                    self._say(key, path, "bad_merge", detail, detail_ko)
                    continue
                self._merge(named, path, (*above, node))
                self._count(len(named.value))
                more = [
                    pair
                    for pair in named.value
                    if pair[0].tag != _MERGE and not (isinstance(pair[0], ScalarNode) and pair[0].value in have)
                ]
                have |= {pair[0].value for pair in more if isinstance(pair[0], ScalarNode)}
                pairs += more
        node.value = pairs

    def _look_at(self, node: ScalarNode, path: Path) -> None:
        """A value that YAML reads as something else than whoever wrote it meant."""
        self._look_at_quotes(node, path)
        end = node.end_mark
        if node.style is None and re.match(r"\s*#\{", self._lines[end.line][end.column :] if self._lines else ""):
            self._say(
                node,
                path,
                "unquoted_text",
                'after a space, # begins a comment, and #{…} is lost; put the text in quotes: "…#{이름}…"',
                "빈칸 뒤의 #부터는 설명(주석)이 되어 #{…}이 사라집니다. 글 전체를 큰따옴표 안에 쓰세요.",
            )

    def _look_at_quotes(self, node: ScalarNode, path: Path) -> None:
        if node.style is None and node.value[:1] in tuple("“”‘’"):
            self._say(
                node,
                path,
                "curly_quotes",
                f"{node.value[0]} is no quote in YAML; write \" or ' (or put all of it in these)",
                f"{node.value[0]}는 YAML의 따옴표가 아닙니다. \" 또는 '를 쓰세요.",
            )

    def _say(self, node: Node, path: Path, code: str, detail: str, detail_ko: str) -> None:
        self.problems.append(YamlProblem(node.start_mark.line + 1, path, code, detail, detail_ko))
