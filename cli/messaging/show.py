"""`allim show`: the whole story of one message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.joining import running_stack_if_any, with_database
from cli.output import AsJson, examples, print_json, print_table, say
from cli.showing import clock_time

if TYPE_CHECKING:
    from shared.messages.stories.stories import Story
    from shared.platform.database import Database

EXAMPLES = examples(
    "allim show 019abc12-3456-8789-8abc-0123456789ab",
    "allim show 019abc12345 --json   # the beginning of an id is enough, as long as it is one message's alone",
)


def show(
    message: Annotated[str, typer.Argument(help="A message's id, or the beginning of it.")],
    as_json: AsJson = False,
) -> None:
    """Tell the whole story of a message: its event, its making, each call to a provider, each report, its words."""
    stack = running_stack_if_any()

    async def work(database: Database) -> Story:
        from shared.messages.stories.stories import story

        async with database.connection() as connection:
            return await story(connection, message)

    told = with_database(stack, "allim_operator", work)
    if as_json:
        print_json(told)
    else:
        _show(told)


def _show(told: Story) -> None:
    about = told.message
    say(f"{about.id} from {about.tenant} to customer {about.customer} ({about.recipient or 'no number'})")
    rows = [(clock_time(chapter.at), chapter.what, chapter.sentence) for chapter in told.chapters]
    print_table(["when (Seoul)", "what", ""], rows)
    words = [(one.channel or one.leg, one.subject, one.text or one.error) for one in told.words]
    typer.echo("\nIts words")
    print_table(["channel", "subject", "text"], words)
