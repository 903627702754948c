"""What the code needs is deployed, and nothing else is: names, settings, topics, roles, grants."""

import ast
import base64
import json
import re
from dataclasses import MISSING, fields
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from local.functions import BACKUP, FUNCTION_OF_TOPIC, OPEN_CREDENTIALS, ROLE_OF, TAKE_PAYMENTS, TELL_PEOPLE
from local.home import CHECKOUT
from local.topics import (
    DEAD_LETTERS,
    LONGEST_BACKOFF_SECONDS,
    MAX_DELIVERY_ATTEMPTS,
    NEVER_GIVEN_UP,
    TICKS,
    TICKS_KEPT_SECONDS,
)
from release import build
from shared.operations.backups.manifest import KEPT_NIGHTS
from shared.platform.database import pulse
from shared.platform.database.patience import GRACE_SECONDS
from shared.platform.doors import bodies
from shared.platform.http import HEALTH_PATH
from shared.platform.loops.rounds import TICK
from shared.platform.pubsub import publishing as pubsub
from shared.platform.pubsub.publishers import Bound
from shared.platform.settings import Settings
from shared.providers.solapi import TIMEOUT_SECONDS
from shared.workflows.ticks.ticking import STAY
from simulator.pubsub.delivery.backlog import Policy
from simulator.scheduler.__main__ import DAILY, MESSAGE, SWEEP, WATCH
from simulator.scheduler.__main__ import TICK as REMINDERS
from tests.databases import Migrated
from tests.infra.conftest import TERRAFORM, Made, Resource
from tests.outages import HOUR, is_taken_in_the_end

_FOLDERS = sorted(file.parent.name for file in CHECKOUT.glob("functions/*/main.py"))
_FUNCTION = "google_cloudfunctions2_function"
_UPTIME = "google_monitoring_uptime_check_config"
_PUBLIC = {"payment_webhook", "provider_webhook"}
_CALLED_BY_FEW = {"health"}
_SECRET_OF = {
    "ALLIM_ENCRYPTION_KEY": OPEN_CREDENTIALS,
    "ALLIM_BACKUP_KEY": {BACKUP},
    "TOSS_SECRET_KEY": TAKE_PAYMENTS,
    "SLACK_WEBHOOK_URL": TELL_PEOPLE,
}


def _module(function: str) -> str:
    return f'module.function["{function}"]'


def _function(made: Made, name: str) -> Resource:
    [function] = made.of_type(_FUNCTION, _module(name))
    return function


def _service(made: Made, name: str) -> dict[str, Any]:
    [service] = _function(made, name).values["service_config"]
    return dict(service)


def _invoker(made: Made, name: str) -> Resource:
    [invoker] = [each for each in made.of_type("google_service_account", _module(name)) if each.name == "invoker"]
    return invoker


def _subscriptions(made: Made) -> dict[str, dict[str, Any]]:
    return {each.values["name"]: dict(each.values) for each in made.of_type("google_pubsub_subscription")}


def test_every_folder_is_deployed_and_nothing_else_is(made: Made) -> None:
    entry_points = [each.values["build_config"][0]["entry_point"] for each in made.of_type(_FUNCTION)]
    assert sorted(entry_points) == _FOLDERS
    assert sorted(each.values["name"] for each in made.of_type(_FUNCTION)) == [
        name.replace("_", "-") for name in _FOLDERS
    ]


@pytest.mark.parametrize("name", _FOLDERS)
def test_the_entry_point_is_a_function_of_main(made: Made, name: str) -> None:
    main = ast.parse((CHECKOUT / "functions" / name / "main.py").read_text())
    defined = {node.name for node in main.body if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef)}
    assert _function(made, name).values["build_config"][0]["entry_point"] in defined


