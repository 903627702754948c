"""`allim templates`: the verbs."""

from __future__ import annotations

from cli.templates import files, inspection
from cli.templates.showing import app

__all__ = ["app"]

app.command(epilog=files.CHECK)(files.check)
app.command(epilog=files.DIFF)(files.diff)
app.command(epilog=files.PUSH)(files.push)
app.command(epilog=inspection.SUBMIT)(inspection.submit)
app.command(epilog=inspection.PULL)(inspection.pull)
