"""Everything that an honest network, bus, provider and operating system may do to us, from a seed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from random import Random

import httpx

from local.home import Home
from local.stack import Stack, StackError, kill

CONTROL_SECONDS = 10

VICTIMS = (
    "on_subscription_event",
    "on_send_request",
    "on_bulk_send_request",
    "on_delivery_callback",
    "on_reminder_tick",
    "on_sweep_tick",
    "provider_webhook",
)
"""What is killed: any of our functions, and nothing that plays somebody else."""

TAKES_EVENTS = "on_subscription_event"
"""Not killed with Google's emulator, which forgets a push whose connection was refused: the event would be lost before
anybody but the emulator had it. Tickets, ticks and reports that it forgets are mended."""


def disturb_providers(stack: Stack, seed: int) -> None:
    """Let reports come twice, late and in any order, and let answers to carried-out requests be lost."""
    faults = {
        "seed": seed,
        "report_repeat_rate": 0.3,
        "report_reorder": True,
        "report_late_rate": 0.1,
        "report_late_ms": 3_000,
        "accept_then_drop": {"rate": 0.05, "on": "/messages/v4/groups"},
    }
    _put(f"{stack.simulator_url}/control/faults", faults)


def disturb_bus(stack: Stack, seed: int) -> bool:
    """Let pushes come twice and overtake each other. False where the bus can't be asked for that, as Google's."""
    if stack.broker_control_url is None:
        return False
    _put(f"{stack.broker_control_url}/faults", {"seed": seed, "duplicate_rate": 0.1, "reorder": True})
    return True


def _put(url: str, faults: dict[str, object]) -> None:
    try:
        httpx.put(url, json=faults, timeout=CONTROL_SECONDS, trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        raise StackError(f"faults can't be set at {url}: {error!r}") from error


def schedule_kills(
    seed: int, windows: Sequence[tuple[float, float]], victims: Sequence[str] = VICTIMS
) -> list[tuple[float, str]]:
    """When whom to kill: each of `victims` once in each window.

    Args:
        seed: of the times.
        windows: the begin and the end of each, in seconds from the start.
        victims: names of functions.

    Returns:
        Seconds from the start, and the name of a function, in order.
    """
    random = Random(seed)  # noqa: S311 - repeatable on purpose, guards nothing
    return sorted((random.uniform(*window), victim) for window in windows for victim in victims)


class Killer:
    """Kills functions on schedule, in a thread.

    Args:
        home: of the stack.
        kills: seconds from the start, and whom.
        on_kill: is called with the name of each that was killed.
    """

    def __init__(self, home: Home, kills: Sequence[tuple[float, str]], on_kill: Callable[[str], None]) -> None:
        self._home = home
        self._kills = kills
        self._on_kill = on_kill
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="killer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Kill no more."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        begun = time.monotonic()
        for offset, victim in self._kills:
            if self._over.wait(max(0.0, begun + offset - time.monotonic())):
                return
            try:
                kill(victim, self._home)
            except (StackError, ProcessLookupError):
                continue  # it is down already, and on its way up
            self._on_kill(victim)
