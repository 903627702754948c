"""`allim package`: each function as a zip for the cloud."""

from pathlib import Path
from typing import Annotated

import typer

from cli.output import AsJson, examples, print_json, print_table, progress_console

EXAMPLES = examples(
    "allim package                        # into dist/",
    "allim package --output /tmp/zips     # somewhere else",
    "allim package --json                 # names, sizes and import times, for programs",
)


def package(
    output: Annotated[Path, typer.Option(help="The folder that the zips go to.")] = Path("dist"),
    as_json: AsJson = False,
) -> None:
    """Pack each function with only what it imports. The same sources give the same bytes, so a zip's name is its hash.

    Beside the zips there is a release: a Terraform variable file that says which zips belong together.
    """
    from local.home import CHECKOUT
    from release import build, write
    from release.cost import import_milliseconds

    packages = build(CHECKOUT)
    release = write(packages, output)
    with progress_console().status("importing each function …"):
        imports = import_milliseconds(packages)
    if as_json:
        print_json(
            {
                "release": str(release),
                "packages": [
                    {
                        "function": each.function,
                        "object": each.object_name,
                        "bytes": len(each.archive),
                        "files": len(each.files),
                        "requirements": each.requirements,
                        "import_cpu_ms": imports[each.function],
                    }
                    for each in packages
                ],
            }
        )
        return
    print_table(
        ["function", "kB", "files", "import ms", "needs", "hash"],
        [
            (
                each.function,
                round(len(each.archive) / 1e3),
                len(each.files),
                imports[each.function],
                len(each.requirements),
                each.digest[:12],
            )
            for each in packages
        ],
    )
    typer.echo(f"release: {release}")
