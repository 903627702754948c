"""A workflow as somebody writes it: a path that leads nowhere is refused when it is loaded, with what was meant.

What is stored is read as `WorkflowDefinition` without these checks: a rule that came later must not make it unreadable.
"""

from __future__ import annotations

from typing import Any

from pydantic import model_validator

from shared.contracts.text import cleaned
from shared.templates.paths import OF_WORKFLOWS, check_path
from shared.workflows.definition import WorkflowDefinition


class WrittenWorkflow(WorkflowDefinition):
    """A workflow that is to be saved."""

    @model_validator(mode="before")
    @classmethod
    def _clean(cls, written: Any) -> Any:
        return cleaned(written)

    @model_validator(mode="after")
    def _leads_somewhere(self) -> WrittenWorkflow:
        for name, path in (("key", self.key), ("anchor", self.anchor)):
            if path is not None:
                check_path(path, OF_WORKFLOWS, at=(name,))
        for path in self.where:
            check_path(path, OF_WORKFLOWS, at=("where", path))
        return self

    @property
    def definition(self) -> WorkflowDefinition:
        """The same as the product knows it."""
        return WorkflowDefinition.model_validate(self.model_dump(by_alias=True, exclude_unset=True))
