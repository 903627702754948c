"""Ports for servers: nobody is given one that somebody else was given, though nothing listens there yet."""

import socket
import subprocess
import sys

from local.home import CHECKOUT
from local.process import _take, free_ports


def _elsewhere(expression: str) -> str:
    """What another process finds."""
    command = [sys.executable, "-c", f"from local.process import _take, free_ports; print({expression})"]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603


def test_a_port_is_given_to_one_only() -> None:
    [given] = free_ports(1)
    assert not _take(given)
    assert _elsewhere(f"_take({given})") == "False"


def test_a_port_is_free_again_when_who_was_given_it_has_ended() -> None:
    given = int(_elsewhere("free_ports(1)[0]"))
    assert _take(given)


def test_a_port_where_somebody_listens_is_not_given() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not _take(server.getsockname()[1])


def test_many_ports_are_as_many_different_ones() -> None:
    assert len(set(free_ports(50))) == 50
