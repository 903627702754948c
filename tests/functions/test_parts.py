"""The parts of a process are made once, and end with it."""

from __future__ import annotations

import base64
import gc
import weakref

import pytest

from shared.bootstrap import Parts, accounts
from shared.platform.settings import Settings
from tests.clock import SettableClock
from tests.world import KEY


def test_a_part_is_made_once_for_its_parts_and_lives_no_longer_than_they(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nowhere/none")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "tests")
    monkeypatch.setenv("ALLIM_ENCRYPTION_KEY", base64.b64encode(KEY).decode())
    parts, others = (Parts(Settings.from_environment(), SettableClock()) for _ in range(2))
    assert accounts(parts) is accounts(parts)
    assert accounts(parts) is not accounts(others)
    made = weakref.ref(accounts(parts))
    del parts
    gc.collect()
    assert made() is None
