"""Approved words: what is sent must be a template with something in place of each variable."""

import re

VARIABLE = re.compile(r"#\{[^{}]+\}")


def pattern_of(template: str) -> re.Pattern[str]:
    """What all texts look like that are this template, filled. A newline too many is not."""
    return re.compile("(.+?)".join(map(re.escape, VARIABLE.split(template))), re.DOTALL)
