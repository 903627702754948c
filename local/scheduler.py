"""Stands in for Cloud Scheduler: a tick on `reminder-ticks` at once, and then at each full minute.

Run as ``python -m local.scheduler``; it needs GOOGLE_CLOUD_PROJECT and PUBSUB_EMULATOR_HOST.
"""

import json
import logging
import os
import time
from datetime import UTC, datetime, timedelta

from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.cloud import pubsub_v1

TOPIC = "reminder-ticks"
PUBLISH_SECONDS = 20.0  # less than a minute: a tick that cannot be published is missed, the next one does its work

_log = logging.getLogger(__name__)


def tick(scheduled_at: datetime) -> bytes:
    """The message of one tick. `scheduled_at`: aware."""
    return json.dumps({"scheduled_at": scheduled_at.astimezone(UTC).isoformat()}).encode()


def next_minute(now: datetime) -> datetime:
    """The first full minute after `now`."""
    return now.replace(second=0, microsecond=0) + timedelta(minutes=1)


def run(project: str) -> None:
    """Publish ticks until the process ends."""
    client = pubsub_v1.PublisherClient(pubsub_v1.types.BatchSettings(max_messages=1))
    topic = client.topic_path(project, TOPIC)
    due = datetime.now(UTC)
    while True:
        try:
            client.publish(topic, tick(due), timeout=PUBLISH_SECONDS).result(PUBLISH_SECONDS)
            _log.info("tick %s", due.isoformat())
        except (GoogleAPICallError, RetryError, TimeoutError) as error:
            _log.warning("tick %s is missed: %r", due.isoformat(), error)
        due = next_minute(datetime.now(UTC))
        while (seconds := due.timestamp() - time.time()) > 0:
            time.sleep(seconds)


if __name__ == "__main__":
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(message)s")
    run(os.environ["GOOGLE_CLOUD_PROJECT"])
