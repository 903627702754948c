"""A template through every rule."""

from __future__ import annotations

from collections.abc import Mapping

from shared.templates.compiling.adverts import of_adverts
from shared.templates.compiling.buttons import of_buttons
from shared.templates.compiling.fallback import of_fallback
from shared.templates.compiling.findings import Finding, found
from shared.templates.compiling.texts import of_texts, of_values
from shared.templates.template import TemplateContent


def compiled(content: TemplateContent, values: Mapping[str, str] | None = None) -> list[Finding]:
    """All that is found, errors first, in the order of the file otherwise.

    Args:
        content: the template.
        values: what fills its variables, by name: then it is about that message, too. One that is not given stays as
            it is written.
    """
    findings = list(of_fallback(content))
    if (words := content.alimtalk) is not None:
        findings += [*of_texts(words), *of_buttons(words), *of_adverts(words)]
        if words.code is None and words.category_code is None:
            findings.append(found("category.missing", ("alimtalk",)))
        if values is not None:
            findings += of_values(words, values)
    return sorted(findings, key=lambda finding: finding.severity != "error")
