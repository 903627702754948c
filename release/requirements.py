"""Which of the locked distributions a function needs, told by what it imports."""

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


RUNTIME = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.11.0",
    "python_version": "3.11",
    "sys_platform": "linux",
}
"""What functions run on, as the markers of dependencies name it: the runtime `python311`, wherever they are packed."""


def select_pins(imported: Iterable[str], requirements: Path, lock: Path) -> list[str]:
    """The lines that install all that serves a function which imports `imported`, sorted, each with its hashes.

    Nothing is left to be resolved where the container is built: the same zip is the same container's content, and pip
    refuses a file that is not the one that was locked (https://pip.pypa.io/en/stable/topics/secure-installs/).

    Args:
        imported: dotted names, such as `google.pubsub_v1.types`.
        requirements: a requirements.txt in which each line pins a distribution that is imported, all of them installed.
        lock: the closure of `requirements`, as `make lock` writes it: each distribution with its version and hashes.

    Raises:
        PackagingError: when something is imported that nothing needed brings along, or when the lock is not of these
            requirements or not what is installed here.
    """
    pins = _pins(requirements)
    owners = {name: canonicalize_name(_owner(name)) for name in imported}
    needed = {*SERVER, *(owner for owner in owners.values() if owner in pins)}
    if unpinned := sorted(set(SERVER) - set(pins)):
        raise PackagingError(f"{requirements.name} does not pin {', '.join(unpinned)}, which serves the functions")
    brought_along = set().union(*(_closure(pins[name]) for name in needed))
    for name, owner in sorted(owners.items()):
        if owner not in brought_along:
            raise PackagingError(f"{name} is imported, but {requirements.name} does not pin {owner}")
    locked = _locked(lock)
    return sorted(_locked_line(name, locked, lock) for name in brought_along)


def _pins(requirements: Path) -> Mapping[str, Requirement]:
    return {canonicalize_name(pin.name): pin for pin in map(Requirement, _lines(requirements))}


def _lines(file: Path) -> list[str]:
    """The logical lines of a requirements file, without comments."""
    lines = (line.partition("#")[0].strip() for line in file.read_text().replace("\\\n", " ").splitlines())
    return [line for line in lines if line]


def _locked(lock: Path) -> Mapping[str, tuple[Requirement, Sequence[str]]]:
    """By the name of each distribution its pin, and its hashes as pip reads them."""
    found: dict[str, tuple[Requirement, Sequence[str]]] = {}
    for line in _lines(lock):
        pin, *hashes = line.split(" --hash=")
        requirement = Requirement(pin)
        found[canonicalize_name(requirement.name)] = (requirement, [f"--hash={each.strip()}" for each in hashes])
    return found


def _locked_line(name: str, locked: Mapping[str, tuple[Requirement, Sequence[str]]], lock: Path) -> str:
    if name not in locked:
        raise PackagingError(f"{name} is needed, but {lock.name} lacks it: run `make lock`")
    pin, hashes = locked[name]
    if (installed := _installed(name).version) not in pin.specifier:
        raise PackagingError(f"{name} is {installed} here, but {lock.name} has {pin.specifier}: run `make setup`")
    return " ".join((f"{name}{pin.specifier}", *hashes))


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
    """What a distribution requires with these extras, in the cloud. Most functions ask the same of the same ones."""
    requirements = map(Requirement, _installed(name).requires or ())
    there = [{**RUNTIME, "extra": extra} for extra in ("", *extras)]
    return [each for each in requirements if each.marker is None or any(map(each.marker.evaluate, there))]


def _installed(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError as error:
        raise PackagingError(f"{name} is pinned or needed, but not installed here: run `make setup`") from error
