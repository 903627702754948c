"""Child processes that cannot outlive the one that started them, and what finds those that did."""

import contextlib
import ctypes
import os
import random
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

HOME_VARIABLE = "ALLIM_STACK_HOME"
"""Set in the environment of every process of a stack: the folder of the stack that it belongs to."""

_PR_SET_PDEATHSIG = 1
_CLOCK_SECONDS = 2.0
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None

# Below the range from which systems take the local ports of outgoing connections (Linux 32768, macOS 49152): a port
# from inside it may be gone when a killed server wants it back.
_SERVER_PORTS = range(20_000, 32_000)
_marks: list[socket.socket] = []


def die_with_parent(signum: signal.Signals) -> Callable[[], None] | None:
    """A `preexec_fn` by which the child gets `signum` when its parent dies, even by SIGKILL.

    Linux only (prctl(2), PR_SET_PDEATHSIG); elsewhere None, and `processes_of` finds what is left.
    The parent is the starting thread, so start children from one that lasts.
    """
    libc = _libc
    if libc is None:
        return None
    parent = os.getpid()

    def in_child() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(signum), 0, 0, 0)
        if os.getppid() != parent:  # it died before the call above
            os.kill(os.getpid(), signal.SIGKILL)

    return in_child


def free_ports(count: int) -> list[int]:
    """`count` different TCP ports on which nothing listens at 127.0.0.1 now, and that nobody else was given."""
    ports: list[int] = []
    while len(ports) < count:
        port = random.choice(_SERVER_PORTS)  # noqa: S311
        if _take(port):
            ports.append(port)
    return ports


def _take(port: int) -> bool:
    """Whether a port is free, and is ours from now on.

    A server listens some time after its port was chosen; who chooses in between would find it free, too. So the UDP
    port of the same number is held as a mark for as long as this process lives.
    """
    mark = socket.socket(type=socket.SOCK_DGRAM)
    with socket.socket() as probe:
        try:
            mark.bind(("127.0.0.1", port))
            probe.bind(("127.0.0.1", port))
        except OSError:
            mark.close()
            return False
    _marks.append(mark)
    return True


def kill_group(leader: int) -> None:
    """Kill the process group of a child that was started as its leader, whether or not the leader still lives."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def processes_of(home: Path, recorded: Mapping[int, float]) -> list[psutil.Process]:
    """The living processes of the stack in `home`: those whose environment says so, and those that were recorded.

    `recorded` maps process ids to start times, by which a process that was given the same id later is told apart.
    """
    others = (process for process in psutil.process_iter() if process.pid != os.getpid())
    return [process for process in others if is_ours(process, home, recorded.get(process.pid))]


def is_ours(process: psutil.Process, home: Path, recorded_start: float | None) -> bool:
    """Whether `process` lives and is the stack's, by its environment or, where that is hidden, by its start time."""
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        with contextlib.suppress(psutil.AccessDenied, OSError):
            if process.environ().get(HOME_VARIABLE) == str(home):
                return True
        # The system reckons start times from a clock that may have been set since.
        return recorded_start is not None and abs(process.create_time() - recorded_start) < _CLOCK_SECONDS
    except psutil.NoSuchProcess:
        return False
