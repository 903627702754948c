"""What the stack on one machine is made of: each service with its command, addresses, credentials and readiness."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg

from local import functions
from local.home import CHECKOUT, Home, Secrets
from local.postgres import DATABASE, EmbeddedPostgres, with_parts
from local.process import HOME_VARIABLE, free_ports
from local.service import STOP_SECONDS, Service, ServiceError, accepts_connections, answers_http
from local.stack import Stack
from shared.platform.clock import WallClock

PROJECT = "allim-local"

_NICENESS = 10
"""Of functions that stand back: they get a tenth of a processor's time that another function wants."""


@dataclass(frozen=True)
class Blueprint:
    """A stack that can be started.

    `server_url`: any database of the user's own Postgres, None for the embedded one. `functions_folder` holds the
    functions `function_names`. `ports`: of each service by name.
    """

    home: Home
    secrets: Secrets
    server_url: str | None
    functions_folder: Path
    function_names: list[str]
    ports: Mapping[str, int]
    drawn_at: datetime

    @classmethod
    def draw(cls, home: Home, *, functions_folder: Path, server_url: str | None) -> "Blueprint":
        """Choose the ports and make the secrets; nothing is started."""
        names = functions.find_functions(functions_folder)
        served = ["postgres", "pubsub", "pubsub-control", "simulator", "mail", "scheduler", *names]
        ports = dict(zip(served, free_ports(len(served)), strict=True))
        return cls(home, home.secrets(), server_url, functions_folder, names, ports, WallClock().now())

    @property
    def embedded(self) -> EmbeddedPostgres:
        """The Postgres that runs unless the user has one."""
        return EmbeddedPostgres(self.home.postgres, self.ports["postgres"], self.secrets.postgres_password)

    @property
    def database_url(self) -> str:
        return with_parts(self.server_url, database=DATABASE) if self.server_url else self.embedded.url()

    def role_url(self, role: str) -> str:
        return with_parts(self.database_url, user=role, password=self.secrets.role_passwords[role])

    @property
    def pubsub_host(self) -> str:
        return f"127.0.0.1:{self.ports['pubsub']}"

    def address(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    @property
    def slack_url(self) -> str:
        return self.address("simulator") + functions.SIMULATED_SLACK_PATH

    @property
    def mail_url(self) -> str:
        return f"smtp://127.0.0.1:{self.ports['mail']}"

    def stack(self, processes: Mapping[str, int], google_launcher: Path | None) -> Stack:
        """What clients of the running stack need to know."""
        return Stack(
            database_url=self.database_url,
            role_database_urls={role: self.role_url(role) for role in self.secrets.role_passwords},
            pubsub_emulator_host=self.pubsub_host,
            broker="google" if google_launcher else "built-in",
            broker_control_url=None if google_launcher else self.address("pubsub-control"),
            project=PROJECT,
            simulator_url=self.address("simulator"),
            mail_url=self.mail_url,
            scheduler_host=f"127.0.0.1:{self.ports['scheduler']}",
            slack_url=self.slack_url,
            webhook_url=self.address("provider_webhook") if "provider_webhook" in self.ports else None,
            functions={name: self.address(name) for name in self.function_names},
            encryption_key=self.secrets.encryption_key,
            backup_key=self.secrets.backup_key,
            processes=dict(processes),
            started_at=self.drawn_at,
        )

    def environment(self) -> dict[str, str]:
        """What every process of the stack gets. Nobody inherits the owner's way into the database."""
        inherited = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        not_proxied = os.environ.get("NO_PROXY") or os.environ.get("no_proxy")
        direct = ",".join(filter(None, [not_proxied, "127.0.0.1", "localhost"]))
        return {
            **inherited,
            HOME_VARIABLE: str(self.home.root),
            "PYTHONPATH": str(CHECKOUT),
            "PYTHONUNBUFFERED": "1",
            "NO_PROXY": direct,
            "no_proxy": direct,
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "PUBSUB_EMULATOR_HOST": self.pubsub_host,
        }

    def postgres_service(self) -> Service:
        url = self.embedded.url("postgres")

        async def is_ready() -> bool:
            try:
                connection = await psycopg.AsyncConnection.connect(url, connect_timeout=2)
            except psycopg.OperationalError:
                return False
            await connection.close()
            return True

        return Service(
            name="postgres",
            command=self.embedded.command(),
            environment=self.environment(),
            is_ready=is_ready,
            stop_signal=signal.SIGINT,
            stop_seconds=15,
        )

    def broker_service(self, google_launcher: Path | None) -> Service:
        """`google_launcher`: the program of Google's emulator, None for the built-in broker."""
        port = self.ports["pubsub"]
        if google_launcher is not None:
            return Service(
                name="pubsub",
                command=[str(google_launcher), "--host=127.0.0.1", f"--port={port}"],
                environment=self.environment(),
                is_ready=lambda: answers_http(port, "/"),
                after_ready=self.create_topics,
                start_seconds=60,
            )
        control_port = self.ports["pubsub-control"]
        return Service(
            name="pubsub",
            command=[
                *(sys.executable, "-m", "simulator.pubsub", "--host", "127.0.0.1"),
                *("--port", str(port), "--control-port", str(control_port)),
            ],
            environment=self.environment(),
            is_ready=lambda: answers_http(control_port, "/stats"),
            after_ready=self.create_topics,
        )

    async def create_topics(self) -> None:
        """Topics and push subscriptions live in the broker's memory: they are made each time that it starts.

        In a process of its own: the supervisor forks, and gRPC's threads do not survive that.
        """
        addresses = {name: self.address(name) for name in self.function_names}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "local.topics", json.dumps(addresses), str(self.home.publishers_file)),
            cwd=CHECKOUT,
            env=self.environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        if process.returncode:
            raise ServiceError(f"the topics cannot be created: {output.decode(errors='replace')}")

    def simulator_service(self) -> Service:
        port = self.ports["simulator"]
        return Service(
            name="simulator",
            command=[
                *(sys.executable, "-m", "simulator", "--host", "127.0.0.1", "--port", str(port)),
                *("--storage", str(self.home.storage), "--smtp-port", str(self.ports["mail"])),
            ],
            environment=self.environment(),
            is_ready=lambda: answers_http(port, "/control/health"),
        )

    def function_service(self, name: str) -> Service:
        port = self.ports[name]
        return Service(
            name=name,
            command=functions.command(name, port, self.functions_folder),
            environment={
                **self.environment(),
                "DATABASE_URL": self.role_url(functions.ROLE_OF[name]),
                "SOLAPI_URL": self.address("simulator"),
                "NHN_SMS_URL": self.address("simulator"),
                "NHN_KAKAO_URL": self.address("simulator"),
                "SENS_URL": self.address("simulator"),
                "SMTP_URL": self.mail_url,
                "KAKAO_URL": self.address("simulator"),
                "KAKAO_LOGIN_URL": self.address("simulator"),
                "FCM_URL": self.address("simulator"),
                "GOOGLE_OAUTH_URL": self.address("simulator"),
                "ALIGO_URL": self.address("simulator"),
                "ALIGO_KAKAO_URL": self.address("simulator"),
                "LOG_LEVEL": os.environ.get("LOG_LEVEL", "INFO"),
                **({"ALLIM_ENCRYPTION_KEY": self.secrets.encryption_key} if name in functions.OPEN_CREDENTIALS else {}),
                **(self.toss_environment() if name in functions.TAKE_PAYMENTS else {}),
                **({"SLACK_WEBHOOK_URL": self.slack_url} if name in functions.TELL_PEOPLE else {}),
                **(self.storage_environment() if name == functions.BACKUP else {}),
            },
            is_ready=lambda: answers_http(port, functions.HEALTH_PATH),
            stop_seconds=0.5 if name in functions.HELD_OPEN else STOP_SECONDS,
            niceness=_NICENESS if name in functions.STAND_BACK else 0,
        )

    def toss_environment(self) -> dict[str, str]:
        return {"TOSS_URL": self.address("simulator"), "TOSS_SECRET_KEY": functions.SIMULATED_TOSS_KEY}

    def storage_environment(self) -> dict[str, str]:
        return {
            "STORAGE_EMULATOR_HOST": self.address("simulator"),
            "BACKUP_BUCKET": functions.SIMULATED_BUCKET,
            "ALLIM_BACKUP_KEY": self.secrets.backup_key,
        }

    def scheduler_service(self) -> Service:
        async def is_ready() -> bool:
            return await accepts_connections(self.ports["pubsub"])

        addresses = {name: self.address(name) for name in self.function_names}
        return Service(
            name="scheduler",
            command=[
                *(sys.executable, "-m", "simulator.scheduler"),
                *("--port", str(self.ports["scheduler"]), "--state", str(self.home.scheduler_file)),
                *("--functions", json.dumps(addresses)),
            ],
            environment=self.environment(),
            is_ready=is_ready,
            stop_seconds=2,
        )
