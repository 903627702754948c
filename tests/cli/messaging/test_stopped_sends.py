"""A send that does not come to its end says in a line how far it came, and the command that goes on."""

from __future__ import annotations

import json
import shlex
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from local.stack import Stack
from shared.campaigns import batches, writing
from shared.messages.store import queue_alike
from shared.platform.database import again
from tests.cli.conftest import Run

PEOPLE = 6


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """A send of a few, two at a time."""
    monkeypatch.setattr(batches, "ROWS_A_BATCH", 2)
    monkeypatch.setattr(again, "PAUSES", ())
    path = tmp_path / "some people.csv"
    path.write_text("id,phone,name\n" + "".join(f"c-{n},010-9000-000{n},사람\n" for n in range(PEOPLE)))
    return ("send", "--tenant", "saas", "--template", "welcome", "--customers", str(path))


def _at_the_second_batch(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    batch = 0

    async def queue(*arguments: Any, **options: Any) -> Any:
        nonlocal batch
        batch += 1
        if batch == 2:
            act()
        return await queue_alike(*arguments, **options)

    monkeypatch.setattr(writing, "queue_alike", queue)


def _assert_the_command_makes_it_whole(run: Run, stack: Stack, line: str, rest: int) -> None:
    command = line[line.index("allim send") : line.rindex(" (")]
    result = json.loads(run(*shlex.split(command)[1:], "--json").stdout)
    assert (result["queued"], result["already"]) == (rest, PEOPLE - rest)
    with psycopg.connect(stack.database_url) as connection:
        assert connection.execute("select count(*), count(distinct customer) from messages").fetchone() == (6, 6)


def test_who_stops_a_send_is_told_what_is_queued_and_how_to_go_on(
    run: Run, stack: Stack, asked: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    _at_the_second_batch(monkeypatch, lambda: signal.raise_signal(signal.SIGINT))
    stopped = run(*asked)
    assert (stopped.exit_code, stopped.stdout) == (130, "")
    begun, *_, told = stopped.stderr.strip().splitlines()  # in between, that there is no topic here to publish to
    assert begun.startswith("the key of this send is send-")
    assert told.startswith("stopped: 4 messages queued; go on with: allim send --tenant saas --template welcome")
    assert "4건 접수 후 중단" in told
    _assert_the_command_makes_it_whole(run, stack, told, 2)


def test_who_stops_it_before_it_has_begun_is_told_that_nothing_was_queued(
    run: Run, stack: Stack, asked: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("shared.campaigns.sending.send_bulk", stop)
    stopped = run(*asked)
    assert stopped.exit_code == 130
    assert stopped.stderr.startswith("stopped: nothing was queued")


def test_a_database_that_goes_away_is_told_the_same_way(
    run: Run, stack: Stack, asked: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise psycopg.OperationalError("the server closed the connection")

    _at_the_second_batch(monkeypatch, away)
    ended = run(*asked)
    assert (ended.exit_code, ended.stdout) == (1, "")
    told = ended.stderr.strip().splitlines()[-1]
    assert told.startswith("error: send_interrupted: ")
    assert "2 messages of this send are queued" in told
    assert "2건까지 접수되었습니다" in told
    _assert_the_command_makes_it_whole(run, stack, told, 4)


def test_a_send_without_a_key_shows_the_one_that_it_took(run: Run, stack: Stack, asked: tuple[str, ...]) -> None:
    sent = run(*asked)
    [key] = [line.split()[1] for line in sent.stdout.splitlines() if line.startswith("key ")]
    assert json.loads(run(*asked, "--key", key, "--json").stdout)["already"] == PEOPLE
