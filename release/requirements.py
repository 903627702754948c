"""Which of the pinned distributions a function needs, told by what it imports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from release.errors import PackagingError

SERVER = ("functions-framework", "httptools", "uvloop")
"""What serves a function: the framework, and what its server is faster with, where it is installed."""


def select_pins(imported: Iterable[str], requirements: Path) -> list[str]:
    """The lines of `requirements` that are needed to serve a function that imports `imported`, sorted.

    A module of a distribution that is not pinned itself is in order when a needed one brings it along.

    Args:
        imported: dotted names, such as `google.pubsub_v1.types`.
        requirements: a requirements.txt in which each line pins a distribution, all of them installed.

    Raises:
        PackagingError: when something is imported that nothing needed brings along.
    """
    pins = _read(requirements)
    owners = {name: canonicalize_name(_owner(name)) for name in imported}
    needed = {*SERVER, *(owner for owner in owners.values() if owner in pins)}
    if unpinned := sorted(set(SERVER) - set(pins)):
        raise PackagingError(f"{requirements.name} does not pin {', '.join(unpinned)}, which serves the functions")
    brought_along = set().union(*(_closure(pins[name]) for name in needed))
    for name, owner in sorted(owners.items()):
        if owner not in brought_along:
            raise PackagingError(f"{name} is imported, but {requirements.name} does not pin {owner}")
    return sorted(str(pins[name]) for name in needed)


def _read(requirements: Path) -> Mapping[str, Requirement]:
    lines = (line.partition("#")[0].strip() for line in requirements.read_text().splitlines())
    pins = [Requirement(line) for line in lines if line]
    return {canonicalize_name(pin.name): pin for pin in pins}


def _owner(module: str) -> str:
    """The distribution that installed `module`, or the module that it is an attribute of."""
    index = _modules_installed()
    name = module
    while name:
        if name in index:
            return index[name]
        name = name.rpartition(".")[0]
    raise PackagingError(f"{module} is imported, but nothing installed here has it")


@cache
def _modules_installed() -> Mapping[str, str]:
    """Dotted name of each module that is installed → its distribution."""
    return {
        ".".join((*file.parent.parts, file.name.partition(".")[0])).removesuffix(".__init__"): found.name
        for found in distributions()
        for file in map(PurePosixPath, found.files or ())
        if file.suffix in (".py", ".so", ".pyd") and ".." not in file.parts
    }


def _closure(requirement: Requirement) -> set[str]:
    """The distributions that come with `requirement`, itself included."""
    found: set[str] = set()
    unread = [(canonicalize_name(requirement.name), frozenset(requirement.extras))]
    seen = set(unread)
    while unread:
        name, extras = unread.pop()
        found.add(name)
        for needed in _needs(name, extras):
            step = (canonicalize_name(needed.name), frozenset(needed.extras))
            if step not in seen:
                seen.add(step)
                unread.append(step)
    return found


@cache
def _needs(name: str, extras: frozenset[str]) -> Sequence[Requirement]:
    """What a distribution requires with these extras, here. Most functions ask the same of the same ones."""
    requirements = map(Requirement, _installed(name).requires or ())
    here = [{"extra": extra} for extra in ("", *extras)]
    return [each for each in requirements if each.marker is None or any(map(each.marker.evaluate, here))]


def _installed(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError as error:
        raise PackagingError(f"{name} is pinned or needed, but not installed here: run `make setup`") from error
