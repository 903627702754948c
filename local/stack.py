"""Start, find and stop the stack on this machine, for the command line, the demo, the bench and the tests."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal

import psutil
from pydantic import BaseModel, computed_field

from local.errors import LocalError
from local.functions import FUNCTIONS, SIMULATED_TOSS_KEY
from local.home import CHECKOUT, Home, State
from local.postgres import unfinished_data
from local.process import HOME_VARIABLE, is_ours, kill_group, processes_of
from shared.platform.settings import Settings
from shared.providers import CREDENTIALS

Broker = Literal["auto", "built-in", "google"]

_START_SECONDS = 120.0  # the services' own limits are shorter; this one is for a supervisor that hangs
_STOP_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 0.03


class StackError(LocalError):
    """The stack is not as the caller needs it; the message says what is wrong and what helps."""

    kind = "stack_failed"


class Stack(BaseModel):
    """Every address and credential of a running stack: `.allim/stack.json`, readable by its owner only.

    `database_url` is the owner's; `role_database_urls` has one for each role that functions and people use.
    `mail_url` is where the simulated mail server listens. `slack_url` is
    an incoming webhook of the simulated Slack, where alerts are told.
    `functions` maps names to addresses, `processes` names to process ids, as of now: a restart changes them.
    """

    database_url: str
    role_database_urls: dict[str, str]
    pubsub_emulator_host: str
    broker: Literal["built-in", "google"]
    broker_control_url: str | None
    project: str
    simulator_url: str
    mail_url: str
    slack_url: str
    scheduler_host: str | None = None
    webhook_url: str | None
    functions: dict[str, str]
    encryption_key: str
    backup_key: str
    processes: dict[str, int]
    started_at: datetime

    @computed_field  # type: ignore[prop-decorator]
    @property
    def providers(self) -> dict[str, str]:
        """The address of each provider that messages are sent by, for those who speak to one as its customer."""
        ours = {name: self.simulator_url for name, opens in CREDENTIALS.items() if opens.names}
        return {**ours, "smtp": self.mail_url}

    def owners_settings(self) -> Settings:
        """The product's settings for who works on this stack as the database's owner."""
        return Settings.of(
            {
                "database_url": self.database_url,
                "google_cloud_project": self.project,
                "pubsub_emulator_host": self.pubsub_emulator_host,
                "allim_encryption_key": self.encryption_key,
                "solapi_url": self.simulator_url,
                "nhn_sms_url": self.simulator_url,
                "nhn_kakao_url": self.simulator_url,
                "sens_url": self.simulator_url,
                "smtp_url": self.mail_url,
                "kakao_url": self.simulator_url,
                "kakao_login_url": self.simulator_url,
                "fcm_url": self.simulator_url,
                "google_oauth_url": self.simulator_url,
                "aligo_url": self.simulator_url,
                "aligo_kakao_url": self.simulator_url,
                "toss_url": self.simulator_url,
                "toss_secret_key": SIMULATED_TOSS_KEY,
            }
        )

    @classmethod
    def load(cls, home: Home | None = None) -> "Stack":
        """The running stack of `home` (by default `ALLIM_HOME` or this checkout). Raises StackError when none runs."""
        home = home or Home.default()
        state = _told_by_the_living(home)
        if state is None or state.phase != "ready":
            raise StackError(f"no stack is up in {home.root}: start one with `allim up`")
        return cls.model_validate_json(home.stack_file.read_bytes())


class ServiceStatus(BaseModel):
    """One process of the stack with all that it started: CPU time since its last start, resident memory now."""

    name: str
    pid: int | None
    state: str
    restarts: int
    cpu_seconds: float
    memory_mb: float


def start_stack(
    home: Home | None = None,
    *,
    broker: Broker = "auto",
    functions: Path = FUNCTIONS,
    on_progress: Callable[[State], None] | None = None,
) -> Stack:
    """Start the stack and wait until all of it is ready; one that already is up is returned as it is.

    `broker`: whose Pub/Sub; `auto` takes Google's emulator when it is installed. `functions`: the folder that holds
    them. `on_progress` is called with each new state, to show it. Raises StackError, with the end of the log of
    what failed, when something does not come up; then nothing is left running.
    """
    home = home or Home.default()
    supervisor = None
    if not home.is_supervised():
        supervisor = _start_supervisor(home, broker, functions)
    try:
        return _wait_until_ready(home, supervisor, on_progress)
    except BaseException:  # also Ctrl-C: who gave up waiting does not want half a stack
        if supervisor is not None:
            stop_stack(home)
        raise


def stop_stack(home: Home | None = None, *, purge: bool = False) -> bool:
    """Stop whatever of the stack runs; returns whether anything did. `purge` also deletes its data and logs.

    Raises StackError when a process cannot be stopped.
    """
    home = home or Home.default()
    ran = home.is_supervised()
    if ran:
        _stop_supervisor(home)
    ran = remove_leftovers(home) or ran
    home.stack_file.unlink(missing_ok=True)
    if purge:
        _purge(home)
    return ran


@contextlib.contextmanager
def running_stack(home: Home, *, broker: Broker = "auto", functions: Path = FUNCTIONS) -> Iterator[Stack]:
    """A stack that is up as long as the `with` block; its data stays. Arguments as for `start_stack`."""
    try:
        yield start_stack(home, broker=broker, functions=functions)
    finally:
        stop_stack(home)


def kill(name: str, home: Home | None = None) -> int:
    """Kill the service `name` and all that it started (SIGKILL), as a crash would; returns the pid that it had.

    The supervisor starts it anew at the same address. Raises StackError when no such service runs.
    """
    pid = Stack.load(home).processes.get(name)
    if pid is None:
        raise StackError(f"no service {name} is running")
    kill_group(pid)
    return pid


def status(home: Home | None = None) -> list[ServiceStatus]:
    """Each service of the stack, and the supervisor itself; an empty list when none is up."""
    home = home or Home.default()
    state = _told_by_the_living(home)
    if state is None:
        return []
    records = {"supervisor": state.supervisor, **state.services}
    found = []
    for name, record in records.items():
        cpu, memory = _usage(record.pid, whole_tree=name != "supervisor")
        found.append(
            ServiceStatus(
                name=name,
                pid=record.pid,
                state=record.state,
                restarts=record.restarts,
                cpu_seconds=round(cpu, 2),
                memory_mb=round(memory / 1e6, 1),
            )
        )
    return found


def _start_supervisor(home: Home, broker: Broker, functions: Path) -> "subprocess.Popen[bytes]":
    home.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    home.logs.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "local.supervisor", "--home", str(home.root), "--broker", broker]
    with home.log("supervisor").open("ab") as log:
        return subprocess.Popen(
            [*command, "--functions", str(functions.resolve())],
            cwd=CHECKOUT,
            env={**os.environ, HOME_VARIABLE: str(home.root)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _wait_until_ready(
    home: Home, supervisor: "subprocess.Popen[bytes] | None", on_progress: Callable[[State], None] | None
) -> Stack:
    deadline = time.monotonic() + _START_SECONDS
    shown: State | None = None
    while True:
        gone = (supervisor is None or supervisor.poll() is not None) and not home.is_supervised()
        state = _told_by_the_living(home)
        if state is not None and state != shown:
            shown = state
            if on_progress is not None:
                on_progress(state)
        if gone:
            last = home.state()
            told = last.error if last and supervisor and last.supervisor.pid == supervisor.pid else None
            raise StackError(told or home.log_tail("supervisor") or "the supervisor ended without a word")
        if state is not None and state.phase == "ready":
            return Stack.load(home)
        if time.monotonic() > deadline:
            raise StackError(f"the stack is not ready after {_START_SECONDS:g} s: see {home.logs}")
        time.sleep(_LOOK_AGAIN_SECONDS)


def _told_by_the_living(home: Home) -> State | None:
    """The state, unless it is what a supervisor left that no longer lives."""
    state = home.state()
    if state is not None and state.supervisor.pid is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            if is_ours(psutil.Process(state.supervisor.pid), home.root, state.supervisor.created):
                return state
    return None


def _stop_supervisor(home: Home) -> None:
    deadline = time.monotonic() + _STOP_SECONDS
    asked: int | None = None
    while home.is_supervised() and time.monotonic() < deadline:
        state = _told_by_the_living(home)  # None while it has just begun to start
        if state is not None and state.supervisor.pid not in (None, asked):
            asked = state.supervisor.pid
            with contextlib.suppress(ProcessLookupError):
                os.kill(asked, signal.SIGTERM)
        time.sleep(_LOOK_AGAIN_SECONDS)


def remove_leftovers(home: Home) -> bool:
    """End what a killed supervisor left: Postgres in good order, all others at once; returns whether there was any.

    Raises StackError when a process cannot be stopped.
    """
    state = home.state()
    records = [] if state is None else [state.supervisor, *state.services.values()]
    recorded = {record.pid: record.created for record in records if record.pid and record.created}
    left = processes_of(home.root, recorded)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGINT if process.name() == "postgres" else signal.SIGKILL)
    _, alive = psutil.wait_procs(left, timeout=5)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    _, alive = psutil.wait_procs(alive, timeout=5)
    if alive:
        raise StackError(f"these processes cannot be stopped: {', '.join(str(process.pid) for process in alive)}")
    return bool(left)


def _purge(home: Home) -> None:
    """Only what is ours: ALLIM_HOME may be a folder with other things in it."""
    for folder in (home.postgres, unfinished_data(home.postgres), home.storage, home.logs):
        shutil.rmtree(folder, ignore_errors=True)
    for file in (home.state_file, home.secrets_file, home.lock_file, home.scheduler_file, home.publishers_file):
        file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        home.root.rmdir()


def _usage(pid: int | None, *, whole_tree: bool) -> tuple[float, float]:
    """CPU seconds and bytes of memory of a process; with `whole_tree`, of its descendants too, living or reaped."""
    if pid is None:
        return 0.0, 0.0
    cpu = memory = 0.0
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for member in [process, *(process.children(recursive=True) if whole_tree else [])]:
            with contextlib.suppress(psutil.NoSuchProcess):
                times = member.cpu_times()
                cpu += times.user + times.system
                if whole_tree:
                    cpu += times.children_user + times.children_system
                memory += _memory(member)
    return cpu, memory


def _memory(process: psutil.Process) -> float:
    """What this process alone occupies, as far as the system tells: shared pages would count once per process."""
    return float(process.memory_info().rss - getattr(process.memory_info(), "shared", 0))
