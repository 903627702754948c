"""Forms as they come: encoded in the body, or in parts with a file."""

from email.message import Message
from email.parser import BytesParser
from urllib.parse import parse_qsl

Form = dict[str, str | bytes]


def read_form(kind: str, body: bytes) -> Form:
    """The fields by name; files as bytes.

    Args:
        kind: its content type, as the request says.
        body: as it came.

    Raises:
        ValueError: it can't be read.
    """
    if not kind.startswith("multipart/"):
        return dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body)))
    whole = BytesParser().parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    if not whole.is_multipart():
        raise ValueError("no parts")
    form: Form = {}
    for part in whole.get_payload():
        assert isinstance(part, Message), "a form has no parts within parts"  # noqa: S101
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            form[name] = content if part.get_filename() is not None else content.decode()
    return form
