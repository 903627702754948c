"""What an at-least-once bus may do to its subscribers, on demand: deliver twice, late, and in another order."""

from random import Random

from pydantic import BaseModel, ConfigDict, Field

REORDER_SPREAD_SECONDS = 0.05
REPEAT_AFTER_SECONDS = (0.02, 0.25)


class FaultSettings(BaseModel):
    """The faults in force.

    duplicate_rate: share of acknowledged messages that are delivered once more a little later, 0 to 1.
    reorder: each delivery is held for a random time up to 50 ms, so that messages overtake each other;
        messages with an ordering key keep their order, as in the cloud.
    delay_ms: each delivery waits this long, milliseconds.
    seed: starts the random sequence anew, so that a run can be repeated.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    duplicate_rate: float = Field(default=0.0, ge=0, le=1)
    reorder: bool = False
    delay_ms: float = Field(default=0.0, ge=0)
    seed: int | None = None


class Faults:
    """Decides, delivery by delivery, what goes wrong."""

    def __init__(self) -> None:
        self.settings = FaultSettings()
        self._random = Random()  # noqa: S311

    def apply(self, settings: FaultSettings) -> None:
        """Replace the faults in force; they concern deliveries scheduled from now on."""
        self.settings = settings
        self._random = Random(settings.seed)  # noqa: S311

    def hold_seconds(self) -> float:
        """How long the next delivery is held before it may leave."""
        settings = self.settings
        spread = self._random.random() * REORDER_SPREAD_SECONDS if settings.reorder else 0.0
        return settings.delay_ms / 1000 + spread

    def repeat_after(self) -> float | None:
        """Seconds after which a message just acknowledged comes again, or None when it doesn't."""
        rate = self.settings.duplicate_rate
        if rate == 0 or self._random.random() >= rate:
            return None
        return self._random.uniform(*REPEAT_AFTER_SECONDS)
