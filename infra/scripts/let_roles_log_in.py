"""Give each function's database role a new password without a gap, and put the address that it opens into its secret.

Each role has two logins (`allim_sender_a`, `allim_sender_b`) that may what it may. The one that is not in use gets the
password, and is logged in with at the very address that is then stored. So the functions go on with the other one, and
if anything fails here, nothing has changed for them. Run it after `terraform apply` and `allim migrate`, and again to
change all passwords; set `secret_versions` to what it prints, and apply; then end the logins that are in use no more:

    DATABASE_URL=… python infra/scripts/let_roles_log_in.py --ca prod-ca-2021.crt
    DATABASE_URL=… python infra/scripts/let_roles_log_in.py --ca prod-ca-2021.crt --end-others

DATABASE_URL is the owner's, through Supabase's session pooler, as for `allim migrate`. What is in use, and in which
project, Terraform's last apply says; another project in CLOUDSDK_CORE_PROJECT is refused. No password is an argument,
is printed, or reaches the server's log: it is sent as a SCRAM verifier.
"""
# ruff: noqa: S603, T201

import argparse
import ipaddress
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from local.postgres import let_roles_log_in

TERRAFORM = Path(__file__).resolve().parents[1] / "terraform"
TRANSACTION_POOLER = 6543

PATIENCE_SECONDS = 180.0
"""A pooler goes on believing what it knew of a role's password, and looks anew three times a minute
(https://github.com/supabase/supavisor/pull/728)."""

PAUSES_SECONDS = (2.0, 4.0, 8.0, 16.0, 20.0)
"""Between one login and the next; the last one again and again."""


@dataclass(frozen=True)
class Server:
    """Where the database is.

    owner: the owner's address.
    tls: what every connection is made with: nothing on this machine, else the certificate that is demanded.
    """

    owner: str
    tls: Mapping[str, str]

    @classmethod
    def of(cls, owner: str, ca: Path | None) -> "Server":
        """Raises SystemExit where a password would travel unseen by whom it is for."""
        if ca is None and not _on_this_machine(str(conninfo_to_dict(owner).get("host", ""))):
            sys.exit(
                "no_tls: give --ca, the certificate of the database's server: Supabase → Project settings → Database → "
                "SSL configuration. Only a database on this machine does without."
            )
        if ca is not None and not ca.is_file():
            sys.exit(f"no_certificate: {ca} is no file")
        return cls(owner, {"sslmode": "verify-full", "sslrootcert": str(ca)} if ca else {})

    def owner_knowing_it(self) -> str:
        """The owner's address, with what the server is known by."""
        return make_conninfo(self.owner, **self.tls)

    def address(self, login: str, password: str) -> str:
        """What a function connects with."""
        owner = conninfo_to_dict(self.owner)
        project = "".join(str(owner["user"]).partition(".")[1:])  # Supabase's pooler knows roles as <role>.<project>
        host = str(owner["host"])
        port = owner.get("port", 5432) if _on_this_machine(host) else TRANSACTION_POOLER
        place = f"{f'[{host}]' if ':' in host else host}:{port}/{owner['dbname']}"
        suffix = "?sslmode=require" if self.tls else ""
        account = f"{quote(login + project)}:{quote(password, safe='')}"
        return f"postgresql://{account}@{place}{suffix}"

    def log_in(self, address: str) -> None:
        """Log in as a function does, but knowing the server by its certificate. Raises psycopg.OperationalError."""
        with psycopg.connect(
            make_conninfo(address, connect_timeout=10, **self.tls), prepare_threshold=None
        ) as connection:
            connection.execute("select 1")

    def log_in_patiently(self, address: str) -> None:
        """Try until it succeeds. Raises psycopg.OperationalError when it does not for three minutes."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        for pause in _pauses():
            try:
                self.log_in(address)
                return
            except psycopg.OperationalError:
                if time.monotonic() + pause > deadline:
                    raise
            time.sleep(pause)


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--ca", type=Path, help="certificate that the database's server is known by")
    options.add_argument("--end-others", action="store_true", help="end the logins that are not in use")
    asked = options.parse_args()
    owner = os.environ.get("DATABASE_URL") or sys.exit("no_database_url: set DATABASE_URL to the owner's address")
    server = Server.of(owner, asked.ca)
    store = Secrets.of_what_was_applied()
    roles: dict[str, str] = _output("database_roles")
    versions: dict[str, str] = _output("secrets")
    in_use = {secret: store.address_in_use(secret, versions[secret]) for secret in roles}
    try:
        if asked.end_others:
            _end_others(server, roles, in_use)
        else:
            _renew(server, store, roles, in_use)
    except psycopg.OperationalError as error:
        sys.exit(f"no_login: {str(error).strip()}\nNothing has changed for the functions. Run it again.")
    except psycopg.errors.UndefinedObject as error:
        sys.exit(f"no_role: {str(error).strip()}\nThe database is older than the code: run `allim migrate` first.")


@dataclass(frozen=True)
class Secrets:
    """The secrets of one Google project, whatever project `gcloud` is set to.

    project: its id.
    """

    project: str

    @classmethod
    def of_what_was_applied(cls) -> "Secrets":
        """Raises SystemExit where this shell is another environment's: DATABASE_URL would be, too."""
        project: str = _output("project")
        shells = os.environ.get("CLOUDSDK_CORE_PROJECT", project)
        if shells != project:
            sys.exit(
                f"other_project: Terraform here is of {project}, and this shell of {shells} (CLOUDSDK_CORE_PROJECT). "
                "Source the allim-env.sh of the one that you mean, then `terraform init -reconfigure` with its bucket."
            )
        return cls(project)

    def address_in_use(self, secret: str, version: str) -> str | None:
        """What the functions connect with, as of the last apply; None before there is a value."""
        there = self._gcloud("list", secret, "--filter=state=ENABLED", "--format=value(name)").split()
        if version not in {name.rpartition("/")[2] for name in there}:
            return None
        return self._gcloud("access", version, f"--secret={secret}").strip()

    def add(self, secret: str, address: str) -> str:
        """The number of the new version."""
        name = self._gcloud("add", secret, "--data-file=-", "--format=value(name)", give=address)
        return name.strip().rpartition("/")[2]

    def _gcloud(self, verb: str, *arguments: str, give: str | None = None) -> str:
        return _run("gcloud", "secrets", "versions", verb, *arguments, f"--project={self.project}", give=give)


