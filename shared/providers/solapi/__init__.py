"""SOLAPI (formerly CoolSMS): https://developers.solapi.com."""

from shared.providers.solapi.adapter import TIMEOUT_SECONDS, Solapi, webhook_proof
from shared.providers.solapi.writing import CUSTOM_FIELD, TYPES

__all__ = ["CUSTOM_FIELD", "TIMEOUT_SECONDS", "TYPES", "Solapi", "webhook_proof"]
