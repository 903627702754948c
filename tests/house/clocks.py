"""How SQL asks the database what time it is."""

from __future__ import annotations

import re

_FUNCTIONS = ("now", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "timeofday", "uuidv7")
_WORDS = ("current_date", "current_time", "current_timestamp", "localtime", "localtimestamp")
_TYPE = r"(?:timestamp|date|time)\w*"
_TEXT = r"'\s*(?:now|today|tomorrow|yesterday)\b[^']*'"
_WAYS = (
    rf"\b(?:{'|'.join(_FUNCTIONS)})\s*\(\s*\)",
    rf"\b(?:{'|'.join(_WORDS)})\b",
    rf"{_TEXT}\s*(?:::|as\b)\s*{_TYPE}",
    rf"\b{_TYPE}\s*{_TEXT}",
    r"\bage\s*\((?:[^,()]|\([^()]*\))*\)",  # of one moment: since today's midnight
)
DATABASES_CLOCK = re.compile("|".join(_WAYS), re.IGNORECASE)
