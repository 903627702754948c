"""What a program imports when it runs, found by reading it: our own modules, and the names of all others.

An import at the top of a module runs with it. One within a function runs when the function is called, so it counts only
if the program comes to name that function: a module that offers ten things brings along what one of them needs to those
who ask for that one.
"""

from __future__ import annotations

import ast
import gc
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import resolve_name
from pathlib import Path

from release.errors import PackagingError

_PROGRAM = ""
_WHOLE = "*"


def _parsed(file: Path) -> ast.Module:
    """A module's tree.

    No collection meanwhile: what it runs may parse as well, and CPython 3.11 then loses count of its depth
    (https://github.com/python/cpython/issues/106905).
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(file.read_bytes(), str(file))
    finally:
        if was_enabled:
            gc.enable()


@dataclass(frozen=True, slots=True)
class Imports:
    """`ours`: the files of modules below the root, by dotted name. `others`: dotted names of what is installed."""

    ours: dict[str, Path]
    others: frozenset[str]


def follow(program: Path, root: Path) -> Imports:
    """All that `program` may import, directly or through our own modules.

    Imports for type checkers only (`if TYPE_CHECKING:`) are left out. Importing `a.b` also runs `a/__init__.py`, so
    that counts, too.

    Args:
        program: a Python file.
        root: the folder in which our own packages are.

    Raises:
        PackagingError: when something imports a module whose name is not written there.
    """
    walk = _Walk(root)
    walk.read(_PROGRAM, program)
    walk.ask(_PROGRAM, _WHOLE)
    walk.finish()
    return Imports(walk.ours, frozenset(walk.others))


@dataclass(slots=True)
class _Module:
    """`later`: what runs when a name of the module is called. `imported`: names that it has from elsewhere.

    `handed_over`: to whom a name is given when it is defined, decorators and base classes, by their names.
    """

    file: Path
    package: str
    later: dict[str, list[ast.AST]] = field(default_factory=dict)
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)
    handed_over: dict[str, list[str]] = field(default_factory=dict)


class _Walk:
    """Goes from name to name, each asked for once: (module, name), or the whole of a module."""

    def __init__(self, root: Path) -> None:
        self.ours: dict[str, Path] = {}
        self.others: set[str] = set()
        self._root = root
        self._modules: dict[str, _Module] = {}
        self._asked: set[tuple[str, str]] = set()
        self._open: list[tuple[str, str]] = []

    def ask(self, module: str, name: str) -> None:
        if (module, name) not in self._asked:
            self._asked.add((module, name))
            self._open.append((module, name))

    def finish(self) -> None:
        while self._open:
            name_of_module, name = self._open.pop()
            module = self._modules[name_of_module]
            if name == _WHOLE:
                for each in (*module.later, *module.imported):
                    self.ask(name_of_module, each)
            for node in module.later.get(name, ()):
                self._see(node, name_of_module, at_top=False)
            if name in module.imported:
                self.ask(*module.imported[name])

    def read(self, name: str, file: Path) -> None:
        """Read a module and what runs when it is imported."""
        is_package = file.name == "__init__.py"
        module = self._modules[name] = _Module(file, name if is_package else name.rpartition(".")[0])
        for node in _at_import(_parsed(file), module):
            self._see(node, name, at_top=True)
        for each, keepers in module.handed_over.items():
            if any(keeper in module.later or keeper in module.imported for keeper in keepers):
                self.ask(name, each)  # a decorator or base class of ours may keep it, and call it without its name

    def _see(self, node: ast.AST, name_of_module: str, *, at_top: bool) -> None:
        module = self._modules[name_of_module]
        match node:
            case ast.Import(names=names):
                for alias in names:
                    if self._import(alias.name):
                        self.ask(alias.name, _WHOLE)
            case ast.ImportFrom(module=base, names=names, level=level):
                source = resolve_name("." * level + (base or ""), module.package) if level else base or ""
                for alias in names:
                    self._import_from(source, alias, module if at_top else None)
            case ast.Call(func=ast.Attribute(attr="import_module") | ast.Name(id="import_module" | "__import__")):
                match node.args:
                    case [ast.Constant(value=str(name)), *_]:
                        if self._import(name):
                            self.ask(name, _WHOLE)
                    case _:
                        raise PackagingError(f"{module.file}:{node.lineno} imports what only its run tells: name it")
            case ast.Name(id=name):
                self.ask(name_of_module, name)

    def _import_from(self, source: str, alias: ast.alias, into: _Module | None) -> None:
        """`from source import alias`, at the top of the module `into`, or within a function."""
        submodule = f"{source}.{alias.name}"
        if self._is_ours(submodule):
            self._import(submodule)
            self.ask(submodule, _WHOLE)
        elif not self._is_ours(source):
            self._import(submodule)
        elif self._import(source):
            if into is None or alias.name == _WHOLE:
                self.ask(source, alias.name)
            else:
                into.imported[alias.asname or alias.name] = (source, alias.name)

    def _import(self, name: str) -> bool:
        """Note that `name` is imported, and read it if it is ours. Returns whether it is."""
        if not self._is_ours(name):
            if name.partition(".")[0] not in sys.stdlib_module_names:
                self.others.add(name)
            return False
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            each = ".".join(parts[:length])
            if each not in self.ours:
                self.ours[each] = self._file_of(each)
                self.read(each, self.ours[each])
        return True

    def _is_ours(self, name: str) -> bool:
        return self._file_of(name).is_file()

    def _file_of(self, name: str) -> Path:
        path = self._root.joinpath(*name.split("."))
        return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _at_import(node: ast.AST, module: _Module, owner: str | None = None) -> Iterator[ast.AST]:
    """The nodes that run when their module is imported. Bodies of functions go to `later`, by their outermost name."""
    match node:
        case (
            ast.FunctionDef(name=name, body=body, decorator_list=decorators, args=arguments)
            | ast.AsyncFunctionDef(name=name, body=body, decorator_list=decorators, args=arguments)
        ):
            owner = owner or name
            module.later.setdefault(owner, []).extend(_all_within(body))
            module.handed_over.setdefault(owner, []).extend(_names_in(decorators))
            yield from _all_within([*decorators, *arguments.defaults, *filter(None, arguments.kw_defaults)])
            return
        case ast.ClassDef(name=name, bases=bases, decorator_list=decorators):
            owner = owner or name
            module.later.setdefault(owner, [])
            module.handed_over.setdefault(owner, []).extend(_names_in([*bases, *decorators]))
        case ast.If() if _is_for_type_checkers(node):
            for each in node.orelse:
                yield from _at_import(each, module, owner)
            return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _at_import(child, module, owner)


def _names_in(nodes: Sequence[ast.AST]) -> Iterator[str]:
    return (each.id for each in _all_within(nodes) if isinstance(each, ast.Name))


def _all_within(nodes: Sequence[ast.AST]) -> Iterator[ast.AST]:
    for node in nodes:
        if isinstance(node, ast.If) and _is_for_type_checkers(node):
            yield from _all_within(node.orelse)
        else:
            yield node
            yield from _all_within(list(ast.iter_child_nodes(node)))


def _is_for_type_checkers(node: ast.If) -> bool:
    match node.test:
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return True
    return False
