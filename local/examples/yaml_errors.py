"""Why a text is no YAML, in words that say what to change: what usually hides behind what the parser says."""

from __future__ import annotations

import re
from dataclasses import dataclass

import yaml

_UNSEEN_INDENT = re.compile(r"^ *[\t\u00a0\u3000]")
_CURLY_QUOTE = re.compile(r"[:,\[{-]\s*[“”‘’]|^\s*[“”‘’]")
_UNQUOTED_VARIABLE = re.compile(r"[:,\[{-]\s+(?![\"'|>])[^\"']*\s#\{")
_UNQUOTED_MUSTACHE = re.compile(r"[:,-]\s+\{\{")
_FULL_WIDTH_COLON = re.compile(r"^\s*[\w.-]+：")
_COLON_IN_TEXT = re.compile(r":\s+(?![\"'|>{\[])[^\"'#]*:\s")
_QUOTED_AND_MORE = re.compile(r":\s+(\"[^\"]*\"|'[^']*'|\[[^\]]*\]|\{[^}]*\})\s*[^\s,#\]}]")
_RESERVED = re.compile(r"(?::|-)\s+[@`%*&!]")


@dataclass(frozen=True, slots=True)
class Said:
    """Where, from 1, and what."""

    line: int | None
    code: str
    detail: str
    detail_ko: str


_HINTS: tuple[tuple[re.Pattern[str], str, str, str], ...] = (
    (
        _UNSEEN_INDENT,
        "tabs",
        "the line begins with a tab or a wide space; YAML is indented with plain spaces",
        "탭이나 특수 공백 대신 보통 빈칸으로 들여 쓰세요.",
    ),
    (
        _FULL_WIDTH_COLON,
        "full_width_colon",
        "the colon is a full-width one (：); write : and a space",
        "전각 콜론(：) 대신 : 과 빈칸을 쓰세요.",
    ),
    (
        _CURLY_QUOTE,
        "curly_quotes",
        "“ ” and ‘ ’ are no quotes in YAML; write \" or '",
        "“ ” ‘ ’는 YAML의 따옴표가 아닙니다. \" 또는 '를 쓰세요.",
    ),
    (
        _UNQUOTED_MUSTACHE,
        "unquoted_text",
        'a text that begins with { is put in quotes: "{{이름}}님, …"',
        "{ 로 시작하는 글은 따옴표 안에 쓰세요.",
    ),
    (
        _UNQUOTED_VARIABLE,
        "unquoted_text",
        'after a space, # begins a comment; put the text in quotes: "…#{이름}…"',
        "빈칸 뒤의 #부터는 설명(주석)이 됩니다. 글 전체를 큰따옴표 안에 쓰세요.",
    ),
    (
        _QUOTED_AND_MORE,
        "unquoted_text",
        'something follows a closing quote or bracket; put the whole text in "…", and write \\" for a " in it',
        '닫는 따옴표나 괄호 뒤에 글이 더 있습니다. 글 전체를 "…" 안에 쓰고, 그 안의 "는 \\"로 쓰세요.',
    ),
    (
        _COLON_IN_TEXT,
        "unquoted_text",
        'a text with ": " in it is put in quotes: "안내: …"',
        ': 이 들어 있는 글은 따옴표 안에 쓰세요: "안내: …"',
    ),
    (
        _RESERVED,
        "unquoted_text",
        "a text that begins with @ ` % * & or ! is put in quotes",
        "@ ` % * & ! 로 시작하는 글은 따옴표 안에 쓰세요.",
    ),
)


def explained(text: str, error: yaml.YAMLError) -> Said:
    """What to tell of a text that can't be read.

    Args:
        text: all of it.
        error: the parser's.
    """
    lines = text.splitlines()
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        character = f"U+{int(error.character):04X}"
        return Said(
            line,
            "bad_character",
            f"holds an invisible character ({character}); delete it",
            f"보이지 않는 문자({character})가 있습니다. 지워 주세요.",
        )
    if not isinstance(error, yaml.MarkedYAMLError):
        return Said(None, "too_large", f"the file has {error}", "파일이 너무 큽니다.")
    marks = [mark.line for mark in (error.problem_mark, error.context_mark) if mark is not None]
    # What is wrong is often seen a line later only: where the next key begins.
    for at in [place for mark in marks for place in (mark, mark - 1) if 0 <= place < len(lines)]:
        for pattern, code, detail, detail_ko in _HINTS:
            if pattern.search(lines[at]):
                return Said(at + 1, code, detail, detail_ko)
    line = min((marks[0] if marks else 0) + 1, max(len(lines), 1))
    context = error.context or ""
    if "quoted scalar" in context:
        opened = error.context_mark.line + 1 if error.context_mark else line
        return Said(
            opened,
            "open_quote",
            'the text that begins here has no closing quote; a " within "…" is written \\"',
            "여기서 시작한 따옴표가 닫히지 않았습니다.",
        )
    if "flow" in context:
        opened = error.context_mark.line + 1 if error.context_mark else line
        return Said(
            opened,
            "open_bracket",
            "the [ or { that opens here is not closed, or a comma is missing",
            "여기서 연 괄호([ 또는 {)가 닫히지 않았거나 쉼표가 빠졌습니다.",
        )
    if "single document" in context:
        return Said(line, "bad_yaml", "a file holds one thing; take out ---", "---를 빼세요. 파일마다 하나씩 씁니다.")
    return Said(
        line,
        "bad_yaml",
        "YAML can't be read here: is every key followed by `: `, and does each stand under its like?",
        "이 줄을 읽을 수 없습니다. 항목 뒤에 `: `가 있는지, 들여쓰기가 맞는지 보세요.",
    )
