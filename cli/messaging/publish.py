"""`allim publish`: events from a file, as any publisher would send them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import CommandError
from cli.joining import running_stack
from cli.output import AsJson, examples, print_json, progress_console

if TYPE_CHECKING:
    from cli.messaging.event_file import Entry

EXAMPLES = examples(
    "allim publish signup.json                    # one event, an array of events, or JSON lines",
    "cat events.jsonl | allim publish - --json    # from standard input; prints the ids that Pub/Sub gave",
    "allim publish broken.json --no-validate      # as it is: it becomes a dead letter",
)
FAULTS_SHOWN = 10
MESSAGES_A_REQUEST = 1_000
PUBLISH_SECONDS = 20.0


def publish(
    file: Annotated[str, typer.Argument(help="A file of events in JSON; - is standard input.")],
    topic: Annotated[str, typer.Option(help="The topic's name.")] = "subscription-events",
    no_validate: Annotated[
        bool, typer.Option("--no-validate", help="Publish what is in the file even if it is no event.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Publish subscription events to Pub/Sub, with Google's own client.

    All events are checked first; if one is wrong, nothing is published and its line is told.
    """
    from cli.messaging.event_file import entries, no_utf_8

    stack = running_stack()
    read = _read(file)
    if not no_validate and (told := no_utf_8(read)):
        raise CommandError(f"bad_encoding: {file}: {told[0]}; nothing was published ({told[1]})")
    found = list(entries(read))
    if not found:
        raise CommandError(f"empty_file: there is nothing in {file}")
    if not no_validate:
        _check(found)
    os.environ["PUBSUB_EMULATOR_HOST"] = stack.pubsub_emulator_host
    ids = _publish(f"projects/{stack.project}/topics/{topic}", found)
    if as_json:
        print_json({"topic": topic, "published": len(ids), "message_ids": ids})
    else:
        typer.echo(f"published {len(ids):,} to {topic}")


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise CommandError(f"no_file: {file} can't be read: {error.strerror}") from error


def _check(found: Sequence[Entry]) -> None:
    from shared.platform.clock import WallClock

    now = WallClock().now()
    faults = [fault for entry in found if (fault := entry.fault(now))]
    if faults:
        more = [f"… and {len(faults) - FAULTS_SHOWN:,} more"] if len(faults) > FAULTS_SHOWN else []
        told = "\n  ".join(faults[:FAULTS_SHOWN] + more)
        raise CommandError(
            f"invalid_event: {len(faults):,} of {len(found):,} can't be taken, nothing was published "
            f"(아무것도 발행하지 않았습니다.)\n  {told}"
        )


def _publish(topic: str, found: Sequence[Entry]) -> list[str]:
    from google.api_core.exceptions import GoogleAPIError, NotFound
    from google.api_core.retry import Retry
    from google.cloud.pubsub_v1 import PublisherClient
    from google.cloud.pubsub_v1.publisher.exceptions import MessageTooLargeError
    from google.cloud.pubsub_v1.types import BatchSettings
    from rich.progress import track

    client = PublisherClient(batch_settings=BatchSettings(max_messages=MESSAGES_A_REQUEST))
    retry = Retry(timeout=PUBLISH_SECONDS)
    ids: list[str] = []
    try:
        futures = [client.publish(topic, entry.data, retry=retry, timeout=PUBLISH_SECONDS) for entry in found]
        console = progress_console()
        shown = track(futures, "publishing", console=console, transient=True, disable=not console.is_terminal)
        ids.extend(future.result(timeout=2 * PUBLISH_SECONDS) for future in shown)
    except NotFound as error:
        raise CommandError(f"unknown_topic: there is no topic {topic}") from error
    except MessageTooLargeError as error:
        raise CommandError(f"too_large: {error}") from error
    except (GoogleAPIError, TimeoutError) as error:
        raise CommandError(
            f"publish_failed: {error}; {len(ids):,} of {len(found):,} are known to be published"
        ) from error
    finally:
        client.stop()
    return ids
