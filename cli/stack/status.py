"""`allim status`: each process of the stack."""

import typer

from cli.output import AsJson, examples, print_json, print_table

EXAMPLES = examples(
    "allim status          # each process, its CPU time and memory",
    "allim status --json   # [] when nothing is up",
)


def status(as_json: AsJson = False) -> None:
    """Show each process: whether it is ready, how often it was restarted, what it has used."""
    from local.stack import status as status_of_stack

    services = status_of_stack()
    if as_json:
        print_json(services)
    elif services:
        columns = ["name", "pid", "state", "restarts", "cpu s", "memory MB"]
        print_table(columns, [(s.name, s.pid, s.state, s.restarts, s.cpu_seconds, s.memory_mb) for s in services])
    else:
        typer.echo("nothing is up: start with `allim up`")