@pytest.mark.parametrize("name", _FOLDERS)
def test_a_function_gets_the_settings_that_it_reads_and_no_others(made: Made, name: str) -> None:
    plain = _service(made, name)["environment_variables"]
    secret = {each["key"] for each in _service(made, name)["secret_environment_variables"]}
    required = {one.name.upper() for one in fields(Settings) if one.default is MISSING}
    known = {one.name.upper() for one in fields(Settings)}
    assert required <= plain.keys() | secret <= known - {"PUBSUB_EMULATOR_HOST"}
    assert secret == {"DATABASE_URL"} | {variable for variable, functions in _SECRET_OF.items() if name in functions}
    assert not plain.keys() & secret
    values = {"DATABASE_URL": "postgresql://", **plain}
    Settings.of({key.lower(): value for key, value in values.items()})


@pytest.mark.parametrize("name", sorted(_PUBLIC))
def test_what_the_internet_calls_reads_no_secret_but_its_own_address_of_the_database(made: Made, name: str) -> None:
    [account] = [each for each in made.of_type("google_service_account", _module(name)) if each.name == "runtime"]
    grants = made.of_type("google_secret_manager_secret_iam_member")
    mine = [each.values["secret_id"] for each in grants if each.values["member"] == account.values["member"]]
    assert mine == [f"database-url-{name.replace('_', '-')}"]
    assert {each["key"] for each in _service(made, name)["secret_environment_variables"]} == {"DATABASE_URL"}


@pytest.mark.parametrize("name", sorted(_PUBLIC))
def test_slow_bodies_never_hold_every_place_of_an_instance(made: Made, name: str) -> None:
    assert _service(made, name)["max_instance_request_concurrency"] > bodies.AT_ONCE
    assert _service(made, name)["timeout_seconds"] > bodies.SECONDS


@pytest.mark.parametrize("name", _FOLDERS)
def test_a_function_connects_as_its_own_role_with_a_secret_of_its_own(made: Made, name: str) -> None:
    secrets = {each["key"]: each for each in _service(made, name)["secret_environment_variables"]}
    database_url = secrets["DATABASE_URL"]["secret"]
    assert made.outputs["database_roles"][database_url] == ROLE_OF[name]
    [account] = [each for each in made.of_type("google_service_account", _module(name)) if each.name == "runtime"]
    grants = made.of_type("google_secret_manager_secret_iam_member")
    readers = [each.values["member"] for each in grants if each.values["secret_id"] == database_url]
    assert readers == [account.values["member"]]


def test_just_the_functions_that_open_credentials_have_the_key() -> None:
    assert {each.function for each in build(CHECKOUT) if "shared/platform/crypto.py" in each.files} == OPEN_CREDENTIALS


def test_there_is_a_database_url_for_each_role_of_a_function(made: Made) -> None:
    assert sorted(made.outputs["database_roles"].values()) == sorted(ROLE_OF[name] for name in _FOLDERS)


def test_each_topic_is_pushed_to_its_function(made: Made) -> None:
    addresses = {_service(made, name)["uri"]: name for name in _FOLDERS}
    pushed = {
        topic: addresses[subscription["push_config"][0]["push_endpoint"]]
        for topic, subscription in _subscriptions(made).items()
    }
    assert pushed == FUNCTION_OF_TOPIC


def test_a_push_comes_from_the_only_account_that_may_call_its_function(made: Made) -> None:
    for topic, name in FUNCTION_OF_TOPIC.items():
        [token] = _subscriptions(made)[topic]["push_config"][0]["oidc_token"]
        invoker = _invoker(made, name)
        [grant] = made.of_type("google_cloud_run_v2_service_iam_binding", _module(name))
        assert token["service_account_email"] == invoker.values["email"]
        assert grant.values["members"] == [invoker.values["member"]]
        assert grant.values["name"] == _function(made, name).values["name"]
        assert grant.values["role"] == "roles/run.invoker"


def test_every_topic_that_the_code_publishes_to_exists(made: Made) -> None:
    published = {
        value for name, value in vars(pubsub).items() if name.isupper() and isinstance(value, str) and "-" in value
    }
    assert published <= {each.values["name"] for each in made.of_type("google_pubsub_topic")}


