"""The filter language of subscriptions, compiled to a function over a message's attributes.

    attributes:key                     the message has the attribute
    attributes.key = "value"           and it has this value
    attributes.key != "value"          it has another value, or lacks the attribute
    hasPrefix(attributes.key, "va")    its value begins so
    NOT x, -x, x AND y, x OR y, (x)    AND and OR mix only with parentheses

A key with other characters than letters, digits, ``-`` and ``_`` is written in quotes. At most 256 bytes.
Source: https://cloud.google.com/pubsub/docs/subscription-message-filter
"""

import re
from collections.abc import Callable, Mapping

from simulator.pubsub.errors import InvalidArgumentError

Predicate = Callable[[Mapping[str, str]], bool]

MAX_FILTER_BYTES = 256
_TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|(\w[\w-]*)|(!=|[-=:.,()]))')
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[0-7]{3}|.)", re.DOTALL)
_NAMED_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_WORDS = ("AND", "OR", "NOT")


def compile_filter(text: str) -> Predicate:
    """Turn a filter into a predicate.

    text: the filter as the subscription states it.
    Raises InvalidArgumentError when it is too long or not in the language.
    """
    if len(text.encode()) > MAX_FILTER_BYTES:
        raise InvalidArgumentError(f"The filter is longer than {MAX_FILTER_BYTES} bytes.")
    parser = _Parser(text)
    predicate = parser.expression()
    if parser.peek() is not None:
        raise parser.error("an end")
    return predicate


def _unescape(literal: str) -> str:
    def replace(match: re.Match[str]) -> str:
        code = match[1]
        if len(code) == 1:
            return _NAMED_ESCAPES.get(code, code)
        return chr(int(code, 8) if code.isdigit() else int(code[1:], 16))

    return _ESCAPE.sub(replace, literal[1:-1])


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[str] = []
        self._position = 0
        end = len(text.rstrip())
        at = 0
        while at < end:
            match = _TOKEN.match(text, at)
            if match is None:
                raise InvalidArgumentError(f"Invalid filter: unexpected character at {at} in {text!r}.")
            self._tokens.append(match[match.lastindex or 0])
            at = match.end()

    def peek(self) -> str | None:
        return self._tokens[self._position] if self._position < len(self._tokens) else None

    def error(self, wanted: str) -> InvalidArgumentError:
        found = self.peek()
        return InvalidArgumentError(f"Invalid filter: expected {wanted}, found {found or 'the end'} in {self._text!r}.")

    def _next(self, wanted: str) -> str:
        token = self.peek()
        if token is None:
            raise self.error(wanted)
        self._position += 1
        return token

    def _expect(self, token: str) -> None:
        if self.peek() != token:
            raise self.error(repr(token))
        self._position += 1

    def expression(self) -> Predicate:
        terms = [self._term()]
        operator = self.peek()
        while self.peek() in ("AND", "OR"):
            if self.peek() != operator:
                raise InvalidArgumentError(f"Invalid filter: AND and OR need parentheses in {self._text!r}.")
            self._position += 1
            terms.append(self._term())
        if len(terms) == 1:
            return terms[0]
        combine = all if operator == "AND" else any
        return lambda attributes: combine(term(attributes) for term in terms)

    def _term(self) -> Predicate:
        match self.peek():
            case "NOT" | "-":
                self._position += 1
                negated = self._term()
                return lambda attributes: not negated(attributes)
            case "(":
                self._position += 1
                inner = self.expression()
                self._expect(")")
                return inner
            case "hasPrefix":
                return self._has_prefix()
            case _:
                return self._comparison()

    def _has_prefix(self) -> Predicate:
        self._position += 1
        self._expect("(")
        self._expect("attributes")
        self._expect(".")
        key = self._key()
        self._expect(",")
        prefix = self._string()
        self._expect(")")
        return lambda attributes: key in attributes and attributes[key].startswith(prefix)

    def _comparison(self) -> Predicate:
        self._expect("attributes")
        if self.peek() == ":":
            self._position += 1
            present = self._key()
            return lambda attributes: present in attributes
        self._expect(".")
        key = self._key()
        operator = self._next("= or !=")
        if operator not in ("=", "!="):
            self._position -= 1
            raise self.error("= or !=")
        value = self._string()
        if operator == "=":
            return lambda attributes: attributes.get(key) == value
        return lambda attributes: attributes.get(key) != value

    def _key(self) -> str:
        token = self._next("an attribute's key")
        if token.startswith('"'):
            return _unescape(token)
        if token in _WORDS or not re.fullmatch(r"[\w-]+", token, re.ASCII):
            self._position -= 1
            raise self.error("an attribute's key")
        return token

    def _string(self) -> str:
        token = self._next("a quoted string")
        if not token.startswith('"'):
            self._position -= 1
            raise self.error("a quoted string")
        return _unescape(token)
