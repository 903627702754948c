import datetime as dt
import io
import json
import sys
from functools import partial
from pathlib import Path

import pytest
from pydantic_core import to_json
from rich.console import Console

from bench.__main__ import Bench
from bench.home import fresh_stack
from bench.imports import import_costs
from bench.report import show
from bench.timers import due
from local.stack import StackError


def test_a_tiny_run_measures_every_path_and_finds_each_message_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALLIM_HOME", str(tmp_path))
    monkeypatch.setattr(due, "MINUTE", dt.timedelta(seconds=0.2))
    with fresh_stack() as (home, stack):
        with pytest.raises(StackError, match="another bench"), fresh_stack():
            pass
        # A rest of a moment, and one function's import with what is installed here: what takes long is not the run.
        imports = partial(import_costs, functions={"health"}, python=sys.executable)
        bench = Bench(home, stack, Console(file=io.StringIO()), rest_seconds=0.05, imports=imports)
        try:
            results = bench.run(singles=3, bulk=5, imported=7, beside=2, timers=3, import_tries=1)
        finally:
            bench.close()
    assert results.check.exactly_once
    assert results.beside_import is not None
    assert (results.beside_import.customers, results.beside_import.quiet.events) == (7, 3)
    assert results.beside_import.beside.events == results.beside_import.own_events >= 3
    assert results.check.messages == 3 + 3 + 3 + 3 + 5 + results.beside_import.messages
    assert results.singles.messages == 3
    assert results.bulk is not None
    assert results.neighbour is not None
    assert results.neighbour.neighbours == 200
    assert results.neighbour.quiet.messages == results.neighbour.beside.messages == 2
    assert results.neighbour.ratio > 0
    assert results.due is not None
    assert results.due.messages == 3 + 3 + 3
    assert results.due.at_once.made_p99_ms < results.due.at_once.delivered_p99_ms  # a tick may be as fast as its moment
    assert results.lone.sql.statements > 0
    assert results.bulk.cpu.total > 0
    [cost] = results.imports
    assert cost.function == "health"
    assert cost.cpu_ms > 0
    assert json.loads(to_json(results))["broker"] == "built-in"
    told = io.StringIO()
    show(results, Console(file=told, width=120))
    messages = results.check.messages
    assert f"The provider accepted {messages} messages for {messages}" in told.getvalue()
    assert "beside an import of 7" in told.getvalue()
    assert "due in the same second" in told.getvalue()
    assert not (tmp_path / "bench").exists()
