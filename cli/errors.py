"""Which errors a user may meet, and the line that each becomes."""

from shared.platform.errors import AllimError


class CommandError(AllimError):
    """What was asked cannot be done.

    Args:
        sentence: for the user: `code: what is wrong, and a way out`.
    """

    def __init__(self, sentence: str) -> None:
        code, _, detail = sentence.partition(": ")
        super().__init__(code, detail)


def explain(error: Exception) -> str | None:
    """The message for an error that a user may meet, None for a bug. (Imports only now: nobody waits for a failure.)"""
    import psycopg

    if isinstance(error, AllimError):
        return error.sentence
    if isinstance(error, psycopg.OperationalError):
        return f"the database cannot be used: {str(error).strip()}"
    return None
