"""`allim down`: stop everything on this machine."""

from typing import Annotated

import typer

from cli.output import examples

EXAMPLES = examples(
    "allim down           # stop; data stays for the next `allim up`",
    "allim down --purge   # and delete the embedded database, secrets and logs",
)


def down(
    purge: Annotated[
        bool,
        typer.Option("--purge", help="Also delete the embedded database, secrets and logs. Your own Postgres is kept."),
    ] = False,
) -> None:
    """Stop the whole system. Nothing of it is left running, even if it was killed in parts before."""
    from local.home import Home
    from local.stack import stop_stack

    home = Home.default()
    ran = stop_stack(home, purge=purge)
    typer.echo("stopped" if ran else "nothing was running")
    if purge:
        typer.echo(f"data of {home.root} deleted")
