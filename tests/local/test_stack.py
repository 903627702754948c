import json
import os
import signal
import stat
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import httpx
import psutil
import psycopg
import pytest
from google.pubsub_v1 import PublisherClient, PubsubMessage
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from local.functions import FUNCTION_OF_TOPIC
from local.home import Home
from local.postgres import ROLES, running
from local.process import processes_of
from local.stack import Stack, StackError, kill, running_stack, start_stack, status, stop_stack
from local.topics import write_publishers
from shared.platform.pubsub.publishers import Bound

_FUNCTION = """
import functions_framework.aio
from starlette.responses import Response

@functions_framework.aio.http
async def {name}(request):
    print(request.url.path, request.url.query, (await request.body()).decode(), flush=True)
    return Response(status_code=204)
"""


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("functions")
    for name in ("on_subscription_event", "provider_webhook", "backup"):
        (folder / name).mkdir()
        (folder / name / "main.py").write_text(_FUNCTION.format(name=name))
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("stack"))


@pytest.fixture(scope="module")
def stack(home: Home, functions: Path) -> Iterator[Stack]:
    write_publishers(home.publishers_file, [Bound("app", ("saas",))])
    with running_stack(home, broker="built-in", functions=functions) as stack:
        yield stack
    assert processes_of(home.root, {}) == []


