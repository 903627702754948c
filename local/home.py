"""The folder of one stack: its data, its logs, and the files by which its processes and its users find each other."""

import base64
import fcntl
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from pydantic import BaseModel, Field

from local.postgres import ROLES

CHECKOUT = Path(__file__).resolve().parents[1]

ServiceState = Literal["waiting", "starting", "ready", "restarting", "stopped", "failed"]
Phase = Literal["starting", "ready", "stopping", "stopped", "failed"]


class Secrets(BaseModel):
    """Made once for a folder and kept with its data: rows encrypted in one run are read in the next."""

    encryption_key: str = Field(default_factory=lambda: base64.b64encode(secrets.token_bytes(32)).decode())
    backup_key: str = Field(default_factory=lambda: base64.b64encode(secrets.token_bytes(32)).decode())
    postgres_password: str = Field(default_factory=lambda: secrets.token_urlsafe(24))
    role_passwords: dict[str, str] = Field(
        default_factory=lambda: {role: secrets.token_urlsafe(24) for role in ROLES},
    )


class ProcessRecord(BaseModel):
    """One service as the supervisor sees it. `created`: the start time by which the system tells a reused pid."""

    state: ServiceState = "waiting"
    pid: int | None = None
    created: float | None = None
    restarts: int = 0


class State(BaseModel):
    """What the supervisor tells of itself. `error`: why it failed, for people."""

    phase: Phase = "starting"
    supervisor: ProcessRecord
    services: dict[str, ProcessRecord] = {}
    error: str | None = None


@dataclass(frozen=True)
class Home:
    """Paths inside the folder `root`."""

    root: Path

    @classmethod
    def default(cls) -> "Home":
        """`ALLIM_HOME`, or `.allim` in this checkout."""
        return cls(Path(os.environ.get("ALLIM_HOME") or CHECKOUT / ".allim").expanduser().resolve())

    @property
    def stack_file(self) -> Path:
        return self.root / "stack.json"

    @property
    def state_file(self) -> Path:
        return self.root / "state.json"

    @property
    def secrets_file(self) -> Path:
        return self.root / "secrets.json"

    @property
    def lock_file(self) -> Path:
        return self.root / "lock"

    @property
    def scheduler_file(self) -> Path:
        return self.root / "scheduler.json"

    @property
    def publishers_file(self) -> Path:
        return self.root / "publishers.json"

    @property
    def storage(self) -> Path:
        return self.root / "storage"

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def log_tail(self, name: str, lines: int = 8) -> str:
        """The last lines of a log, or an empty string."""
        log = self.log(name)
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""

    def secrets(self) -> Secrets:
        """The secrets of this stack, made at the first call. Roles that came later get theirs."""
        kept = Secrets.model_validate_json(self.secrets_file.read_bytes()) if self.secrets_file.exists() else Secrets()
        kept.role_passwords = {**Secrets().role_passwords, **kept.role_passwords}
        write_private(self.secrets_file, kept.model_dump_json(indent=2))
        return kept

    def state(self) -> State | None:
        """What the supervisor last told, whether or not it still runs."""
        return State.model_validate_json(self.state_file.read_bytes()) if self.state_file.exists() else None

    def lock(self) -> IO[bytes] | None:
        """Become the supervisor of this folder: a file to keep open as long as one is, None if there is another."""
        self.logs.mkdir(parents=True, exist_ok=True)
        file = self.lock_file.open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        return file

    def is_supervised(self) -> bool:
        """Whether a supervisor lives. The system gives its lock back however it ends."""
        if not self.lock_file.exists():
            return False
        lock = self.lock()
        if lock is not None:
            lock.close()
        return lock is None


def write_private(path: Path, text: str) -> None:
    """Replace the file at once, so that no reader sees half of it; only its owner may read it."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        file.write(text + "\n")
    Path(file.name).replace(path)
