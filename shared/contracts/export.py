"""Writes the contracts as JSON Schema 2020-12 into `schemas/events/`: `python -m shared.contracts.export`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from shared.contracts.events import SubscriptionEvent
from shared.contracts.reports import ReportBatch
from shared.contracts.tickets import SendTicket

FOLDER = Path(__file__).resolve().parents[2] / "schemas" / "events"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

CONTRACTS: Mapping[str, type[BaseModel]] = {
    "subscription-event": SubscriptionEvent,
    "send-ticket": SendTicket,
    "report-batch": ReportBatch,
}
"""By the name of the file, which is also the schema's `$id`: relative, for the project claims no address on the web."""


def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema of what must be sent under a contract; `name` is a key of CONTRACTS."""
    model = CONTRACTS[name]
    return {"$schema": DIALECT, "$id": f"{name}.json", **model.model_json_schema(mode="validation")}


def render(name: str) -> str:
    """The text of a contract's file."""
    return json.dumps(schema_of(name), ensure_ascii=False, indent=2) + "\n"


def export(folder: Path = FOLDER) -> None:
    """Write every contract's file into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in CONTRACTS:
        (folder / f"{name}.json").write_text(render(name), encoding="utf-8")


if __name__ == "__main__":
    export()
