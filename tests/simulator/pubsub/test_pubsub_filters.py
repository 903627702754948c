"""The filter language, without a broker."""

import pytest

from simulator.pubsub.errors import InvalidArgumentError
from simulator.pubsub.filters import compile_filter


@pytest.mark.parametrize(
    ("expression", "attributes", "matches"),
    [
        ("attributes:lang", {"lang": ""}, True),
        ("attributes:lang", {"language": "en"}, False),
        ("NOT attributes:lang", {}, True),
        ("-attributes:lang", {"lang": "en"}, False),
        ("NOT NOT attributes:lang", {"lang": "en"}, True),
        ('attributes.lang = "en"', {"lang": "en"}, True),
        ('attributes.lang = "en"', {"lang": "EN"}, False),
        ('attributes.lang="en"', {}, False),
        ('attributes.lang != "en"', {"lang": "ko"}, True),
        ('attributes.lang != "en"', {}, True),
        ('attributes.lang != "en"', {"lang": "en"}, False),
        ('hasPrefix(attributes.lang, "e")', {"lang": "en"}, True),
        ('hasPrefix(attributes.lang, "")', {}, False),
        ("attributes:a AND attributes:b AND attributes:c", {"a": "", "b": "", "c": ""}, True),
        ("attributes:a AND attributes:b", {"a": ""}, False),
        ("attributes:a OR attributes:b OR attributes:c", {"c": ""}, True),
        ("attributes:a AND (attributes:b OR attributes:c)", {"a": "", "c": ""}, True),
        ("NOT (attributes:a OR attributes:b)", {"b": ""}, False),
        ("NOT attributes:a AND attributes:b", {"b": ""}, True),
        ('attributes."iana.org/language_tag" = "en"', {"iana.org/language_tag": "en"}, True),
        ('attributes:"종류"', {"종류": "예약"}, True),
        ('attributes.ce-type = "x"', {"ce-type": "x"}, True),
        pytest.param(r'attributes.q = "a \"b\" \\ A\x42\103"', {"q": 'a "b" \\ ABC'}, True, id="escapes of every kind"),
        ("  attributes:a  ", {"a": ""}, True),
    ],
)
def test_a_filter_matches_as_the_documentation_says(expression: str, attributes: dict[str, str], matches: bool) -> None:
    assert compile_filter(expression)(attributes) is matches


@pytest.mark.parametrize(
    "expression",
    [
        "nonsense",
        "attributes",
        "attributes.lang",
        "attributes.lang = en",
        'attributes.lang == "en"',
        'attributes.lang = "en',
        'attributes.iana.org = "en"',
        "attributes:lang AND",
        "attributes:lang attributes:b",
        "attributes:AND",
        "attributes:a AND attributes:b OR attributes:c",
        "(attributes:a",
        "attributes:a)",
        'hasPrefix(attributes:a, "b")',
        "hasPrefix(attributes.a)",
        'hasSuffix(attributes.a, "b")',
        "and attributes:a",
        "attributes:a & attributes:b",
        "attributes:종류",
        'attributes.a = "' + "b" * 256 + '"',
    ],
)
def test_what_is_not_in_the_language_is_refused(expression: str) -> None:
    with pytest.raises(InvalidArgumentError):
        compile_filter(expression)
