"""What Monitoring's uptime checks ask is answered as they expect, and only by a function whose database answers."""

from typing import Any

import httpx
import pytest

from tests.databases import Migrated
from tests.endpoints import running
from tests.infra.conftest import Made
from tests.world import World


@pytest.fixture
def checks(made: Made) -> dict[str, dict[str, Any]]:
    """By the function that it asks."""
    found = made.of_type("google_monitoring_uptime_check_config")
    return {each.values["display_name"].rpartition(": ")[2]: dict(each.values) for each in found}


async def _asked(function: httpx.AsyncClient, check: dict[str, Any]) -> bool:
    """Whether the function passes the check."""
    [call] = check["http_check"]
    answer = await function.get(call["path"])
    [status] = call["accepted_response_status_codes"]
    said = all(matcher["content"] in answer.text for matcher in check["content_matchers"])
    return answer.status_code == status["status_value"] and said


@pytest.mark.parametrize("name", ["provider_webhook", "payment_webhook"])
async def test_a_webhook_passes_its_check_while_the_database_answers_and_only_then(
    checks: dict[str, dict[str, Any]], shared_world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    async with running(name, shared_world) as function:
        assert await _asked(function.client, checks[name])
    monkeypatch.setattr(shared_world, "migrated", Migrated("postgresql://nobody@127.0.0.1:9/nothing"))
    async with running(name, shared_world) as function:
        assert not await _asked(function.client, checks[name])
