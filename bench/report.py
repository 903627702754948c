"""The results for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bench.history import report as history
from bench.neighbours import crowd, importing
from bench.results import PROVIDER_MS, Path, Results, SqlUse, bare_sql, targets
from bench.timers import due

_SQL_COLUMNS = ("SQL a message", "BEGIN, COMMIT", "of the tick, in all")


def show(results: Results, console: Console) -> None:
    """Print `results` as tables."""
    machine = results.machine
    console.print(
        f"{machine['cores']} cores ({machine['cpu']}), {machine['memory_gb']} GB, {machine['system']};"
        f" Python {machine['python']}, PostgreSQL {machine['postgres']}, {results.broker} Pub/Sub,"
        f" load before {machine['load_before']}; everything, this bench included, shares the cores"
    )
    paths = {"single events": results.singles, **({"bulk": results.bulk} if results.bulk else {})}
    _show_paths(paths, results, console)
    _show_latency(results, console)
    if results.beside_import is not None:
        importing.show(results.beside_import, console)
    if results.neighbour:
        crowd.show(results.neighbour, console)
    if results.due is not None:
        due.show(results.due, console)
    if results.history is not None:
        history.show(results.history, console)
    _show_cpu(paths, console)
    _show_floor(results, console)
    _show_imports(results, console)
    _show_targets(results, console)
    check = results.check
    console.print(
        f"The provider accepted {check.accepted:,} messages for {check.messages:,}:"
        f" {check.repeated:,} more than once, {check.missing:,} never"
    )


def _show_paths(paths: dict[str, Path], results: Results, console: Console) -> None:
    rows = []
    for name, path in paths.items():
        bare = bare_sql(results, with_events=path is results.singles)
        speed = f"{path.per_second:,.0f}", f"{path.per_second / bare:.0%}"
        rows.append((name, f"{path.messages:,}", f"{path.seconds:.1f}", *speed, *_sql(path.sql)))
    _table(
        console,
        "From the first request to the last message delivered",
        ["", "messages", "seconds", "messages/s", "of bare SQL", *_SQL_COLUMNS],
        rows,
    )


def _show_latency(results: Results, console: Console) -> None:
    lone, modest = results.lone.latency, results.modest
    rows = [
        (name, f"{found.messages:,}", f"{found.p50_ms:.0f}", f"{found.p99_ms:.0f}", f"{found.max_ms:.0f}", *sql)
        for name, found, sql in (
            ("one at a time", lone, _sql(results.lone.sql)),
            (f"{modest.rate:g} a second", modest, ("", "", "")),
        )
    ]
    columns = ["", "messages", "p50 ms", "p99 ms", "max ms", *_SQL_COLUMNS]
    title = f"From publish to delivered (the simulated provider reports after {PROVIDER_MS} ms)"
    _table(console, title, columns, rows)


def _show_cpu(paths: dict[str, Path], console: Console) -> None:
    names = list(dict.fromkeys(name for path in paths.values() for name in path.cpu.by_process))
    rows = [(name, *(f"{path.cpu.by_process.get(name, 0):.3f}" for path in paths.values())) for name in names]
    rows.append(("in all", *(f"{path.cpu.total:.3f}" for path in paths.values())))
    _table(console, "CPU seconds for 1,000 messages", ["", *paths], rows)


def _show_floor(results: Results, console: Console) -> None:
    rows = [
        (
            f"bare SQL, {'with events and customers' if floor.with_events else 'messages only'},"
            f" {floor.connections} connection{'s' if floor.connections > 1 else ''}",
            f"{floor.per_second:,}",
            f"{floor.postgres_cpu_seconds_per_1000:.3f}",
        )
        for floor in results.sql_floor
    ]
    http = results.http_floor
    rows.append(
        ("bare function, a push each", f"{http.per_second:,}", f"{http.function_cpu_seconds_per_1000:.3f}"),
    )
    rows.append(("its client (aiohttp)", "", f"{http.client_cpu_seconds_per_1000:.3f}"))
    _table(console, "The floor, on this machine in this run", ["", "a second", "CPU s for 1,000"], rows)


def _show_imports(results: Results, console: Console) -> None:
    rows = [(cost.function, f"{cost.cpu_ms:.0f}") for cost in results.imports]
    _table(console, "Importing a function, above a bare interpreter", ["", "CPU ms"], rows)


def _show_targets(results: Results, console: Console) -> None:
    rows = [
        (
            target.name,
            f"{target.measured:,g}",
            f"{'≥' if target.at_least else '≤'} {target.wanted:,g}",
            _mark(target.met),
        )
        for target in targets(results)
    ]
    _table(console, "Targets", ["", "measured", "wanted", ""], rows)


def _mark(met: bool) -> str:
    return "[green]met[/green]" if met else "[red]missed[/red]"


def _sql(use: SqlUse) -> tuple[str, str, str]:
    return f"{use.statements:.3g}", f"{use.begin_commit:.3g}", str(use.background)


def _table(console: Console, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold", title_style="bold")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right")
    for row in rows:
        table.add_row(*row)
    console.print()
    console.print(table)
