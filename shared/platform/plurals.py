"""Numbers of things, as English writes them."""


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 message`, `2,000 messages`; `many` where it is no `s` that makes the plural."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