def test_the_code_writes_a_publishers_address_as_terraform_does() -> None:
    bound = Bound("saas", ("cafe", "shop"), ("//saas.example/a b", "//saas.example/events/*"))
    assert f'"{bound.address}"' in (TERRAFORM / "tests" / "release.tftest.hcl").read_text()


def test_just_the_functions_that_publish_may(made: Made) -> None:
    publishers = {
        each.values["member"].removeprefix("serviceAccount:") for each in made.of_type("google_pubsub_topic_iam_member")
    }
    may = {
        name
        for name in _FOLDERS
        for account in made.of_type("google_service_account", _module(name))
        if account.values["email"] in publishers
    }
    with_client = {
        package.function
        for package in build(CHECKOUT)
        if any(line.startswith("google-cloud-pubsub") for line in package.requirements)
    }
    assert may == with_client


def test_what_cannot_be_delivered_goes_to_the_dead_letters_by_pubsubs_own_account(made: Made) -> None:
    [last_resort] = [each for each in made.of_type("google_pubsub_topic") if each.values["name"] == DEAD_LETTERS]
    agent = "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    for topic, subscription in _subscriptions(made).items():
        policy = subscription["dead_letter_policy"]
        movers = [
            each.values["member"]
            for each in made.of_type("google_pubsub_subscription_iam_member")
            if each.values["subscription"] == subscription["id"]
        ]
        if topic in NEVER_GIVEN_UP:
            assert (policy, movers) == ([], [])
        else:
            assert policy == [
                {"dead_letter_topic": last_resort.values["id"], "max_delivery_attempts": MAX_DELIVERY_ATTEMPTS}
            ]
            assert movers == [agent]
    for topic in TICKS:
        assert _subscriptions(made)[topic]["message_retention_duration"] == f"{TICKS_KEPT_SECONDS}s"
    publishers = [
        each.values["member"]
        for each in made.of_type("google_pubsub_topic_iam_member")
        if each.values["topic"] == last_resort.values["id"]
    ]
    assert publishers == [agent]


@pytest.mark.parametrize("topic", sorted(FUNCTION_OF_TOPIC.keys() - NEVER_GIVEN_UP))
def test_a_message_outlives_an_hour_without_a_database(made: Made, topic: str) -> None:
    subscription = _subscriptions(made)[topic]
    [retry], [dead_letters] = subscription["retry_policy"], subscription["dead_letter_policy"]
    policy = Policy(
        min_backoff=float(retry["minimum_backoff"].removesuffix("s")),
        max_backoff=float(retry["maximum_backoff"].removesuffix("s")),
        dead_letter_topic=dead_letters["dead_letter_topic"],
        max_attempts=dead_letters["max_delivery_attempts"],
    )
    assert policy.max_backoff == LONGEST_BACKOFF_SECONDS
    assert is_taken_in_the_end(policy, away=HOUR)
    assert float(subscription["message_retention_duration"].removesuffix("s")) > HOUR


@pytest.mark.parametrize("name", _FOLDERS)
def test_a_statement_ends_before_the_call_that_made_it(made: Made, module_database: Migrated, name: str) -> None:
    with psycopg.connect(module_database.role_url(ROLE_OF[name])) as connection:
        [(seconds,)] = connection.execute(
            "select extract(epoch from current_setting('statement_timeout')::interval)::float8"
        ).fetchall()
    assert 0 < seconds + GRACE_SECONDS < _service(made, name)["timeout_seconds"]


def test_the_uptime_checks_ask_what_asks_the_database(made: Made) -> None:
    checks = {each.values["display_name"].rpartition(": ")[2]: each.values for each in made.of_type(_UPTIME)}
    assert checks.keys() == {*_PUBLIC, *_CALLED_BY_FEW}
    for name in _PUBLIC:
        [call] = checks[name]["http_check"]
        assert (call["path"], call["request_method"] or "GET") == (HEALTH_PATH, "GET")
        assert [each["status_value"] for each in call["accepted_response_status_codes"]] == [200]
        assert float(checks[name]["timeout"].removesuffix("s")) > pulse.PATIENCE_SECONDS


