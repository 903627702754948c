"""What the product writes into its log, as Cloud Logging would read it."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from shared.platform.logs import JsonFormatter


class LogLines(logging.Handler):
    """Each line as it is written, down to the finest."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(JsonFormatter())
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))

    def of(self, logger: str) -> list[dict[str, Any]]:
        """The lines of one of the product's loggers."""
        lines = [json.loads(text) for text in self.texts]
        return [line for line in lines if line["logger"] == f"allim.{logger}"]


@contextmanager
def log_lines() -> Iterator[LogLines]:
    """Keep all that is logged for as long as the block lasts."""
    logger, lines = logging.getLogger("allim"), LogLines()
    level = logger.level
    logger.addHandler(lines)
    logger.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        logger.removeHandler(lines)
        logger.setLevel(level)
