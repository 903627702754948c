"""A service of the stack: what runs it, how it shows that it is ready, and how it stops."""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import psutil

from local.errors import LocalError
from local.home import CHECKOUT, Home, ProcessRecord, ServiceState
from local.process import die_with_parent, kill_group

_log = logging.getLogger(__name__)

STOP_SECONDS = 5.0
_PROBE_SECONDS = 0.05
_FIRST_BACK_OFF_SECONDS = 0.1
_LONGEST_BACK_OFF_SECONDS = 5.0


class ServiceError(LocalError):
    """A service did not come up; the message names it and ends with the last lines of its log."""

    kind = "service_failed"


@dataclass(frozen=True)
class Service:
    """What to run.

    `command` runs in the foreground with `environment` in place of ours. `is_ready` is asked until it says yes.
    `after_ready` runs each time that it came up, also after a restart. `start_seconds`: it must be ready by then.
    `stop_seconds`: what it gets to end after `stop_signal`, before its whole process group is killed.
    `niceness`: how far it stands back from the others, 0 to 19, where they want the processors as well.
    """

    name: str
    command: list[str]
    environment: Mapping[str, str]
    is_ready: Callable[[], Awaitable[bool]]
    after_ready: Callable[[], Awaitable[None]] | None = None
    start_seconds: float = 30.0
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = STOP_SECONDS
    niceness: int = 0


@dataclass
class RunningService:
    """One service under supervision. `changed` is called whenever `record` tells something new."""

    service: Service
    home: Home
    changed: Callable[[], None]
    record: ProcessRecord = field(default_factory=ProcessRecord)
    _process: asyncio.subprocess.Process | None = None
    _keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it and wait until it is ready. From then on it is started anew whenever it ends.

        Raises ServiceError when it ends before it is ready, or is not ready in time: a service that fails at its
        first start will fail at the next one too.
        """
        process = await self._spawn(mode="wb")
        await self._become_ready(process)
        self._keeper = asyncio.create_task(self._keep(process), name=f"keep {self.service.name}")

    async def stop(self) -> None:
        """Ask it to stop, then make sure that nothing of it is left."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        process = self._process
        if process is not None:
            if process.returncode is None:
                process.send_signal(self.service.stop_signal)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), self.service.stop_seconds)
            kill_group(process.pid)
            await process.wait()
        if self.record.state != "failed":
            self._tell("stopped")

    async def _spawn(self, *, mode: Literal["wb", "ab"]) -> asyncio.subprocess.Process:
        with self.home.log(self.service.name).open(mode) as log:
            self._process = process = await asyncio.create_subprocess_exec(
                *self.service.command,
                cwd=CHECKOUT,
                env=dict(self.service.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(self.service.stop_signal),
            )
        self.record.pid = process.pid
        with contextlib.suppress(psutil.NoSuchProcess):
            self.record.created = psutil.Process(process.pid).create_time()
            if self.service.niceness:
                psutil.Process(process.pid).nice(self.service.niceness)
        self._tell("starting")
        return process

    async def _become_ready(self, process: asyncio.subprocess.Process) -> None:
        deadline = time.monotonic() + self.service.start_seconds
        # The answer counts only while it lives: another program may have taken its port.
        while not await self.service.is_ready() or process.returncode is not None:
            if process.returncode is not None:
                raise self._failed(f"ended with status {process.returncode} before it was ready")
            if time.monotonic() > deadline:
                raise self._failed(f"is not ready after {self.service.start_seconds:g} s")
            await asyncio.sleep(_PROBE_SECONDS)
        if self.service.after_ready is not None:
            await self.service.after_ready()
        self._tell("ready")

    async def _keep(self, process: asyncio.subprocess.Process) -> None:
        back_off = 0.0
        while True:
            await process.wait()
            kill_group(process.pid)  # workers that outlived their master hold its port
            self.record.restarts += 1
            self._tell("restarting")
            _log.warning("%s ended with status %s: starting it anew", self.service.name, process.returncode)
            await asyncio.sleep(back_off)
            process = await self._spawn(mode="ab")
            try:
                await self._become_ready(process)
                back_off = 0.0
            except ServiceError as error:
                _log.error("%s", error)
                kill_group(process.pid)
                back_off = min(max(back_off * 2, _FIRST_BACK_OFF_SECONDS), _LONGEST_BACK_OFF_SECONDS)

    def _tell(self, state: ServiceState) -> None:
        self.record.state = state
        self.changed()

    def _failed(self, how: str) -> ServiceError:
        self._tell("failed")
        name = self.service.name
        tail = self.home.log_tail(name) or "(nothing)"
        return ServiceError(f"{name} {how}. The end of {self.home.log(name)}:\n{tail}")


async def accepts_connections(port: int) -> bool:
    """Whether something listens on 127.0.0.1 at `port`."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def answers_http(port: int, path: str) -> bool:
    """Whether a GET of `path` on 127.0.0.1 is answered, with any status below 500, within a second."""
    try:
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
                status = (await reader.readline()).split()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
    return len(status) >= 2 and status[1].isdigit() and int(status[1]) < 500
