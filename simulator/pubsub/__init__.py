"""A small Pub/Sub of our own, for machines that have no emulator of Google's.

It speaks google.pubsub.v1 over gRPC behind the stock google-cloud-pubsub client, passes the same tests as the emulator
(tests/simulator/pubsub), and keeps its state in memory only: what is not acknowledged when it stops is gone.

It does what the cloud does for topics, publishing, push, pull, streaming pull, retries, dead letters, ordering keys and
filters. It does not sign OIDC tokens, and keeps a message until it is acknowledged, however old. Within an ordering key
it has one message under way at a time. Schemas, snapshots, seek, exactly-once delivery and export subscriptions are
refused as UNIMPLEMENTED. Google's emulator has its own differences; the suite names each one.
"""
