"""Errors of a whole request, `{errorCode, errorMessage}`: the codes of the vendor's published API pages.

Source: https://github.com/solapi/documents, api-reference/message-api-v4. A refused message is no error: it has a
status code in an answer of 200.
"""


class SolapiError(Exception):
    """A request that is answered with an error.

    Args:
        status: HTTP status.
        code: `errorCode`.
        message: `errorMessage`, for people.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message


def invalid(message: str) -> SolapiError:
    """A request of the wrong form."""
    return SolapiError(400, "ValidationError", message)


def not_found(message: str) -> SolapiError:
    """Something that this account does not have."""
    return SolapiError(404, "ResourceNotFound", message)


def refusal(status: int, code: str, message: str) -> dict[str, str]:
    """What stands in the way, in SOLAPI's own words."""
    return {"errorCode": code, "errorMessage": message}
