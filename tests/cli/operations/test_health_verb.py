"""`allim health`, on a stack that works and on one whose ticks have stopped."""

import datetime as dt
from collections.abc import Callable, Iterator

import orjson
import psycopg
import pytest
from typer.testing import Result

from local.stack import Stack
from tests.clock import NOON, SettableClock, instead_of_the_wall_clock


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with instead_of_the_wall_clock(SettableClock()):
        yield


def test_each_check_is_shown_with_its_sentence(stack: Stack, run: Callable[..., Result]) -> None:
    with psycopg.connect(stack.database_url) as connection:  # else the last tick was when the migrations ran
        connection.execute("update heartbeats set at = %s", [NOON])
    shown = run("health")
    assert shown.exit_code == 0, shown.output
    assert "the database answers in" in shown.stdout
    told = orjson.loads(run("health", "--json").stdout)
    assert told["state"] == "ok"
    assert {"name", "state", "value", "limit", "unit", "sentence"} == told["checks"][0].keys()


def test_what_fails_makes_the_verb_fail(stack: Stack, run: Callable[..., Result]) -> None:
    with psycopg.connect(stack.database_url) as connection:
        connection.execute("update heartbeats set at = %s where name = 'tick'", [NOON - dt.timedelta(hours=1)])
    shown = run("health", "--json")
    assert shown.exit_code == 1
    assert orjson.loads(shown.stdout)["state"] == "fail"
