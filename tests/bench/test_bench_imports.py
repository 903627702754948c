"""The environment in which the bench imports functions."""

import subprocess
import zipfile
from pathlib import Path

from bench.imports import new_environment

WHEEL = {
    "told.py": "",
    "told-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: told\nVersion: 1\n",
    "told-1.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "told-1.dist-info/RECORD": "",
}


def test_a_new_environment_has_what_it_is_told_to_and_nothing_of_this_one(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "told-1-py3-none-any.whl", "w") as wheel:
        for path, content in WHEEL.items():
            wheel.writestr(path, content)
    (tmp_path / "requirements.txt").write_text(f"{wheel.filename}\n")
    python = new_environment(tmp_path / "environment", tmp_path / "requirements.txt")
    look = "import told, importlib.util; print(importlib.util.find_spec('httpx'))"
    looked = subprocess.run([python, "-c", look], capture_output=True, text=True, check=True, cwd="/")  # noqa: S603
    assert looked.stdout == "None\n"
