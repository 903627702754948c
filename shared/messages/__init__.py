"""Messages: their words, their status, their way to a provider and back."""

from shared.messages.composing import Approval, NewMessage, Origin, TemplateVersion, compose
from shared.messages.counting import count_queued
from shared.messages.definition_reads import active_templates
from shared.messages.errors import ContentError, MessageError, MissingVariable
from shared.messages.routing import DEFAULT_ROUTE, Route, RouteField, parse_route
from shared.messages.status import State, Status, merge
from shared.messages.store import queue_messages
from shared.messages.templates import TemplateContent
from shared.messages.tickets import PATIENCE, cut_tickets, publish_tickets

__all__ = [
    "DEFAULT_ROUTE",
    "PATIENCE",
    "Approval",
    "ContentError",
    "MessageError",
    "MissingVariable",
    "NewMessage",
    "Origin",
    "Route",
    "RouteField",
    "State",
    "Status",
    "TemplateContent",
    "TemplateVersion",
    "active_templates",
    "compose",
    "count_queued",
    "cut_tickets",
    "merge",
    "parse_route",
    "publish_tickets",
    "queue_messages",
]
