"""`allim ticks`: the scheduler's minutes of reminders and of sweeps, here and in the cloud: how they stand, pause them,
resume them, run them now."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.credits.database import DatabaseUrl, with_ledger
from cli.errors import CommandError
from cli.output import AsJson, examples, print_json, print_table
from cli.showing import clock_time

if TYPE_CHECKING:
    import datetime as dt

    from google.cloud.scheduler_v1 import CloudSchedulerClient

    from shared.platform.database import Connection

JOBS = ("reminder-tick", "sweep-tick")
HERE = "local"
CONNECT_SECONDS = 15.0

app = typer.Typer(
    help="The ticks that make reminders leave and take up what was left behind: of the stack that is up here, or with "
    "a project and a location, in the cloud.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Project = Annotated[str | None, typer.Option(help="In the cloud: the project. (Default: GOOGLE_CLOUD_PROJECT.)")]
Location = Annotated[
    str | None, typer.Option(help="In the cloud: such as asia-northeast3. (Default: GOOGLE_CLOUD_LOCATION.)")
]


@dataclass(frozen=True)
class Ticks:
    """How ticks of a job stand. `last_error` is empty when the last tick went well; there is no `next` while they are
    paused."""

    job: str
    state: str
    schedule: str
    last: dt.datetime | None
    last_error: str
    next: dt.datetime | None


@app.command(
    epilog=examples(
        "allim ticks status",
        "allim ticks status --project my-allim --location asia-northeast3 --json",
    )
)
def status(project: Project = None, location: Location = None, as_json: AsJson = False) -> None:
    """Show whether ticks come, when the last one was, and when the next one is."""
    with _scheduler(project, location) as (client, names):
        _show([client.get_job(name=name) for name in names], as_json)


@app.command(
    epilog=examples(
        "allim ticks pause      # reminders wait until ticks are resumed; nothing is lost",
        "allim ticks pause --project my-allim --location asia-northeast3",
    )
)
def pause(project: Project = None, location: Location = None, as_json: AsJson = False) -> None:
    """Let no more ticks begin, such as during a restore: nothing is sent or charged. A second time does nothing."""
    with _scheduler(project, location) as (client, names):
        _show([_unless("PAUSED", client, name, client.pause_job) for name in names], as_json)


@app.command(
    epilog=examples(
        "allim ticks resume     # the first tick takes up all that is due",
        "allim ticks resume --project my-allim --location asia-northeast3",
    )
)
def resume(project: Project = None, location: Location = None, as_json: AsJson = False) -> None:
    """Let ticks come again. A second time does nothing."""
    with _scheduler(project, location) as (client, names):
        _show([_unless("ENABLED", client, name, client.resume_job) for name in names], as_json)


@app.command(
    epilog=examples(
        "allim ticks run        # one tick now, also while they are paused",
        "allim ticks run --project my-allim --location asia-northeast3",
    )
)
def run(project: Project = None, location: Location = None, as_json: AsJson = False) -> None:
    """Force one tick of each kind now. Ticks may overlap, so it does no harm."""
    with _scheduler(project, location) as (client, names):
        _show([client.run_job(name=name) for name in names], as_json)


@app.command(
    epilog=examples(
        "allim ticks skip --before 2026-11-21T10:00+09:00      # after a restore: what had been sent already",
        "DATABASE_URL=… allim ticks skip --before 2026-11-21T10:00+09:00   # in the cloud, as the database's owner",
    )
)
def skip(
    before: Annotated[str, typer.Option(help="A moment with its offset, such as 2026-11-21T10:00+09:00.")],
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Leave out every step that was due before a moment, of all tenants: it never speaks. Pause ticks first."""
    moment = _moment(before)

    async def work(connection: Connection) -> int:
        from shared.workflows.ticks.store import skip_due

        return await skip_due(connection, moment)

    skipped = with_ledger(database_url, work)
    if as_json:
        print_json({"skipped": skipped})
    else:
        typer.echo(f"left out {skipped:,} step{'' if skipped == 1 else 's'} due before {clock_time(moment)}")


def _unless(state: str, client: CloudSchedulerClient, name: str, change: Callable[..., Any]) -> Any:
    """Change a job that is not in that state yet."""
    job = client.get_job(name=name)
    return job if job.state.name == state else change(name=name)


