"""What the provider keeps: projects, each with a service account, and what it took for devices."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import AfterValidator, Field

from simulator.orders import Order


def _rsa_key(pem: str) -> str:
    if not isinstance(load_pem_private_key(pem.replace("\\n", "\n").encode(), None).public_key(), RSAPublicKey):
        raise ValueError("not an RSA key")
    return pem


class ProjectSpec(Order):
    """A Firebase project. `private_key`: its service account's, in PEM, by which the simulator knows what it signs."""

    project_id: Annotated[str, Field(min_length=1)]
    client_email: Annotated[str, Field(min_length=3)]
    private_key: Annotated[str, AfterValidator(_rsa_key)]

    @property
    def public_key(self) -> RSAPublicKey:
        key = load_pem_private_key(self.private_key.replace("\\n", "\n").encode(), None).public_key()
        assert isinstance(key, RSAPublicKey), "looked at when it was given"  # noqa: S101
        return key


@dataclass
class Project:
    """A project with those who may act for it: tokens by what they are, and until when they are good."""

    project_id: str
    client_email: str
    public_key: RSAPublicKey
    tokens: dict[str, float] = field(default_factory=dict)
    taken: int = 0

    def view(self) -> dict[str, Any]:
        """Itself without its secrets."""
        return {
            "provider": "fcm",
            "projectId": self.project_id,
            "clientEmail": self.client_email,
            "messages": self.taken,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Push:
    """A message for one device. `shown_as`: what is shown under one such key is shown once."""

    name: str
    to: str
    title: str | None
    text: str
    data: dict[str, str]
    shown_as: str | None
    taken_at: float
    type: str = "push"
    status_code: str = "OK"

    def as_accepted(self) -> dict[str, Any]:
        """The message as the control API shows it."""
        return {
            "provider": "fcm",
            "messageId": self.name,
            "to": self.to,
            "type": self.type,
            "title": self.title,
            "text": self.text,
            "data": self.data,
            "shownAs": self.shown_as,
            "at": datetime.fromtimestamp(self.taken_at, UTC).isoformat(),
            "status": self.status_code,
        }
