"""The functions of this checkout, as they run on one machine: each in its own process under functions-framework."""

import sys
from pathlib import Path

from local.home import CHECKOUT

FUNCTIONS = CHECKOUT / "functions"

ROLE_OF = {
    "on_subscription_event": "allim_events",
    "on_send_request": "allim_sender",
    "on_bulk_send_request": "allim_bulk_sender",
    "on_delivery_callback": "allim_reports",
    "on_reminder_tick": "allim_ticker",
    "on_sweep_tick": "allim_sweeper",
    "on_dead_letter": "allim_dead_letters",
    "provider_webhook": "allim_webhook",
    "payment_webhook": "allim_payment_calls",
    "health": "allim_health",
    "watch": "allim_watch",
    "backup": "allim_backup",
    "reconcile": "allim_reconcile",
    "retention": "allim_keeper",
}
"""The database role of each function."""

TAKE_PAYMENTS = frozenset({"on_sweep_tick"})
"""The functions that hold the merchant's key at Toss Payments."""

OPEN_CREDENTIALS = frozenset({"on_send_request", "on_bulk_send_request", "on_sweep_tick", "reconcile"})
"""The functions that hold the key of what providers gave: accounts' credentials and cards' billing keys."""

TELL_PEOPLE = frozenset({"watch"})
"""The functions that hold the address of the operators' channel in Slack."""

SIMULATED_SLACK_PATH = "/services/T000000/B000000/local"

SIMULATED_TOSS_KEY = "test_sk_localsimulator000000000000"  # opens a simulator and nothing else

HELD_OPEN = frozenset({"on_reminder_tick", "on_sweep_tick"})
"""The functions whose call lasts for most of its minute: to wait for its end makes every stop a long one."""

STAND_BACK = frozenset({"on_bulk_send_request", "backup", "reconcile"})
"""The functions for which nobody waits: in the cloud they have processors of their own, and here they leave them to the
others."""

BACKUP = "backup"
"""The function that has a bucket, and the key that signs what it puts there."""

SIMULATED_BUCKET = "allim-backups"  # the simulator makes it

FUNCTION_OF_TOPIC = {
    "subscription-events": "on_subscription_event",
    "send-requests": "on_send_request",
    "bulk-send-requests": "on_bulk_send_request",
    "delivery-callbacks": "on_delivery_callback",
    "reminder-ticks": "on_reminder_tick",
    "sweep-ticks": "on_sweep_tick",
    "watch-ticks": "watch",
    "dead-letters": "on_dead_letter",
}
"""Where the messages of each topic are pushed."""

HEALTH_PATH = "/robots.txt"  # functions-framework answers it without calling the function


def find_functions(folder: Path = FUNCTIONS) -> list[str]:
    """The names of the functions in `folder`: each folder with a `main.py`. Raises KeyError for one without a role."""
    names = sorted(path.parent.name for path in folder.glob("*/main.py"))
    unknown = [name for name in names if name not in ROLE_OF]
    if unknown:
        raise KeyError(f"no database role for {', '.join(unknown)}: add it to ROLE_OF in {__name__}")
    return names


def command(name: str, port: int, folder: Path = FUNCTIONS) -> list[str]:
    """The command line that serves the function `name` of `folder` at `port` of 127.0.0.1."""
    source = str(folder / name / "main.py")
    # `functions-framework` itself, by the module that its console script calls, so that PATH doesn't matter.
    framework = [sys.executable, "-m", "functions_framework"]
    return [*framework, "--target", name, "--source", source, "--host", "127.0.0.1", "--port", str(port)]