def test_pubsub_waits_longer_than_a_function_may_take(made: Made) -> None:
    for topic, name in FUNCTION_OF_TOPIC.items():
        assert _subscriptions(made)[topic]["ack_deadline_seconds"] > _service(made, name)["timeout_seconds"]


def test_a_tick_and_a_ticket_are_given_the_time_that_they_may_take(made: Made) -> None:
    provider = timedelta(seconds=TIMEOUT_SECONDS)
    assert timedelta(seconds=_service(made, "on_sweep_tick")["timeout_seconds"]) > TICK + provider / 2
    assert timedelta(seconds=_service(made, "on_reminder_tick")["timeout_seconds"]) > 2 * STAY, (
        "and no minute is nobody's"
    )
    assert timedelta(minutes=1) < STAY
    assert timedelta(seconds=_service(made, "on_send_request")["timeout_seconds"]) > 3 * provider


def test_what_dispatches_calls_out_from_the_fixed_address(made: Made) -> None:
    for package in build(CHECKOUT):
        if "shared/messages/dispatch/dispatching.py" in package.files:
            assert _service(made, package.function)["vpc_connector"], package.function
            assert _service(made, package.function)["vpc_connector_egress_settings"] == "ALL_TRAFFIC"


@pytest.mark.parametrize(
    ("name", "topic_name"),
    [("reminder-tick", "reminder-ticks"), ("sweep-tick", "sweep-ticks"), ("watch", "watch-ticks")],
)
def test_the_schedulers_message_is_a_tick(made: Made, name: str, topic_name: str) -> None:
    [job] = [each for each in made.of_type("google_cloud_scheduler_job") if each.values["name"] == name]
    [target] = job.values["pubsub_target"]
    assert job.values["schedule"] in ("*/1 * * * *", "* * * * *")
    assert base64.b64decode(target["data"]) == MESSAGE
    [topic] = [each for each in made.of_type("google_pubsub_topic") if each.values["name"] == topic_name]
    assert target["topic_name"] == topic.values["id"]


def test_health_is_called_from_outside_by_monitoring_and_its_own_invoker_alone(made: Made) -> None:
    monitoring = "serviceAccount:service-123456789012@gcp-sa-monitoring-notification.iam.gserviceaccount.com"
    [grant] = made.of_type("google_cloud_run_v2_service_iam_binding", _module("health"))
    assert grant.values["name"] == "health"
    assert set(grant.values["members"]) == {monitoring, _invoker(made, "health").values["member"]}
    [check] = [
        each
        for each in made.of_type("google_monitoring_uptime_check_config")
        if "health" in each.values["display_name"]
    ]
    [call] = check.values["http_check"]
    assert call["service_agent_authentication"] == [{"type": "OIDC_TOKEN"}]
    [accepted] = call["accepted_response_status_codes"]
    assert accepted["status_value"] == 200


def test_a_function_that_is_called_by_the_clock_is_called_as_on_one_machine(made: Made) -> None:
    jobs = {each.values["name"]: each.values for each in made.of_type("google_cloud_scheduler_job")}
    assert jobs.keys() == {REMINDERS, SWEEP, WATCH, *DAILY}
    for name, (_, hour) in DAILY.items():
        [target], [retries] = jobs[name]["http_target"], jobs[name]["retry_config"]
        [token] = target["oidc_token"]
        [invoker] = [each for each in made.of_type("google_service_account", _module(name)) if each.name == "invoker"]
        assert (jobs[name]["schedule"], jobs[name]["time_zone"]) == (f"0 {hour} * * *", "Asia/Seoul")
        assert target["uri"] == token["audience"] == _service(made, name)["uri"]
        assert token["service_account_email"] == invoker.values["email"]
        assert (retries["retry_count"], retries["min_backoff_duration"]) == (2, "300s")
        assert int(jobs[name]["attempt_deadline"].removesuffix("s")) > _service(made, name)["timeout_seconds"]


