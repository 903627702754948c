"""The process that starts the stack, keeps it running, and stops it on SIGTERM. `allim up` starts it detached.

Everything that does not need another is started at the same moment. What dies is started anew at the same address.
If the supervisor itself is killed, the services go down with it (see `local.process`).
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from local.blueprint import Blueprint
from local.home import Home, Phase, ProcessRecord, State, write_private
from local.postgres import PostgresError, ensure_database, let_roles_log_in
from local.service import RunningService, Service, ServiceError
from local.stack import Broker, remove_leftovers
from shared.operations.retention.retaining import Retention
from shared.platform.clock import WallClock
from shared.platform.crypto import Keys
from shared.platform.database import Database
from shared.platform.database.migrations import migrate
from shared.platform.errors import AllimError
from shared.platform.settings import read_keys
from shared.tenants.accounts import fill_in_channels, fill_in_digests

_LOCK_SECONDS = 2.0  # a client that looks whether one is running holds the lock for a moment

_log = logging.getLogger(__name__)


class Supervisor:
    """Runs the services of one blueprint. `broker`: which Pub/Sub is asked for."""

    def __init__(self, blueprint: Blueprint, broker: Broker) -> None:
        self._blueprint = blueprint
        self._broker = broker
        self._google_launcher: Path | None = None
        self._home = blueprint.home
        created = psutil.Process().create_time()
        self._state = State(supervisor=ProcessRecord(state="starting", pid=os.getpid(), created=created))
        self._services: dict[str, RunningService] = {}

    async def run(self, stop: asyncio.Event) -> bool:
        """Start everything, serve until `stop` is set, stop everything; returns whether everything came up."""
        self._save()
        starting = asyncio.create_task(self._start_all())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                await starting
                self._enter("ready")
                await stopping
        except* (ServiceError, PostgresError, AllimError) as failures:
            self._state.error = _told(failures)
            _log.error("%s", self._state.error)
        finally:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            await self._stop_all()
        return self._state.error is None

    async def _start_all(self) -> None:
        draft = self._blueprint
        async with asyncio.TaskGroup() as group:
            group.create_task(self._start(draft.simulator_service()))
            group.create_task(self._start_broker())
            for name in draft.function_names:
                group.create_task(self._start(draft.function_service(name)))
            group.create_task(self._prepare_database())
        await self._start(draft.scheduler_service())  # the first tick sets all to work

    async def _start_broker(self) -> None:
        if self._broker != "built-in":
            from local.broker import google_emulator_available

            available, launcher_or_reason = await asyncio.to_thread(google_emulator_available)
            if available:
                self._google_launcher = Path(launcher_or_reason)
            elif self._broker == "google":
                raise ServiceError(f"Google's Pub/Sub emulator cannot run here: {launcher_or_reason}")
        await self._start(self._blueprint.broker_service(self._google_launcher))

    async def _prepare_database(self) -> None:
        draft = self._blueprint
        if draft.server_url is None:
            await asyncio.to_thread(draft.embedded.initialise)
            await self._start(draft.postgres_service())
        server_url = draft.server_url or draft.embedded.url("postgres")
        await asyncio.to_thread(self._bring_up_to_date, server_url)

    def _bring_up_to_date(self, server_url: str) -> None:
        database_url = ensure_database(server_url)
        applied = migrate(database_url)
        _log.info("migrations applied: %s", ", ".join(applied) or "none")
        asyncio.run(self._fill_in(database_url))
        let_roles_log_in(database_url, self._blueprint.secrets.role_passwords)

    async def _fill_in(self, database_url: str) -> None:
        """What a migration can't: months of their own for what comes, also after a long time, and channels and digests
        for accounts of a stack that an older release left."""
        database = Database(database_url, pool_size=1)
        try:
            await Retention(database, WallClock()).make_months()
            await fill_in_channels(database)
            await fill_in_digests(database, Keys(read_keys(self._blueprint.secrets.encryption_key)))
        finally:
            await database.close()

    async def _start(self, service: Service) -> None:
        running = RunningService(service, self._home, changed=self._save)
        self._services[service.name] = running
        await running.start()

    async def _stop_all(self) -> None:
        """First what brings new work, then what does it, last what it needs."""
        self._enter("stopping")
        self._home.stack_file.unlink(missing_ok=True)
        waves = (["scheduler"], self._blueprint.function_names, ["pubsub", "simulator"], ["postgres"])
        for wave in waves:
            await asyncio.gather(*(self._services[name].stop() for name in wave if name in self._services))
        self._enter("failed" if self._state.error else "stopped")

    def _enter(self, phase: Phase) -> None:
        self._state.phase = phase
        self._state.supervisor.state = "stopped" if phase in ("stopped", "failed") else "ready"
        self._save()

    def _save(self) -> None:
        """Tell the world: first where everything is, then that it is ready."""
        self._state.services = {name: running.record for name, running in self._services.items()}
        if self._state.phase == "ready":
            pids = {name: record.pid for name, record in self._state.services.items() if record.pid is not None}
            stack = self._blueprint.stack(pids, self._google_launcher)
            write_private(self._home.stack_file, stack.model_dump_json(indent=2))
        write_private(self._home.state_file, self._state.model_dump_json(indent=2))


def _told(failures: BaseExceptionGroup[AllimError]) -> str:
    """What is wrong, of what failed together the first: the others are mostly its consequences."""
    failure: BaseExceptionGroup[AllimError] | AllimError = failures
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure.detail


async def supervise(home: Home, broker: Broker, functions_folder: Path) -> bool:
    """Run a stack in `home` until SIGTERM or SIGINT; returns whether all of it came up."""
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    server_url = os.environ.get("DATABASE_URL") or None
    blueprint = Blueprint.draw(home, functions_folder=functions_folder, server_url=server_url)
    return await Supervisor(blueprint, broker).run(stop)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; `arguments` are the process's own unless given."""
    parser = argparse.ArgumentParser(prog="python -m local.supervisor")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--broker", choices=["auto", "built-in", "google"], default="auto")
    parser.add_argument("--functions", type=Path, required=True)
    options = parser.parse_args(arguments)
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(message)s")
    home = Home(options.home)
    deadline = time.monotonic() + _LOCK_SECONDS
    while (lock := home.lock()) is None:
        if time.monotonic() > deadline:
            _log.error("another supervisor runs in %s", home.root)
            return 1
        time.sleep(0.01)
    with lock:
        remove_leftovers(home)
        home.stack_file.unlink(missing_ok=True)
        home.state_file.unlink(missing_ok=True)
        return 0 if asyncio.run(supervise(home, options.broker, options.functions)) else 1


if __name__ == "__main__":
    sys.exit(main())
