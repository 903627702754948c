"""`allim publishers`: a publisher gets a topic whose pushes say what it is bound to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.api_core.exceptions import NotFound
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from local.home import Home
from local.stack import Stack
from local.topics import DEAD_LETTERS, read_publishers, topology
from local.topology import PushSubscription, Topic, Topology, create
from shared.platform.pubsub.publishers import Bound
from tests.broker import RunningBroker
from tests.cli.conftest import PROJECT, Run

SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/subscription-events-app"
FUNCTION = "http://127.0.0.1:1"


@pytest.fixture
def home(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The folder of a stack whose function for events has an address."""
    monkeypatch.setenv("ALLIM_HOME", str(tmp_path))
    stack.functions["on_subscription_event"] = FUNCTION
    create(Topology((Topic(DEAD_LETTERS),)), stack.pubsub_emulator_host, stack.project)
    return Home.default()


@pytest.fixture
def subscriber(verbs_broker: RunningBroker) -> Iterator[SubscriberClient]:
    with grpc.insecure_channel(verbs_broker.host) as channel:
        yield SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))


def test_a_publisher_is_added_changed_listed_and_removed(run: Run, home: Home, subscriber: SubscriberClient) -> None:
    assert "speaks for every tenant" in run("publishers", "list").stdout
    added = run("publishers", "add", "app", "--tenant", "saas")
    assert (added.exit_code, added.stdout) == (
        0,
        "app publishes to subscription-events-app: for saas, as any source\n",
    ), added.output
    changed = run("publishers", "add", "app", "--tenant", "saas", "--source", "//app.example/*", "--json")
    [listed] = json.loads(run("publishers", "list", "--json").stdout)
    assert json.loads(changed.stdout) == listed
    assert listed == {
        "name": "app",
        "topic": "subscription-events-app",
        "tenants": ["saas"],
        "sources": ["//app.example/*"],
    }
    pushed_to = subscriber.get_subscription(subscription=SUBSCRIPTION).push_config.push_endpoint
    assert pushed_to == f"{FUNCTION}/publishers/app?tenant=saas&source=%2F%2Fapp.example%2F%2A"
    assert run("publishers", "remove", "app").stdout == "removed app and subscription-events-app\n"
    with pytest.raises(NotFound):
        subscriber.get_subscription(subscription=SUBSCRIPTION)
    assert read_publishers(home.publishers_file) == []


def test_the_next_start_makes_its_topic_again(run: Run, home: Home) -> None:
    run("publishers", "add", "app", "--tenant", "saas")
    kept = read_publishers(home.publishers_file)
    assert kept == [Bound("app", ("saas",))]
    made = topology({"on_subscription_event": FUNCTION}, kept)
    [pushed] = [each for each in made.subscriptions if each.id == "subscription-events-app"]
    assert isinstance(pushed, PushSubscription)
    assert pushed.endpoint == f"{FUNCTION}/publishers/app?tenant=saas"
    assert pushed.dead_letter_topic == "dead-letters"
    run("publishers", "remove", "app")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(("add", "App", "--tenant", "saas"), "bad_publisher", id="a name that won't do"),
        pytest.param(("add", "app", "--tenant", "saas", "--source", "a*b"), "bad_source", id="a star within"),
        pytest.param(("add", "app", "--tenant", "sas"), "unknown_tenant: there is no tenant sas; did", id="no tenant"),
        pytest.param(("remove", "app"), "unknown_publisher", id="nobody of that name"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(run: Run, home: Home, arguments: tuple[str, ...], told: str) -> None:
    refused = run("publishers", *arguments)
    assert (refused.exit_code, refused.stderr.startswith(f"error: {told}")) == (1, True), refused.output
    assert not home.publishers_file.exists()


@pytest.mark.parametrize("verb", ["list", "add", "remove"])
def test_the_help_of_each_verb_has_examples(run: Run, verb: str) -> None:
    assert f"$ allim publishers {verb}" in run("publishers", verb, "--help").stdout
