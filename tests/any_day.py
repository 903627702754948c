"""`python -m tests.any_day 2028-02-29T03:00 …`: the tests on another day, with pytest's arguments after it.

Every process is shown another wall clock, in UTC, which goes on from there. All else stays as it is: time is measured
as ever, and a file was written when it was. `make test-any-day` installs libfaketime, which does it.
"""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from shared.platform.clock import WallClock

LIBRARY = Path(sysconfig.get_path("purelib"), "libfaketime/vendor/libfaketime/src/libfaketime.so.1")
MISSING = (
    "there is no libfaketime that works here: `make test-any-day` installs one for Linux on x86-64; "
    "elsewhere, with a C compiler: .venv/bin/pip install --no-deps --no-binary :all: -r requirements-any-day.txt"
)
UNENDING = (
    "with this libfaketime a wait never ends by its limit, and tests would hang: `make test-any-day` has another one"
)
_WAIT_SECONDS = 20
_TOLERANCE = dt.timedelta(minutes=1)
_LOOK = "import time; time.sleep(0.001); print(time.time())"


def environment_on(day: dt.datetime, library: Path = LIBRARY) -> dict[str, str] | None:
    """Ours, by which a process lives on that day; None when a process with this library would not."""
    environment = {
        **os.environ,
        "LD_PRELOAD": str(library),
        "FAKETIME": f"{(day - WallClock().now()).total_seconds():+.0f}",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # with it, each wait of a thread is over at once and begins anew
        "NO_FAKE_STAT": "1",
    }
    return environment if _lives_on(day, environment) else None


def _lives_on(day: dt.datetime, environment: Mapping[str, str]) -> bool:
    looked = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", _LOOK], env=environment, capture_output=True, text=True, check=False
    )
    return looked.returncode == 0 and abs(dt.datetime.fromtimestamp(float(looked.stdout), dt.UTC) - day) < _TOLERANCE


def waits_end() -> bool:
    """Whether a thread that waits with a limit goes on when it is over.

    It does not where the monotonic clock is moved, too, by a libfaketime of 2022, which is Debian's: it does not know
    the call by which Python waits.
    """
    wait = [sys.executable, "-c", "import threading; threading.Event().wait(0.01)"]
    try:
        subprocess.run(wait, check=True, timeout=_WAIT_SECONDS)  # noqa: S603 - our own program
    except subprocess.TimeoutExpired:
        return False
    return True


def main(arguments: list[str]) -> None:
    """Become pytest on the day that the first argument names; the others are pytest's."""
    if not arguments:
        sys.exit(__doc__)
    day = dt.datetime.fromisoformat(arguments[0]).replace(tzinfo=dt.UTC)
    environment = environment_on(day)
    if environment is None:
        sys.exit(MISSING)
    print(f"the tests on {day:%Y-%m-%d}, from {day:%H:%M} UTC", flush=True)  # noqa: T201 - for who runs it
    os.execve(sys.executable, [sys.executable, "-m", "pytest", *arguments[1:]], environment)  # noqa: S606 - pytest


if __name__ == "__main__":
    main(sys.argv[1:])