def _eventually(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _restarts(home: Home, name: str) -> int:
    """How often `name` was restarted, once it is ready again; -1 before."""
    service = next(service for service in status(home) if service.name == name)
    return service.restarts if service.state == "ready" else -1


def _publish(stack: Stack, data: bytes, topic_id: str = "subscription-events") -> None:
    with grpc.insecure_channel(stack.pubsub_emulator_host) as channel:
        client = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        topic = f"projects/{stack.project}/topics/{topic_id}"
        client.publish(topic=topic, messages=[PubsubMessage(data=data, attributes={"is": data.decode()})])


def test_a_published_event_is_pushed_to_its_function(stack: Stack, home: Home) -> None:
    _publish(stack, b"an-event")
    _eventually(lambda: '"an-event"' in home.log("on_subscription_event").read_text())


def test_what_a_bound_publisher_publishes_comes_with_what_it_is_bound_to(stack: Stack, home: Home) -> None:
    _publish(stack, b"of-a-publisher", "subscription-events-app")
    log = home.log("on_subscription_event")
    _eventually(lambda: "of-a-publisher" in log.read_text())
    [line] = [line for line in log.read_text().splitlines() if "of-a-publisher" in line]
    assert line.startswith("/publishers/app tenant=saas ")


def test_the_stack_file_is_private_and_complete(stack: Stack, home: Home) -> None:
    assert stat.S_IMODE(home.stack_file.stat().st_mode) == 0o600
    written = json.loads(home.stack_file.read_text())
    assert set(written["functions"]) == {"on_subscription_event", "provider_webhook", "backup"}
    assert written["webhook_url"] == written["functions"]["provider_webhook"]
    assert set(written["processes"]) >= {"postgres", "pubsub", "simulator", "scheduler", *written["functions"]}
    assert httpx.get(f"{stack.simulator_url}/control/health").status_code == 200
    assert stack.broker_control_url is not None
    topics = len(FUNCTION_OF_TOPIC) + 1  # and a publisher's own
    assert httpx.get(f"{stack.broker_control_url}/stats").json()["topics"] == topics


def test_every_role_logs_in_and_the_owner_reaches_the_schema(stack: Stack) -> None:
    assert set(stack.role_database_urls) == set(ROLES)
    for role, url in stack.role_database_urls.items():
        with psycopg.connect(url) as connection:
            assert connection.execute("select current_user").fetchone() == (role,)
    with psycopg.connect(stack.database_url) as connection:
        assert connection.execute("select count(*) from tenants").fetchone() is not None


def test_a_function_gets_its_own_role_and_not_the_owner(stack: Stack, home: Home) -> None:
    environment = psutil.Process(Stack.load(home).processes["on_subscription_event"]).environ()
    assert environment["DATABASE_URL"] == stack.role_database_urls["allim_events"]
    owner = psycopg.conninfo.conninfo_to_dict(stack.database_url)["password"]
    assert not [name for name, value in environment.items() if str(owner) in value]


def test_a_function_for_which_nobody_waits_leaves_the_processors_to_the_others(stack: Stack) -> None:
    by_name = {name: psutil.Process(stack.processes[name]).nice() for name in ("backup", "provider_webhook")}
    assert by_name == {"backup": os.nice(0) + 10, "provider_webhook": os.nice(0)}


def test_a_killed_function_is_back_at_the_same_address(stack: Stack, home: Home) -> None:
    killed = kill("provider_webhook", home)
    _eventually(lambda: _restarts(home, "provider_webhook") == 1)
    assert Stack.load(home).processes["provider_webhook"] != killed
    assert httpx.post(stack.functions["provider_webhook"]).status_code == 204


def test_a_killed_broker_comes_back_with_its_topics(stack: Stack, home: Home) -> None:
    kill("pubsub", home)
    _eventually(lambda: _restarts(home, "pubsub") == 1)
    _publish(stack, b"after-the-crash")
    _eventually(lambda: '"after-the-crash"' in home.log("on_subscription_event").read_text())


def test_a_killed_postgres_comes_back_with_its_data(stack: Stack, home: Home) -> None:
    with psycopg.connect(stack.database_url) as connection:
        connection.execute("insert into tenants (id, name) values ('kept', 'Kept')")
    kill("postgres", home)
    _eventually(lambda: _restarts(home, "postgres") == 1)
    with psycopg.connect(stack.database_url) as connection:
        assert connection.execute("select name from tenants where id = 'kept'").fetchone() == ("Kept",)


def test_killing_what_does_not_run_is_refused(stack: Stack, home: Home) -> None:
    assert stack
    with pytest.raises(StackError, match="no service nonsense"):
        kill("nonsense", home)


def test_status_tells_what_each_process_uses(stack: Stack, home: Home) -> None:
    services = {service.name: service for service in status(home)}
    assert set(services) == {"supervisor", *stack.processes}
    assert all(service.cpu_seconds > 0 and service.memory_mb > 0 for service in services.values())


def test_starting_a_stack_that_is_up_gives_the_same_one(stack: Stack, home: Home, functions: Path) -> None:
    again = start_stack(home, broker="built-in", functions=functions)
    assert again.started_at == stack.started_at
    assert again.pubsub_emulator_host == stack.pubsub_emulator_host


@pytest.mark.skipif(os.uname().sysname != "Linux", reason="the parent-death signal is Linux's")
def test_nothing_outlives_a_killed_supervisor_and_secrets_and_data_are_there_again(
    tmp_path: Path, functions: Path
) -> None:
    home = Home(tmp_path)
    first = start_stack(home, broker="built-in", functions=functions)
    with psycopg.connect(first.database_url) as connection:
        connection.execute("insert into tenants (id, name) values ('kept', 'Kept')")
    state = home.state()
    assert state is not None
    assert state.supervisor.pid is not None
    os.kill(state.supervisor.pid, signal.SIGKILL)

    _eventually(lambda: processes_of(home.root, {}) == [])
    with pytest.raises(StackError, match="no stack is up"):
        Stack.load(home)
    with running_stack(home, broker="built-in", functions=functions) as second:
        assert second.encryption_key == first.encryption_key
        with psycopg.connect(second.database_url) as connection:
            assert connection.execute("select name from tenants where id = 'kept'").fetchone() == ("Kept",)
    assert stop_stack(home) is False

    stop_stack(home, purge=True)
    assert not tmp_path.exists()


def test_two_that_start_at_once_get_the_same_stack(tmp_path: Path, functions: Path) -> None:
    home = Home(tmp_path)
    with ThreadPoolExecutor() as pool:
        started = [pool.submit(start_stack, home, broker="built-in", functions=functions) for _ in range(2)]
        first, second = (future.result() for future in started)
    assert first.processes == second.processes
    assert stop_stack(home) is True
    assert processes_of(home.root, {}) == []


def test_a_function_that_cannot_start_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    broken = tmp_path / "functions" / "on_send_request"
    broken.mkdir(parents=True)
    (broken / "main.py").write_text("raise SystemError('cannot work like this')")
    home = Home(tmp_path / "home")
    with pytest.raises(StackError, match=r"(?s)on_send_request ended with status 1.*cannot work like this"):
        start_stack(home, broker="built-in", functions=tmp_path / "functions")
    assert processes_of(home.root, {}) == []
    assert not home.stack_file.exists()


def test_a_postgres_of_the_users_own_is_used_in_a_database_of_its_own(
    tmp_path: Path, functions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(tmp_path / "theirs", durable=False) as theirs:
        monkeypatch.setenv("DATABASE_URL", theirs.url("postgres"))
        with running_stack(Home(tmp_path / "home"), broker="built-in", functions=functions) as stack:
            assert stack.database_url == theirs.url("allim")
            assert "postgres" not in stack.processes
            with psycopg.connect(stack.role_database_urls["allim_sender"]) as connection:
                assert connection.execute("select current_database()").fetchone() == ("allim",)


def test_stopping_leaves_what_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "theirs.txt").write_text("keep me")
    assert stop_stack(Home(tmp_path), purge=True) is False
    assert (tmp_path / "theirs.txt").exists()