def _renew(server: Server, store: Secrets, roles: Mapping[str, str], in_use: Mapping[str, str | None]) -> None:
    passwords = {_next_login(role, in_use[secret]): secrets.token_urlsafe(32) for secret, role in roles.items()}
    let_roles_log_in(server.owner_knowing_it(), passwords)
    addresses = {}
    for secret, role in roles.items():
        login = _next_login(role, in_use[secret])
        addresses[secret] = server.address(login, passwords[login])
        server.log_in_patiently(addresses[secret])
    for secret, address in addresses.items():  # all of them can log in
        print(f"{secret}: version {store.add(secret, address)}")


def _end_others(server: Server, roles: Mapping[str, str], in_use: Mapping[str, str | None]) -> None:
    for secret in roles:
        address = in_use[secret]
        if address is None:
            sys.exit(f"not_in_use: {secret} has no value yet; nothing was ended")
        server.log_in_patiently(address)
    with psycopg.connect(server.owner_knowing_it(), autocommit=True) as connection:
        for secret, role in roles.items():
            used = _login_of(in_use[secret])
            others = [login for login in (role, *_logins(role)) if login != used]
            for login in others:
                connection.execute(sql.SQL("alter role {} nologin").format(sql.Identifier(login)))
            print(f"{secret}: {used} alone logs in")


def _logins(role: str) -> tuple[str, str]:
    return f"{role}_a", f"{role}_b"


def _next_login(role: str, address: str | None) -> str:
    first, second = _logins(role)
    return second if _login_of(address) == first else first


def _login_of(address: str | None) -> str | None:
    return str(conninfo_to_dict(address)["user"]).partition(".")[0] if address else None


def _on_this_machine(host: str) -> bool:
    if host == "localhost" or host.startswith("/"):  # a socket's folder
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _pauses() -> Iterator[float]:
    yield from PAUSES_SECONDS
    while True:
        yield PAUSES_SECONDS[-1]


def _output(name: str) -> Any:
    return json.loads(_run("terraform", f"-chdir={TERRAFORM}", "output", "-json", name))


def _run(*command: str, give: str | None = None) -> str:
    """What a program says. Raises SystemExit where it fails; why, it has told by itself."""
    try:
        return subprocess.run(command, input=give, stdout=subprocess.PIPE, text=True, check=True).stdout
    except FileNotFoundError:
        sys.exit(f"not_installed: {command[0]} is not on the PATH")
    except subprocess.CalledProcessError:
        todo = "was it initialised and applied?" if command[0] == "terraform" else "may this account do that?"
        sys.exit(
            f"not_done: `{' '.join(command)}` failed: {todo}\nNothing has changed for the functions. Run it again."
        )


if __name__ == "__main__":
    main()
