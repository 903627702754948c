"""Workflows: rules from events to messages, and the time they take."""

from shared.workflows.definition import WorkflowDefinition

__all__ = ["WorkflowDefinition"]
