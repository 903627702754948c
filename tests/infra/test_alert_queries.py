"""What the alerts' queries say of a day's figures, by Prometheus' own evaluation of them.

Needs `promtool` on the PATH (Debian: the package `prometheus`); without it these tests are skipped and say so.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.infra.conftest import Made

HOUR = 60
DAY = 24 * HOUR
WHOLE = 3 * HOUR
"""Minutes of figures, unless a test says more. After them there are none, as of something that is not called."""

Series = Mapping[str, list[int]]
"""By the series' name and labels what it adds in each minute."""

RUN = "run_googleapis_com:request_count"
LATENCY = "run_googleapis_com:request_latencies_bucket"
OLDEST = "pubsub_googleapis_com:subscription_oldest_unacked_message_age"
REPORTS = (
    "pubsub_googleapis_com:topic_send_request_count"
    '{monitored_resource="pubsub_topic",topic_id="delivery-callbacks",response_class="success"}'
)


@pytest.fixture(scope="module")
def queries(made: Made) -> dict[str, str]:
    """By the name of each alert that is a query."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not on the PATH")
    return {
        str(alert.index): condition["condition_prometheus_query_language"][0]["query"]
        for alert in made.of_type("google_monitoring_alert_policy")
        for condition in alert.values["conditions"]
        if condition["condition_prometheus_query_language"]
    }


def _calls(service: str, answer: str = "2xx") -> str:
    return f'{RUN}{{monitored_resource="cloud_run_revision",service_name="{service}",response_code_class="{answer}"}}'


def _fires(query: str, series: Series, minute: int, folder: Path) -> bool:
    """Whether an alert of this query is open in that minute."""
    rules, test = folder / "rules.json", folder / "test.json"
    rules.write_text(json.dumps({"groups": [{"name": "g", "rules": [{"alert": "A", "expr": query}]}]}))
    totals = {name: " ".join(str(sum(added[: end + 1])) for end in range(len(added))) for name, added in series.items()}
    case = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in totals.items()],
        "alert_rule_test": [{"eval_time": f"{minute}m", "alertname": "A", "exp_alerts": []}],
    }
    test.write_text(json.dumps({"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": [case]}))
    checked = subprocess.run(["promtool", "check", "rules", str(rules)], capture_output=True, text=True, check=False)  # noqa: S603, S607
    assert checked.returncode == 0, checked.stderr
    asked = subprocess.run(["promtool", "test", "rules", str(test)], capture_output=True, text=True, check=False)  # noqa: S603, S607
    assert asked.returncode == 0 or "exp:[" in asked.stderr.replace(" ", ""), asked.stderr
    return asked.returncode != 0


def _until(end: int, every: int = 1, since: int = 0, whole: int = WHOLE) -> list[int]:
    """One in each `every` minutes of [since, end), of `whole` minutes of figures."""
    return [int(since <= minute < end and minute % every == 0) for minute in range(whole)]


def _over_time(values: list[int]) -> list[int]:
    """What a gauge adds in each minute, to show `values`."""
    return [value - before for value, before in zip(values, [0, *values], strict=False)]


def test_a_new_project_is_silent_and_no_alert_opens(queries: dict[str, str], tmp_path: Path) -> None:
    for query in queries.values():
        assert not _fires(query, {}, 30, tmp_path)


def test_before_the_first_tick_nobody_hears_that_there_was_none(queries: dict[str, str], tmp_path: Path) -> None:
    series = {_calls("on-reminder-tick"): _until(WHOLE, since=2 * HOUR)}
    for minute in (HOUR, 2 * HOUR + 5):
        assert not _fires(queries["ticks-stopped"], series, minute, tmp_path)


@pytest.mark.parametrize(
    ("alert", "service"),
    [("ticks-stopped", "on-reminder-tick"), ("sweeps-stopped", "on-sweep-tick"), ("watch-stopped", "watch")],
)
def test_what_has_stopped_is_told_but_not_what_is_only_late(
    queries: dict[str, str], tmp_path: Path, alert: str, service: str
) -> None:
    series = {_calls(service): _until(HOUR)}
    for minute in (HOUR - 1, HOUR + 4, HOUR + 8):
        assert not _fires(queries[alert], series, minute, tmp_path)
    assert _fires(queries[alert], series, HOUR + 15, tmp_path)
    assert _fires(queries[alert], series, 3 * DAY, tmp_path), "who comes back after a weekend hears of it, too"


def test_a_tick_in_three_minutes_whose_figures_come_four_minutes_late_is_no_silence(
    queries: dict[str, str], tmp_path: Path
) -> None:
    series = {_calls("on-reminder-tick"): _until(HOUR, every=3)}
    for minute in range(HOUR, HOUR + 5):
        assert not _fires(queries["ticks-stopped"], series, minute, tmp_path)


@pytest.mark.parametrize(
    ("failed", "well", "told"),
    [
        pytest.param(1, 2, False, id="one of three"),
        pytest.param(4, 0, False, id="four of four"),
        pytest.param(6, 30, True, id="six of thirty-six"),
        pytest.param(6, 600, False, id="six of six hundred"),
    ],
)
def test_a_share_of_failures_is_judged_only_where_there_are_enough(
    queries: dict[str, str], tmp_path: Path, failed: int, well: int, told: bool
) -> None:
    def within_a_minute(number: int) -> list[int]:
        return [0] * HOUR + [number] + [0] * (WHOLE - HOUR - 1)

    series = {
        _calls("on-send-request", "5xx"): within_a_minute(failed),
        _calls("on-send-request"): within_a_minute(well),
    }
    assert _fires(queries["errors"], series, HOUR + 3, tmp_path) is told


@pytest.mark.parametrize(
    ("calls", "told"), [pytest.param(2, False, id="two calls"), pytest.param(40, True, id="forty calls")]
)
def test_slow_calls_are_told_only_where_there_are_enough(
    queries: dict[str, str], tmp_path: Path, calls: int, told: bool
) -> None:
    within_a_minute = [0] * HOUR + [calls] + [0] * (WHOLE - HOUR - 1)
    bucket = f'{LATENCY}{{{{monitored_resource="cloud_run_revision",service_name="health",le="{{}}"}}}}'
    series = {
        _calls("health"): within_a_minute,
        bucket.format("1000"): [0] * WHOLE,
        bucket.format("5000"): within_a_minute,
        bucket.format("+Inf"): within_a_minute,
    }
    assert _fires(queries["slow"], series, HOUR + 3, tmp_path) is told


@pytest.mark.parametrize(
    ("sent", "reported", "told"),
    [
        pytest.param(2, 0, False, id="two phones that are off"),
        pytest.param(20, 0, True, id="nobody reports"),
        pytest.param(20, 1, False, id="somebody reports"),
    ],
)
def test_callbacks_are_missed_only_where_enough_was_sent(
    queries: dict[str, str], tmp_path: Path, sent: int, reported: int, told: bool
) -> None:
    within_a_minute = [0] * HOUR + [sent] + [0] * (WHOLE - HOUR - 1)
    messages = 'logging_googleapis_com:user_messages_sum{monitored_resource="cloud_run_revision",outcome="sent"}'
    series = {
        messages: within_a_minute,
        _calls("provider-webhook"): [1] * WHOLE,  # the uptime check's own
        REPORTS: [0] * (HOUR + 2) + [reported] + [0] * (WHOLE - HOUR - 3),
    }
    assert _fires(queries["callbacks-stopped"], series, HOUR + 30, tmp_path) is told


@pytest.mark.parametrize(
    ("alert", "service"),
    [("backup-missing", "backup"), ("reconcile-missing", "reconcile"), ("retention-missing", "retention")],
)
def test_what_runs_once_a_day_is_missed_after_25_hours_also_while_no_tick_comes(
    queries: dict[str, str], tmp_path: Path, alert: str, service: str
) -> None:
    whole = 4 * DAY
    ticks = {_calls("on-reminder-tick"): _until(DAY, whole=whole)}
    assert not _fires(queries[alert], ticks, DAY, tmp_path), "it has begun today"
    assert _fires(queries[alert], ticks, DAY + 2 * HOUR, tmp_path), "it never ran"

    once = [int(minute == DAY) for minute in range(whole)]
    done, failed = {**ticks, _calls(service): once}, {**ticks, _calls(service, "5xx"): once}
    assert not _fires(queries[alert], done, 2 * DAY, tmp_path)
    assert _fires(queries[alert], failed, 2 * DAY, tmp_path)
    assert _fires(queries[alert], done, 2 * DAY + 3 * HOUR, tmp_path)
    assert _fires(queries[alert], done, 3 * DAY, tmp_path)


@pytest.mark.parametrize(
    ("subscription", "minutes", "told"),
    [
        pytest.param("send-requests", 14, False, id="a ticket for 14 minutes"),
        pytest.param("send-requests", 17, True, id="a ticket for 17 minutes"),
        pytest.param("bulk-send-requests", 17, False, id="a crowds ticket for 17 minutes"),
        pytest.param("bulk-send-requests", 62, True, id="a crowds ticket for 62 minutes"),
        pytest.param("subscription-events-my-business", 17, True, id="a tenants own event for 17 minutes"),
        pytest.param("dead-letters", 9, False, id="a dead letter for 9 minutes"),
        pytest.param("dead-letters", 12, True, id="a dead letter for 12 minutes"),
    ],
)
def test_a_single_message_that_nobody_takes_is_told(
    queries: dict[str, str], tmp_path: Path, subscription: str, minutes: int, told: bool
) -> None:
    age = [60 * max(0, minute - HOUR) if minute <= HOUR + minutes else 0 for minute in range(WHOLE)]
    series = {
        f'{OLDEST}{{monitored_resource="pubsub_subscription",subscription_id="{subscription}"}}': _over_time(age),
        f'{OLDEST}{{monitored_resource="pubsub_subscription",subscription_id="watch-ticks"}}': [0] * WHOLE,
    }
    assert _fires(queries["stuck"], series, HOUR + minutes + 1, tmp_path) is told
