"""Pub/Sub on one machine: Google's emulator where it is installed, else a small broker of our own.

    from local.pubsub import start_broker

    with start_broker("auto", log_file=Path("pubsub.log")) as broker:
        os.environ["PUBSUB_EMULATOR_HOST"] = broker.host

Both speak google.pubsub.v1 over gRPC behind the stock google-cloud-pubsub client and pass the same tests
(tests/pubsub). Both keep their state in memory only: what is not acknowledged when they stop is gone.

The built-in broker does what the cloud does for topics, publishing, push, pull, streaming pull, retries, dead letters,
ordering keys and filters. It does not sign OIDC tokens, and keeps a message until it is acknowledged, however old.
Within an ordering key it has one message under way at a time. Schemas, snapshots, seek, exactly-once delivery and
export subscriptions are refused as UNIMPLEMENTED. The emulator has its own differences; the suite names each one.
"""

from local.pubsub.runner import BrokerStartError, RunningBroker, google_emulator_available, start_broker

__all__ = ["BrokerStartError", "RunningBroker", "google_emulator_available", "start_broker"]
