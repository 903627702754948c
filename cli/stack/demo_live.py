"""The demo while it runs: what was published, where the messages are, what was killed."""

from __future__ import annotations

from collections import Counter
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from local.demo.play import Scene

BAR_WIDTH = 40
ORDER = ("queued", "sending", "sent", "unknown", "delivered", "read", "failed", "expired", "cancelled", "suppressed")
REFRESHES_A_SECOND = 4


class Live:
    """Shows a scene on a console, in place; where nothing can move, a line for each phase.

    Args:
        console: where to.
        broker: the name of the Pub/Sub in use.
        chaos: the seed of the chaos, None for a calm day.
    """

    def __init__(self, console: Console, *, broker: str, chaos: int | None) -> None:
        from rich.live import Live as Region

        self._console = console
        self._title = f"A day of three businesses · Pub/Sub: {broker}" + (f" · chaos {chaos}" if chaos else "")
        self._region = Region(console=console, refresh_per_second=REFRESHES_A_SECOND, transient=True)
        self._phase = ""

    def __enter__(self) -> Live:
        if self._console.is_terminal:
            self._region.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._region.stop()

    def show(self, scene: Scene) -> None:
        """Show `scene` from now on."""
        if self._console.is_terminal:
            self._region.update(self._picture(scene))
        elif scene.phase != self._phase:
            self._phase = scene.phase
            self._console.print(f"{scene.phase} …", highlight=False)

    def _picture(self, scene: Scene) -> RenderableType:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        progress = scene.progress
        rows = Table.grid(padding=(0, 2))
        rows.add_column(min_width=18)
        rows.add_column(justify="right", min_width=6)
        rows.add_column()
        rows.add_row(
            "events published", f"{scene.published:,}", ProgressBar(scene.to_publish, scene.published, BAR_WIDTH)
        )
        if scene.announced:
            rows.add_row("announced to", f"{scene.announced:,}", "with one `allim send`")
        if progress is not None:
            rows.add_row("events taken in", f"{progress.events:,}", "")
            settled = ProgressBar(scene.expected, progress.settled, BAR_WIDTH)
            rows.add_row("messages settled", f"{progress.settled:,}", settled)
            for status in ORDER:
                if number := progress.by_status.get(status):
                    rows.add_row(f"  {status}", f"{number:,}", "")
            rows.add_row("went on to text", f"{progress.fell_back:,}", "from AlimTalk to SMS or LMS")
            rows.add_row("dead letters", f"{progress.dead_letters:,}", "")
            rows.add_row("steps waiting", f"{progress.timers:,}", _reminders(scene))
        if scene.kills:
            killed = ", ".join(f"{name} ×{number}" for name, number in Counter(scene.kills).most_common())
            rows.add_row("killed", f"{len(scene.kills)}", killed)
        return Group(f"[bold]{self._title}[/bold] · {scene.phase}", rows)


def _reminders(scene: Scene) -> str:
    if scene.first_due is None or scene.last_due is None:
        return ""
    from shared.platform.clock import WallClock

    now = WallClock().now()
    if now < scene.first_due:
        return f"the first reminders are due in {(scene.first_due - now).total_seconds():.0f} s"
    if now < scene.last_due:
        return "reminders are due now"
    return "the rest is for later days"
