"""What a function imports at its cold start: of what is heavy, no more than each of its calls needs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

from local.home import CHECKOUT
from release.cost import SETTINGS

HEAVY = ("cryptography", "google.cloud.pubsub", "google.cloud.storage", "grpc", "httpx", "pydantic", "requests", "yaml")
"""What takes long to import. All but pydantic is imported where it is used first, if it is used at all."""

MODELS: Mapping[str, bool] = {
    "backup": True,
    "health": False,
    "on_bulk_send_request": True,
    "on_dead_letter": False,
    "on_delivery_callback": True,
    "on_reminder_tick": True,
    "on_send_request": True,
    "on_subscription_event": True,
    "on_sweep_tick": True,
    "payment_webhook": False,
    "provider_webhook": True,
    "reconcile": False,
    "retention": False,
    "watch": False,
}
"""By function: does it read a contract, a definition or a template, and so need pydantic?"""

ONLY_FOR: Mapping[str, frozenset[str]] = {
    "shared.contracts.events": frozenset({"on_subscription_event"}),
    "shared.contracts.reports": frozenset(
        {"on_bulk_send_request", "on_delivery_callback", "on_send_request", "on_sweep_tick", "provider_webhook"}
    ),
    "shared.workflows.definition": frozenset({"on_subscription_event", "on_reminder_tick"}),
    "shared.providers.toss": frozenset({"on_sweep_tick"}),
    "shared.templates.compiling.rules": frozenset(),
}
"""Modules of ours that make many models, and the functions that need them."""


def _imported_by(function: str) -> set[str]:
    """The names of all modules that there are when its main.py has been imported."""
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(CHECKOUT), **SETTINGS}
    command = [sys.executable, "-c", "import main, sys; print(*sys.modules)"]
    folder = CHECKOUT / "functions" / function
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)  # noqa: S603
    return set(done.stdout.split())


def test_each_function_says_whether_it_needs_models() -> None:
    assert set(MODELS) == {file.parent.name for file in CHECKOUT.glob("functions/*/main.py")}


@pytest.mark.parametrize("function", MODELS)
def test_a_cold_start_imports_nothing_heavy_that_its_calls_can_do_without(function: str) -> None:
    imported = _imported_by(function)
    assert [name for name in HEAVY if name in imported] == (["pydantic"] if MODELS[function] else [])
    assert {name for name in ONLY_FOR if name in imported} == {
        name for name, functions in ONLY_FOR.items() if function in functions
    }
