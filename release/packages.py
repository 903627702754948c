"""A function as a zip. The same sources give the same bytes, on any machine, on any day, from any folder."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from release.errors import PackagingError
from release.imports import follow
from release.requirements import select_pins

_THE_DAY_ZIP_BEGINS = (1980, 1, 1, 0, 0, 0)
_PLAIN_FILE = 0o100644 << 16
_UNIX = 3


@dataclass(frozen=True, slots=True)
class Package:
    """A function's zip. `files`: its contents by path, `requirements`: the lines of its requirements.txt."""

    function: str
    files: Mapping[str, bytes]
    requirements: Sequence[str]

    @property
    def archive(self) -> bytes:
        """The zip. Nothing is compressed, since compressors differ between machines, and it is small anyway."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
            for path, content in sorted(self.files.items()):
                entry = zipfile.ZipInfo(path, _THE_DAY_ZIP_BEGINS)
                entry.external_attr = _PLAIN_FILE
                entry.create_system = _UNIX
                archive.writestr(entry, content)
        return buffer.getvalue()

    @property
    def digest(self) -> str:
        """SHA-256 of the zip, in hexadecimal."""
        return hashlib.sha256(self.archive).hexdigest()

    @property
    def object_name(self) -> str:
        """Its name in the bucket: another content is another name, which is what makes a new release a change."""
        return f"{self.function}-{self.digest}.zip"


def build(root: Path) -> list[Package]:
    """Pack each function of the checkout `root`.

    Raises:
        PackagingError: when one imports what cannot be packed.
    """
    programs = sorted((root / "functions").glob("*/main.py"))
    if not programs:
        raise PackagingError(f"no functions in {root / 'functions'}")
    return [_build_one(program, root) for program in programs]


def write(packages: Sequence[Package], folder: Path) -> Path:
    """Write the zips into `folder`, and a release: the Terraform variable that says which zips belong together.

    Returns the release's file, `release-<the first 16 digits of its hash>.tfvars.json`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for package in packages:
        (folder / package.object_name).write_bytes(package.archive)
    objects = {package.function: package.object_name for package in packages}
    content = (json.dumps({"release": objects}, indent=2, sort_keys=True) + "\n").encode()
    release = folder / f"release-{hashlib.sha256(content).hexdigest()[:16]}.tfvars.json"
    release.write_bytes(content)
    return release


def _build_one(program: Path, root: Path) -> Package:
    imports = follow(program, root)
    requirements = select_pins(imports.others, root / "requirements.txt", root / "requirements.lock")
    folders = {file.parent for file in imports.ours.values() if file.name == "__init__.py"}
    data = {file for folder in folders for file in folder.glob("[!.]*") if file.is_file() and file.suffix != ".py"}
    ours = {file.relative_to(root).as_posix(): file.read_bytes() for file in {*imports.ours.values(), *data}}
    return Package(
        function=program.parent.name,
        files={
            **ours,
            "main.py": program.read_bytes(),
            "requirements.txt": "".join(f"{line}\n" for line in requirements).encode(),
        },
        requirements=requirements,
    )
