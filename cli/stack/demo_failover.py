"""How `allim demo --providers all` tells what came of it."""

from __future__ import annotations

from typing import Any

import typer

from local.demo.failover import AWAY, Failover


def as_data(played: Failover, seconds: float) -> dict[str, Any]:
    """The verdict and its counts, for programs."""
    return {
        "verdict": "good" if played.good else "bad",
        "away": AWAY,
        "phases": [
            {"phase": phase, "orders": orders, "accepted": dict(played.accepted[phase])}
            for phase, orders in played.orders.items()
        ],
        "doubled": list(played.doubled),
        "lost": list(played.lost),
        "seconds": round(seconds, 1),
    }


def show(played: Failover, seconds: float) -> None:
    """Print the verdict for people."""
    typer.echo(f"A shop with an account at every provider, and {AWAY} away for a while, in {seconds:.0f} s\n")
    for phase, orders in played.orders.items():
        typer.echo(f"{phase}: {orders} orders; accepted by")
        for kind, number in sorted(played.accepted[phase].items()):
            typer.echo(f"  {kind:<24}{number:>5}")
    typer.echo("")
    for what, found in (("told twice", played.doubled), ("not told", played.lost)):
        typer.echo(f"{what}: {len(found) or 'nobody'}")
        for each in found[:10]:
            typer.echo(f"  {each}")
    typer.echo(f"\n{'GOOD' if played.good else 'BAD'}")
