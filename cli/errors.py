"""Which errors a user may meet, and the line that each becomes."""


class CommandError(Exception):
    """What was asked cannot be done; the message is for the user, one sentence with a way out."""


def explain(error: Exception) -> str | None:
    """The message for an error that a user may meet, None for a bug. (Imports only now: nobody waits for a failure.)"""
    import psycopg

    from local.examples.problems import FolderError
    from local.postgres import PostgresError
    from local.stack import StackError
    from shared.platform.errors import AllimError

    if isinstance(error, AllimError):
        return error.sentence
    if isinstance(error, CommandError | FolderError | StackError | PostgresError):
        return str(error)
    if isinstance(error, psycopg.OperationalError):
        return f"the database cannot be used: {str(error).strip()}"
    return None
