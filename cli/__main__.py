"""``python -m cli`` is ``allim``."""

from cli.main import app

app(prog_name="allim")