def _moment(given: str) -> dt.datetime:
    import datetime as dt

    try:
        moment = dt.datetime.fromisoformat(given)
    except ValueError as error:
        raise CommandError(f"bad_moment: {given!r} is no time; write 2026-11-21T10:00+09:00") from error
    if moment.tzinfo is None:
        raise CommandError(f"bad_moment: {given!r} has no offset; write 2026-11-21T10:00+09:00")
    return moment


@contextmanager
def _scheduler(project: str | None, location: str | None) -> Iterator[tuple[CloudSchedulerClient, list[str]]]:
    """A client, and the names of the ticks' jobs. What goes wrong becomes a CommandError."""
    place = _cloud(project, location)
    client = _local_client() if place is None else _cloud_client()
    names = [client.job_path(*(place or (HERE, HERE)), job) for job in JOBS]
    from google.api_core.exceptions import GoogleAPICallError, NotFound, PermissionDenied, RetryError

    try:
        yield client, names
    except NotFound as error:
        raise CommandError(
            f"no_job: not all are there of {', '.join(names)}: was it applied, and is the location right?"
        ) from error
    except PermissionDenied as error:
        raise CommandError(f"forbidden: you need roles/cloudscheduler.admin there: {error.message}") from error
    except (GoogleAPICallError, RetryError) as error:
        raise CommandError(f"scheduler_unavailable: {error.message}") from error
    finally:
        client.transport.close()  # type: ignore[no-untyped-call]


def _cloud(project: str | None, location: str | None) -> tuple[str, str] | None:
    """Project and location in the cloud, None for the stack here. One given alone never means the stack."""
    asked = project is not None or location is not None
    project = project or os.environ.get("GOOGLE_CLOUD_PROJECT")
    location = location or os.environ.get("GOOGLE_CLOUD_LOCATION")
    if project and location:
        return project, location
    if asked:
        raise CommandError("where: give both --project and --location, or neither for the stack that is up here")
    return None


def _local_client() -> CloudSchedulerClient:
    from cli.joining import running_stack

    host = running_stack().scheduler_host
    if host is None:
        raise CommandError("no_scheduler: the stack here has none: `allim down`, then `allim up`")
    import grpc

    channel = grpc.insecure_channel(host)
    try:
        grpc.channel_ready_future(channel).result(CONNECT_SECONDS)
    except grpc.FutureTimeoutError:
        raise CommandError("scheduler_unavailable: the scheduler does not answer: see `allim status`") from None
    return client_of(channel)


def client_of(channel: Any) -> CloudSchedulerClient:
    """Google's client over a channel of one's own."""
    from google.cloud.scheduler_v1 import CloudSchedulerClient
    from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerGrpcTransport

    return CloudSchedulerClient(transport=CloudSchedulerGrpcTransport(channel=channel))


def _cloud_client() -> CloudSchedulerClient:
    from google.auth.exceptions import DefaultCredentialsError
    from google.cloud.scheduler_v1 import CloudSchedulerClient

    try:
        return CloudSchedulerClient()
    except DefaultCredentialsError as error:
        raise CommandError("no_credentials: run `gcloud auth application-default login` first") from error


def _show(jobs: Sequence[Any], as_json: bool) -> None:
    told = [_told(name, job) for name, job in zip(JOBS, jobs, strict=True)]
    if as_json:
        print_json(told)
        return
    rows = [
        (
            each.job,
            each.state,
            each.schedule,
            f"{clock_time(each.last) if each.last else 'none yet'}"
            f"{', failed: ' + each.last_error if each.last_error else ''}",
            clock_time(each.next) if each.next else "none until `allim ticks resume`",
        )
        for each in told
    ]
    print_table(["job", "state", "schedule", "last (Seoul)", "next (Seoul)"], rows)


def _told(name: str, job: Any) -> Ticks:
    return Ticks(
        job=name,
        state=job.state.name.lower(),
        schedule=f"{job.schedule} ({job.time_zone})",
        last=job.last_attempt_time or None,
        last_error=job.status.message or (f"code {job.status.code}" if job.status.code else ""),
        next=None if job.state.name == "PAUSED" else job.schedule_time or None,
    )