def test_backups_are_private_kept_for_30_days_and_only_added_to_by_their_function(made: Made) -> None:
    [bucket] = [each for each in made.of_type("google_storage_bucket") if each.name == "backups"]
    for name in (BACKUP, "retention"):  # which lets nothing leave without a copy
        assert _service(made, name)["environment_variables"]["BACKUP_BUCKET"] == bucket.values["name"]
    assert bucket.values["public_access_prevention"] == "enforced"
    assert bucket.values["uniform_bucket_level_access"] is True
    rules = [(rule["condition"][0], rule["action"][0]["type"]) for rule in bucket.values["lifecycle_rule"]]
    of_days, of_all = sorted(rules, key=lambda rule: rule[0]["age"])
    assert (of_days[0]["age"], of_days[0]["matches_prefix"], of_days[1]) == (30, ["20"], "Delete")
    # What the last of its nights names is there for as long as that night's manifest.
    assert (of_all[0]["age"], of_all[0]["matches_prefix"], of_all[1]) == (KEPT_NIGHTS + 30, None, "Delete")
    [account] = [each for each in made.of_type("google_service_account", _module(BACKUP)) if each.name == "runtime"]
    function, owners = f"serviceAccount:{account.values['email']}", "projectOwner:allim-example"
    [policy] = made.of_type("google_storage_bucket_iam_policy")
    assert policy.values["bucket"] == bucket.values["name"]
    granted = {each["role"]: set(each["members"]) for each in json.loads(policy.values["policy_data"])["bindings"]}
    assert granted == {
        "roles/storage.legacyBucketOwner": {owners},
        "roles/storage.objectCreator": {function},
        "roles/storage.objectViewer": {function, owners},
    }
    others = made.of_type("google_storage_bucket_iam_member")
    assert [each for each in others if each.values["bucket"] == bucket.values["name"]] == []


