"""Start Google's Pub/Sub emulator, or the built-in one, as a process of its own, and leave nothing behind.

with start_broker("auto", log_file=Path("pubsub.log")) as broker:
    os.environ["PUBSUB_EMULATOR_HOST"] = broker.host
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import grpc
from google.pubsub_v1 import types

from local.broker import google_emulator_available
from local.home import CHECKOUT
from local.process import free_ports

Kind = Literal["auto", "built-in", "google"]

START_SECONDS = 30.0
STOP_SECONDS = 8.0
_HOST = "127.0.0.1"
_POLL_SECONDS = 0.05


class BrokerStartError(Exception):
    """The broker could not be started; says why, with the end of its log."""


@dataclass(frozen=True)
class RunningBroker:
    """A broker that answers.

    host: host:port, the value for PUBSUB_EMULATOR_HOST.
    kind: built-in or google.
    process: leads a process group of its own.
    control_url: where the built-in broker takes faults and gives statistics; Google's has no such thing.
    """

    host: str
    kind: Literal["built-in", "google"]
    process: subprocess.Popen[bytes]
    control_url: str | None

    def stop(self) -> None:
        """End it: SIGTERM, and SIGKILL after 8 s, to the whole process group. Harmless to repeat."""
        _end_group(self.process)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def start_broker(
    kind: Kind,
    port: int = 0,
    log_file: Path | None = None,
    *,
    control_port: int = 0,
    max_outstanding: int | None = None,
) -> RunningBroker:
    """Start a broker on 127.0.0.1 and wait until it answers, up to 30 s.

    kind: "google" for Google's emulator, "built-in" for ours, "auto" for Google's when the machine has it.
    port: where it listens; 0 for any free port.
    log_file: gets its output, appended; None drops it.
    control_port: of the built-in broker; 0 for any free port.
    max_outstanding: pushes under way at once for each subscription of the built-in broker; None for its default.
    Raises BrokerStartError when it ends early, does not answer in time, or the port is taken.
    """
    available, reason = (False, "") if kind == "built-in" else google_emulator_available()
    if kind == "google" and not available:
        raise BrokerStartError(f"Google's Pub/Sub emulator cannot run here: {reason}")
    port, control = _free_ports(port, control_port)
    host = f"{_HOST}:{port}"
    if available:
        # What `gcloud beta emulators pubsub start` runs as its child. gcloud itself dies of SIGTERM and leaves the
        # Java process behind; this launcher becomes the Java process (exec), so there is only one to end.
        return _started([reason, f"--host={_HOST}", f"--port={port}"], host, "google", log_file, None)
    command = [sys.executable, "-m", "simulator.pubsub", "--host", _HOST, "--port", str(port), "--control-port"]
    command.append(str(control))
    if max_outstanding is not None:
        command += ["--max-outstanding", str(max_outstanding)]
    return _started(command, host, "built-in", log_file, f"http://{_HOST}:{control}")


def _free_ports(*ports: int) -> list[int]:
    """Ports that can be bound now, for 0 one of ours. Raises BrokerStartError when one that was asked for is taken."""
    with contextlib.ExitStack() as probes:
        found = []
        for port in (asked or free_ports(1)[0] for asked in ports):
            probe = probes.enter_context(socket.socket())
            # As the brokers themselves do: a port left a moment ago (TIME_WAIT) is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_HOST, port))
            except OSError as error:
                raise BrokerStartError(f"Port {port} on {_HOST} is taken: {error}") from error
            found.append(int(probe.getsockname()[1]))
        return found


def _started(
    command: list[str], host: str, kind: Literal["built-in", "google"], log_file: Path | None, control_url: str | None
) -> RunningBroker:
    with Path(log_file or os.devnull).open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - a broker's own command
            command, cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _await_answer(process, host)
    except BaseException as error:
        _end_group(process)
        if isinstance(error, BrokerStartError) and log_file is not None:
            error.add_note(log_file.read_text(errors="replace")[-2000:])
        raise
    return RunningBroker(host, kind, process, control_url)


def _await_answer(process: subprocess.Popen[bytes], host: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    request = types.ListTopicsRequest.serialize(types.ListTopicsRequest(project="projects/none"))
    with grpc.insecure_channel(host) as channel:
        call = channel.unary_unary("/google.pubsub.v1.Publisher/ListTopics")
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(grpc.RpcError):
                call(request, timeout=_POLL_SECONDS, wait_for_ready=True)
                return
    if process.returncode is not None:
        raise BrokerStartError(f"{process.args!r} ended with status {process.returncode}")
    raise BrokerStartError(f"{process.args!r} did not answer on {host} within {START_SECONDS:.0f} s")


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End the process and whatever it has started, and collect it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not _group_lives(process):
            break
        os.killpg(process.pid, number)
        deadline = time.monotonic() + STOP_SECONDS
        while _group_lives(process) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
    process.wait()


def _group_lives(process: subprocess.Popen[bytes]) -> bool:
    process.poll()  # collects the leader, which would otherwise count as alive
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True
