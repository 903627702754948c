"""Stands in for Cloud Scheduler: ticks at once and at each full minute, the watch each minute, and the daily jobs.

Run as ``python -m simulator.scheduler --port 20001 --state scheduler.json --functions '{"backup": "http://…"}'``; it
needs GOOGLE_CLOUD_PROJECT and PUBSUB_EMULATOR_HOST. At the port it answers Cloud Scheduler's own API.
"""

import argparse
import json
import logging
import os
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from google.cloud import pubsub_v1

from shared.platform.pubsub import REMINDER_TICKS, SWEEP_TICKS, WATCH_TICKS
from simulator.clock import present
from simulator.scheduler.jobs import Job, Scheduler, calling, daily, next_minute

TICK, SWEEP, WATCH = "reminder-tick", "sweep-tick", "watch"
PUBLISH_SECONDS = 20.0  # less than a minute: a tick that cannot be published is missed, the next one does its work
MESSAGE = b"{}"
"""Of a tick, which says nothing: a function that gets one looks at its own clock."""

DAILY = {
    "retention": ("Lets leave what has lived its life.", 2),
    "backup": ("Backs up the database.", 3),
    "reconcile": ("Audits the ledger.", 4),
}
"""Functions that are called once a day, and at what hour in Seoul."""


def _now() -> datetime:
    return datetime.fromtimestamp(present(), UTC)


def jobs(project: str, addresses: Mapping[str, str]) -> list[Job]:
    """The ticks, and the daily calls of those functions that have an address."""
    client = pubsub_v1.PublisherClient(pubsub_v1.types.BatchSettings(max_messages=1))

    def publishing(topic: str) -> Callable[[], None]:
        path = client.topic_path(project, topic)

        def publish() -> None:
            client.publish(path, MESSAGE, timeout=PUBLISH_SECONDS).result(PUBLISH_SECONDS)

        return publish

    calls = [
        Job(name, does, f"0 {hour} * * *", daily(hour), calling(addresses[name]))
        for name, (does, hour) in DAILY.items()
        if name in addresses
    ]
    every_minute = "*/1 * * * *"
    return [
        Job(TICK, "Begins a minute of reminders.", every_minute, next_minute, publishing(REMINDER_TICKS), at_once=True),
        Job(SWEEP, "Begins a minute of sweeps.", every_minute, next_minute, publishing(SWEEP_TICKS), at_once=True),
        # Not at once: what was down for a night is not to be told of before its first tick.
        Job(WATCH, "Has somebody look whether all is well.", every_minute, next_minute, publishing(WATCH_TICKS)),
        *calls,
    ]


def main() -> None:
    """Begin jobs until the process ends."""
    parser = argparse.ArgumentParser(prog="python -m simulator.scheduler")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True, help="remembers which jobs are paused")
    parser.add_argument("--functions", type=json.loads, required=True)
    options = parser.parse_args()
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(message)s")
    project = os.environ["GOOGLE_CLOUD_PROJECT"]
    scheduler = Scheduler(jobs(project, options.functions), options.state, _now)
    threading.Thread(target=_answer, args=(scheduler, options.port), daemon=True).start()
    scheduler.run()


def _answer(scheduler: Scheduler, port: int) -> None:
    from simulator.scheduler.service import serve

    serve(scheduler, f"127.0.0.1:{port}")


if __name__ == "__main__":
    main()