def test_pubsub_may_speak_as_the_invokers_that_it_pushes_as_and_as_nobody_else(made: Made) -> None:
    grants = made.of_type("google_service_account_iam_member")
    assert {each.values["member"] for each in grants} == {
        "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    }
    assert {each.values["role"] for each in grants} == {"roles/iam.serviceAccountTokenCreator"}
    assert {each.values["service_account_id"] for each in grants} == {
        _invoker(made, name).values["name"] for name in FUNCTION_OF_TOPIC.values()
    }


def test_what_is_stored_is_stored_in_seoul(made: Made) -> None:
    seoul = "asia-northeast3"
    for topic in made.of_type("google_pubsub_topic"):
        assert topic.values["message_storage_policy"][0]["allowed_persistence_regions"] == [seoul]
    for type_name in ("google_storage_bucket", "google_artifact_registry_repository", _FUNCTION):
        assert {each.values["location"] for each in made.of_type(type_name)} == {seoul}
    assert {each.values["location_id"] for each in made.of_type("google_firestore_database")} == {seoul}


def test_the_internet_may_call_the_webhooks_alone(made: Made) -> None:
    everybody = {
        (each.type, each.module, each.values["role"])
        for each in made.resources
        if {each.values.get("member"), *(each.values.get("members") or [])} & {"allUsers", "allAuthenticatedUsers"}
    }
    assert everybody == {
        ("google_cloud_run_v2_service_iam_binding", _module(name), "roles/run.invoker") for name in _PUBLIC
    }
    for name in _FOLDERS:
        reachable = name in _PUBLIC | _CALLED_BY_FEW
        assert _service(made, name)["ingress_settings"] == ("ALLOW_ALL" if reachable else "ALLOW_INTERNAL_ONLY")


def test_roles_are_narrow_and_grants_displace_others_only_where_there_must_be_none(made: Made) -> None:
    grants = [each for each in made.resources if "_iam_" in each.type]
    assert {each.type for each in grants if not each.type.endswith("_member")} == {
        "google_cloud_run_v2_service_iam_binding",
        "google_storage_bucket_iam_policy",
    }
    assert {each.values["role"] for each in grants if "role" in each.values} == {
        "roles/artifactregistry.writer",
        "roles/datastore.user",
        "roles/iam.serviceAccountTokenCreator",
        "roles/logging.logWriter",
        "roles/pubsub.publisher",
        "roles/pubsub.subscriber",
        "roles/run.invoker",
        "roles/secretmanager.secretAccessor",
        "roles/storage.objectViewer",
    }
    of_the_project = {(each.name, each.values["role"]) for each in grants if each.type == "google_project_iam_member"}
    assert of_the_project == {
        ("builder_logs", "roles/logging.logWriter"),
        ("builder_sources", "roles/storage.objectViewer"),
        ("inbox", "roles/datastore.user"),  # on the condition that it is the inbox's database
    }


def test_each_function_runs_as_an_account_of_its_own(made: Made) -> None:
    accounts = [_service(made, name)["service_account_email"] for name in _FOLDERS]
    assert len(set(accounts)) == len(_FOLDERS)


def test_no_secret_has_its_value_in_state_and_every_one_is_pinned(made: Made) -> None:
    assert made.of_type("google_secret_manager_secret_version") == []
    for name in _FOLDERS:
        for each in _service(made, name)["secret_environment_variables"]:
            assert re.fullmatch("[1-9][0-9]*", each["version"])


def test_what_metrics_read_in_the_log_is_what_the_code_says_there(made: Made) -> None:
    said: dict[str, str] = {}
    for file in CHECKOUT.glob("shared/**/*.py"):
        source = file.read_text()
        for logger in re.findall(r'\blog\("(\w+)"\)', source):
            said[f"allim.{logger}"] = said.get(f"allim.{logger}", "") + source
    for metric in made.of_type("google_logging_metric"):
        [logger] = re.findall(r'jsonPayload\.logger="([^"]+)"', metric.values["filter"])
        extracted = f"{metric.values['value_extractor']} {metric.values['label_extractors']}"
        for field in re.findall(r"EXTRACT\(jsonPayload\.(\w+)\)", extracted):
            assert f'"{field}":' in said[logger]


def test_alerts_and_charts_speak_of_functions_and_metrics_that_exist(made: Made) -> None:
    queries = [
        condition["condition_prometheus_query_language"][0]["query"]
        for alert in made.of_type("google_monitoring_alert_policy")
        for condition in alert.values["conditions"]
        if condition["condition_prometheus_query_language"]
    ]
    assert len(queries) >= 6
    text = "\n".join(
        [*queries, *(each.values["dashboard_json"] for each in made.of_type("google_monitoring_dashboard"))]
    )
    services = {name for found in re.findall(r'service_name!?=~?\\?"([^"\\]+)', text) for name in found.split("|")}
    assert services <= {name.replace("_", "-") for name in _FOLDERS}
    topics = set(re.findall(r'(?:topic|subscription)_id!?=\\?"([^"\\]+)', text))
    assert topics == {"dead-letters", "delivery-callbacks", "bulk-send-requests"}
    assert topics <= {each.values["name"] for each in made.of_type("google_pubsub_topic")}
    metrics = set(re.findall(r"logging_googleapis_com:user_(\w+?)(?:_bucket|_sum|_count)?\{", text))
    assert metrics == {each.values["name"] for each in made.of_type("google_logging_metric")}


def test_an_alert_says_what_to_do_and_comes_once_in_ten_minutes_at_most(made: Made) -> None:
    for alert in made.of_type("google_monitoring_alert_policy"):
        [documentation] = alert.values["documentation"]
        assert "**What it means.**" in documentation["content"]
        assert "**Do.**" in documentation["content"]
        assert "**Over when.**" in documentation["content"]
        assert alert.values["notification_channels"]
        assert alert.values["alert_strategy"][0]["notification_prompts"] == ["OPENED"]
        [condition] = alert.values["conditions"]
        for query in condition["condition_prometheus_query_language"]:
            assert re.fullmatch(r"count_over_time\(\(.*\)\[10m:1m\]\) > 0", query["query"])
        for threshold in condition["condition_threshold"]:
            assert threshold["duration"] == "600s"
